"""Cross-validation over target subjects."""

import json

import numpy as np
import pytest

from beetl_task1.data.files import DataFolder
from beetl_task1.errors import BeetlError
from beetl_task1.models.base import Resources
from beetl_task1.recipes.recipe import load_recipe
from beetl_task1.scoring import leaderboard_score
from beetl_task1.validation import crossval
from beetl_task1.validation.zoo import zoo

GROUP = "65-79"


@pytest.fixture(scope="module")
def validated(tree, cache, tmp_path_factory):
    checkpoints = tmp_path_factory.mktemp("checkpoints")
    run = crossval.validate(load_recipe("features-logreg"), GROUP, DataFolder(tree), checkpoints, Resources(cache))
    return run, checkpoints


def test_every_target_night_is_scored_once(validated, tree):
    run, _ = validated
    assert sorted(run.probabilities) == [r.key for r in DataFolder(tree).recordings(GROUP, "target")]
    assert run.summary["n_epochs"] == sum(len(p) for p in run.probabilities.values())
    assert set(run.summary["subjects"]) == {"s0", "s1", "s2"}
    assert run.summary["score"] > 70


def test_score_is_that_of_the_pooled_epochs(validated):
    run, _ = validated
    keys = sorted(run.truth)
    labels = np.concatenate([run.probabilities[k].argmax(1) for k in keys])
    assert run.summary["score_argmax"] == leaderboard_score(np.concatenate([run.truth[k] for k in keys]), labels)


def test_cached_by_experiment(validated, tree, cache):
    run, checkpoints = validated
    data, recipe = DataFolder(tree), load_recipe("features-logreg")
    again = crossval.validate(recipe, GROUP, data, checkpoints, Resources(cache))
    assert again.cached
    assert not run.cached
    assert again.summary == run.summary
    other = crossval.validate(recipe.varied(seed=1), GROUP, data, checkpoints, Resources(cache))
    assert not other.cached


def test_folds_are_saved_and_reused(validated, tree):
    _, checkpoints = validated
    path = checkpoints / f"folds-{GROUP}.json"
    rows = json.loads(path.read_text())
    path.write_text(json.dumps(rows[::-1]))
    target = DataFolder(tree).recordings(GROUP, "target")
    assert [f.held_out for f in crossval.shared_folds(target, GROUP, checkpoints)] == [(2,), (1,), (0,)]
    rows[0]["train"].append(rows[0]["held_out"][0])
    path.write_text(json.dumps(rows))
    with pytest.raises(BeetlError, match="both sides"):
        crossval.shared_folds(target, GROUP, checkpoints)


def test_the_held_out_subject_never_trains(tree, cache, tmp_path, monkeypatch):
    """Record what each fold is fitted on."""
    seen = []

    class Spy:
        def __init__(self, inner):
            self.inner = inner

        def prepare(self, recordings):
            self.inner.prepare(recordings)

        def fit(self, *, source, target):
            self.trained = {r.key.subject for r in target}
            self.inner.fit(source=source, target=target)
            return self

        def predict_proba(self, recording):
            seen.append((recording.key.subject, self.trained))
            return self.inner.predict_proba(recording)

    real = crossval.build
    monkeypatch.setattr(crossval, "build", lambda *args: Spy(real(*args)))
    crossval.validate(load_recipe("features-logreg"), GROUP, DataFolder(tree), tmp_path, Resources(cache))
    assert len(seen) == 6
    assert all(held_out not in trained and len(trained) == 2 for held_out, trained in seen)


def test_the_zoo_lists_scores_and_checkpoints(validated):
    rows = {row["recipe"]: row for row in zoo(validated[1])}
    assert rows["features-logreg"]["groups"][GROUP]["score"] > 70
    assert rows["features-logreg"]["groups"][GROUP]["trained_on"] is None
    assert rows["default"]["groups"]["80-95"]["score"] is None
