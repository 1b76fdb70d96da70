"""Cross-validation of networks: what a held-out subject may give."""

import shutil

import numpy as np
import pytest
from conftest import experiment
from tiny import Tiny

from beetl_task1.models import registry
from beetl_task1.models.base import Resources
from beetl_task1.recipes.recipe import recipe_from
from beetl_task1.validation import crossval

GROUP = "65-79"
SHORT = {"passes": 2, "batch_size": 24}


@pytest.fixture
def recipe(monkeypatch):
    """Return a function from a transfer to a recipe of the tiny network."""
    monkeypatch.setitem(registry.MODELS._places, "tiny", Tiny)

    def make(name, **more):
        table = {"name": name, **SHORT, "lr": 1e-2} | more
        return recipe_from({"name": "tiny-one", "model": "tiny", "training": SHORT, "transfer": [table]})

    return make


def write_labels(root, subject, change):
    import pickle

    for path in (root / "LeaderboardSleep/sleep_target").glob(f"leaderboard_s{subject}r*y.npy"):
        path.write_bytes(pickle.dumps(change(pickle.loads(path.read_bytes()))))


@pytest.mark.parametrize("name", ["finetune", "self-training"])
def test_labels_of_the_held_out_subject_change_nothing_but_its_score(name, recipe, tree, tmp_path):
    other = shutil.copytree(tree, tmp_path / "other")
    write_labels(other, 1, lambda y: (y + 1) % 6)
    given = recipe(name, holdout=0, **({"rounds": 1, "sure": 0} if name == "self-training" else {}))
    first, second = (
        crossval.validate(experiment(given, GROUP, root), tmp_path / root.name, Resources()) for root in (tree, other)
    )
    mine = [key for key in first.labels if key.subject == 1]
    assert len(mine) == 2
    for key in mine:
        np.testing.assert_array_equal(first.probabilities[key], second.probabilities[key])
        np.testing.assert_array_equal(first.labels[key], second.labels[key])
    assert first.summary["subjects"]["s1"] != second.summary["subjects"]["s1"]
    rest = [key for key in first.labels if key.subject != 1]
    assert any((first.probabilities[key] != second.probabilities[key]).any() for key in rest), "subject 1 trains others"


def test_held_out_nights_are_there_without_labels(recipe, tree, tmp_path, monkeypatch):
    seen = []
    real = Tiny.fit_target

    def spied(self, *, source, target, unlabelled=()):
        seen.append(({n.key.subject for n in target}, {n.key.subject for n in unlabelled}, unlabelled))
        return real(self, source=source, target=target, unlabelled=unlabelled)

    monkeypatch.setattr(Tiny, "fit_target", spied)
    crossval.validate(experiment(recipe("dann"), GROUP, tree), tmp_path, Resources())
    assert len(seen) == 3, "three subjects, one by one"
    for train, hidden, nights in seen:
        assert hidden == {0, 1, 2, 6, 10} - train
        assert not any(night.labelled for night in nights)


def test_without_use_for_unlabelled_nights_there_are_none(recipe, tree, tmp_path, monkeypatch):
    seen = []
    real = Tiny.fit_target

    def spied(self, *, source, target, unlabelled=()):
        seen.append(list(unlabelled))
        return real(self, source=source, target=target, unlabelled=unlabelled)

    monkeypatch.setattr(Tiny, "fit_target", spied)
    crossval.validate(experiment(recipe("finetune"), GROUP, tree), tmp_path, Resources())
    assert seen == [[]] * 3
