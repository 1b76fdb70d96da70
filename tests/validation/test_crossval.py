"""Cross-validation over target subjects."""

import copy
import itertools
import json
import pickle
import shutil
from dataclasses import replace

import numpy as np
import pytest

from beetl_task1.data.files import DataFolder
from beetl_task1.data.recording import RecordingKey
from beetl_task1.decision import pooled_prior
from beetl_task1.errors import BeetlError
from beetl_task1.models import registry
from beetl_task1.models.base import Resources
from beetl_task1.models.features_boost import FeaturesBoost
from beetl_task1.models.features_logreg import FeaturesLogreg
from beetl_task1.recipes.recipe import load_recipe
from beetl_task1.scoring import leaderboard_score
from beetl_task1.validation import crossval, outoffold
from beetl_task1.validation.splits import blocks, outer_splits
from beetl_task1.validation.zoo import reference_scores, zoo

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


class Spy:
    """Wraps a predictor and notes whom it was fitted on and whom it predicts."""

    seen: list

    def __init__(self, inner):
        self.inner, self.members = inner, [object()]

    def prepare(self, recordings):
        self.inner.prepare(recordings)

    def fit(self, *, source, target, unlabelled=()):
        self.trained = {r.key.subject for r in target}
        self.inner.fit(source=source, target=target)
        return self

    def predict_proba(self, recording):
        self.seen.append((recording.key.subject, frozenset(self.trained)))
        return self.inner.predict_proba(recording)


def test_the_held_out_subject_never_trains(tree, cache, tmp_path, monkeypatch):
    monkeypatch.setattr(Spy, "seen", [], raising=False)
    real = outoffold.build
    monkeypatch.setattr(outoffold, "build", lambda *args: Spy(real(*args)))
    crossval.validate(load_recipe("features-logreg"), GROUP, DataFolder(tree), tmp_path, Resources(cache))
    target = [(subject, trained) for subject, trained in Spy.seen if subject in (0, 1, 2)]
    assert all(subject not in trained for subject, trained in target)
    assert {len(trained) for _, trained in target} == {0, 1, 2}


def write_labels(root, subject, change):
    for path in (root / "LeaderboardSleep/sleep_target").glob(f"leaderboard_s{subject}r*y.npy"):
        with open(path, "rb") as file:
            y = pickle.load(file)
        path.write_bytes(pickle.dumps(change(y)))


def test_labels_of_the_held_out_subject_change_nothing_but_its_score(tree, cache, tmp_path):
    """Everything that was decided about a subject is the same with other labels of it; others may change.

    Labels are noisy, so that many epochs are close calls and a prior that knows the labels would turn some.
    """
    rng = np.random.default_rng(7)
    one, other = tmp_path / "one", tmp_path / "other"
    shutil.copytree(tree, one)
    for subject in (0, 1, 2):
        write_labels(one, subject, lambda y: np.where(rng.random(len(y)) < 0.6, rng.integers(0, 6, len(y)), y))
    shutil.copytree(one, other)
    write_labels(other, 1, lambda y: np.full_like(y, 4))
    recipe = load_recipe("features-logreg")
    first, second = (
        crossval.validate(recipe, GROUP, DataFolder(root), tmp_path / "checkpoints" / root.name, Resources(cache))
        for root in (one, other)
    )
    mine = [key for key in first.labels if key.subject == 1]
    for key in mine:
        np.testing.assert_array_equal(first.probabilities[key], second.probabilities[key])
        np.testing.assert_array_equal(first.labels[key], second.labels[key])
        np.testing.assert_array_equal(first.without.labels[key], second.without.labels[key])
    assert first.summary["subjects"]["s1"] != second.summary["subjects"]["s1"]
    rest = [key for key in first.labels if key.subject != 1]
    assert any((first.probabilities[key] != second.probabilities[key]).any() for key in rest), "subject 1 trains others"
    naive = [pooled_prior(run.probabilities) for run in (first, second)]
    assert abs(naive[0] - naive[1]).max() > 0.01, "a prior pooled over the folds would know the labels of subject 1"


class Learner:
    """A decision that learns: notes what it was fitted on, and labels all epochs by it."""

    def __init__(self):
        self.fits = []

    def fit(self, probabilities, truth):
        assert set(probabilities) == set(truth)
        self.fits.append({key.subject for key in truth})
        fitted = Learner()
        fitted.label = int(np.bincount(np.concatenate(list(truth.values()))).argmax())
        return fitted

    def decide(self, probabilities):
        return {key: np.full(len(p), self.label) for key, p in probabilities.items()}


def test_what_is_fitted_on_top_never_sees_the_held_out_labels():
    keys = [RecordingKey(GROUP, subject, 1) for subject in (0, 1, 2)]
    truth = {key: np.full(4, key.subject) for key in keys}
    pools = {subject: {key: np.full((4, 6), 1 / 6) for key in keys} for subject in (0, 1, 2)}
    learner = Learner()
    labels = crossval.decide_held_out(pools, truth, learner)
    assert learner.fits == [{1, 2}, {0, 2}, {0, 1}]
    assert [labels[key][0] for key in keys] == [1, 0, 0]
    changed = truth | {keys[0]: np.full(4, 5)}
    assert (crossval.decide_held_out(pools, changed, Learner())[keys[0]] == labels[keys[0]]).all()


@pytest.mark.parametrize("n", range(2, 11))
def test_every_two_subjects_are_held_out_together(n):
    subjects = list(range(n))
    found = blocks(subjects)
    assert len(found) <= 6
    for a, b in itertools.combinations(subjects, 2):
        assert any({a, b} <= set(split.held_out) for split in found)
    assert all(sorted(split.train + split.held_out) == subjects for split in found)


def test_a_killed_run_goes_on(tree, cache, tmp_path, monkeypatch):
    fits = []
    real = outoffold._Work._fit

    def breaks(work, subjects):
        if len(fits) == 3:
            raise KeyboardInterrupt
        fits.append(subjects)
        return real(work, subjects)

    arguments = (load_recipe("features-logreg"), GROUP, DataFolder(tree), tmp_path, Resources(cache))
    monkeypatch.setattr(outoffold._Work, "_fit", breaks)
    with pytest.raises(KeyboardInterrupt):
        crossval.validate(*arguments)
    monkeypatch.setattr(outoffold._Work, "_fit", lambda work, subjects: fits.append(subjects) or real(work, subjects))
    assert not crossval.validate(*arguments).cached
    assert len(fits) == len(set(fits)) == 7, "three subjects: one by one, in three pairs, and none trained on"
    assert crossval.validate(*arguments).cached


def test_a_stage_on_the_source_alone_is_fitted_once(tree, cache, tmp_path, monkeypatch):
    calls = []

    class Staged(FeaturesLogreg):
        def fit_source(self, *, source):
            calls.append("source")
            self.fit(source=source, target=[])

        def fit_target(self, *, source, target, unlabelled=()):
            calls.append(tuple(sorted({r.key.subject for r in target})))
            self.fit(source=source, target=target)

        def branched(self):
            return copy.copy(self)

    monkeypatch.setitem(registry.MODELS._places, "features-logreg", Staged)
    data = DataFolder(tree)
    staged = crossval.validate(load_recipe("features-logreg"), GROUP, data, tmp_path / "a", Resources(cache))
    assert calls[0] == "source"
    assert sorted(calls[1:]) == [(0,), (0, 1), (0, 2), (1,), (1, 2), (2,)]
    monkeypatch.undo()
    plain = crossval.validate(load_recipe("features-logreg"), GROUP, data, tmp_path / "b", Resources(cache))
    assert plain.summary["score"] == staged.summary["score"]


def test_test_nights_are_predicted_only_where_asked(tree, cache, tmp_path):
    data, recipe = DataFolder(tree), load_recipe("features-logreg")
    nights = data.recordings(GROUP, "target")
    splits = outer_splits(crossval.shared_folds(nights, GROUP, tmp_path))
    with_tests, without = (
        outoffold.out_of_fold(recipe, outoffold.Setting(GROUP, data, tmp_path, Resources(cache), splits, False, asked))
        for asked in (True, False)
    )
    assert set(with_tests.test) == {r.key for r in data.recordings(GROUP, "test")}
    assert not without.test
    for key, found in with_tests.outer.items():
        np.testing.assert_array_equal(found, without.outer[key])


def test_a_model_without_use_for_target_nights_is_fitted_once(tree, cache, tmp_path, monkeypatch):
    monkeypatch.setattr(FeaturesLogreg, "uses_target", False, raising=False)
    run = crossval.validate(load_recipe("features-logreg"), GROUP, DataFolder(tree), tmp_path, Resources(cache))
    assert len(list(tmp_path.rglob("out-*.npz"))) == 1
    assert run.transfer() is None
    assert run.shift is not None


def test_with_and_without_transfer(validated):
    run, _ = validated
    transfer = run.transfer()
    assert transfer.second == "features-logreg without transfer"
    assert transfer.pooled == pytest.approx(run.card().score - run.card_without().score)
    assert run.summary["without_transfer"]["pooled"]["score"] == run.card_without().score


def test_seeds_one_by_one(tree, cache, tmp_path):
    recipe = replace(load_recipe("features-logreg"), seeds=(0, 1))
    run = crossval.validate(recipe, GROUP, DataFolder(tree), tmp_path, Resources(cache))
    assert set(run.seeds.scores) == {"0", "1"}
    one = crossval.validate(recipe.varied(seed=0), GROUP, DataFolder(tree), tmp_path, Resources(cache))
    assert one.cached, "each seed is kept for itself"


def test_ensemble_averages_its_members(tree, cache, tmp_path, monkeypatch):
    other = FeaturesLogreg(FeaturesLogreg.Settings(C=0.001), seed=0, resources=Resources())
    monkeypatch.setattr(FeaturesBoost, "make_classifier", lambda self: other.make_classifier())
    data, resources = DataFolder(tree), Resources(cache)
    run = crossval.validate(load_recipe("default"), GROUP, data, tmp_path, resources)
    members = [crossval.validate(load_recipe(name), GROUP, data, tmp_path, resources)
               for name in load_recipe("default").members]  # fmt: skip
    assert all(member.cached for member in members)
    for key, p in run.probabilities.items():
        np.testing.assert_allclose(p, np.mean([member.probabilities[key] for member in members], axis=0), atol=1e-7)
    assert run.shift.agreement.members == ["features-logreg", "features-boost"]


def test_the_test_set_beside_the_target(validated):
    run, _ = validated
    assert sum(run.shift.classes.counts.values()) == 96
    assert run.shift.features.n_features > 50
    assert run.shift.statement
    json.dumps(run.summary, allow_nan=False)


def test_five_stages(validated):
    run, _ = validated
    assert run.card("aasm").stages == ("W", "N1", "N2", "N3", "REM")
    assert run.card("aasm").pooled.support["N3"] == 48


def test_the_zoo_lists_scores_and_checkpoints(validated):
    rows = {row["recipe"]: row for row in zoo(validated[1])}
    assert rows["features-logreg"]["groups"][GROUP]["score"] > 70
    assert rows["features-logreg"]["groups"][GROUP]["trained_on"] is None
    assert rows["default"]["groups"]["80-95"]["score"] is None
    assert 35 < rows["chambon"]["reference"]["80-95"] < 100
    assert set(reference_scores()["scores"]) <= set(rows), "scores of recipes that are gone"


def test_an_incomplete_test_set_does_not_stop_the_validation(tree, cache, tmp_path):
    other = shutil.copytree(tree, tmp_path / "tree")
    shutil.rmtree(other / "LeaderboardSleep" / "testing")
    run = crossval.validate(load_recipe("features-logreg"), GROUP, DataFolder(other), tmp_path, Resources(cache))
    assert run.shift is None


def test_a_parameter_that_the_model_refuses_is_one_line(tree, cache, tmp_path):
    recipe = replace(load_recipe("features-boost"), parameters={"max_bins": 300})
    with pytest.raises(BeetlError, match=r"recipe features-boost: .*check \[parameters\]"):
        crossval.validate(recipe, GROUP, DataFolder(tree), tmp_path, Resources(cache))


def test_another_default_of_the_model_is_another_experiment(tree, cache, tmp_path, monkeypatch):
    arguments = (load_recipe("features-logreg"), GROUP, DataFolder(tree), tmp_path, Resources(cache))
    crossval.validate(*arguments)

    class Other(FeaturesLogreg):
        class Settings(FeaturesLogreg.Settings, frozen=True):
            C: float = 0.5

    monkeypatch.setitem(registry.MODELS._places, "features-logreg", Other)
    assert not crossval.validate(*arguments).cached


def test_the_plain_argmax_needs_no_inner_fits(tree, cache, tmp_path):
    plain = replace(load_recipe("features-logreg"), decision={"strength": 0})
    found = crossval.validate(plain, GROUP, DataFolder(tree), tmp_path, Resources(cache))
    made = {path.stem for path in (tmp_path / "features-logreg" / GROUP / "validation" / "seed0").glob("*.npz")}
    assert made == {"out-0", "out-1", "out-2", "out-0-1-2"}
    decided = crossval.validate(load_recipe("features-logreg"), GROUP, DataFolder(tree), tmp_path, Resources(cache))
    assert found.summary["score"] == decided.summary["score_argmax"] == found.summary["score_argmax"]
