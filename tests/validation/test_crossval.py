"""Cross-validation over target subjects."""

import copy
import json
import pickle
import shutil
import warnings

import numpy as np
import pytest
from conftest import experiment

from beetl_task1.context.similar import SimilarEpochs
from beetl_task1.data.files import DataFolder
from beetl_task1.data.recording import RecordingKey
from beetl_task1.decision import BalancedDecision, pooled_prior
from beetl_task1.ensemble import mean_of
from beetl_task1.errors import BeetlError
from beetl_task1.features import night_features, relative
from beetl_task1.models import registry
from beetl_task1.models.base import Resources
from beetl_task1.models.features_boost import FeaturesBoost
from beetl_task1.models.features_logreg import FeaturesLogreg
from beetl_task1.models.tabular import TabularModel
from beetl_task1.recipes.checkpoint import load_predictor
from beetl_task1.recipes.recipe import load_recipe
from beetl_task1.recipes.training import train
from beetl_task1.scoring import leaderboard_score
from beetl_task1.validation import crossval, outoffold
from beetl_task1.validation.outoffold import OutOfFold, Split
from beetl_task1.validation.zoo import reference_scores, zoo

GROUP = "65-79"


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """Return a store of this file's own, without what other files have predicted with the same recipe and data."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def validated(tree, cache, tmp_path_factory):
    checkpoints = tmp_path_factory.mktemp("checkpoints")
    run = crossval.validate(experiment("features-logreg", GROUP, tree), checkpoints, Resources(cache))
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
    again = crossval.validate(experiment(recipe, GROUP, data), checkpoints, Resources(cache))
    assert again.cached
    assert not run.cached
    assert again.summary == run.summary
    other = crossval.validate(experiment(recipe.varied(seed=41), GROUP, data), checkpoints, Resources(cache))
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
    """Each model says whom it was fitted on: the probability of stage k is higher where subject k trained."""
    real = FeaturesLogreg.fit

    def fit(self, *, source, target, unlabelled=()):
        self.trained = {r.key.subject for r in target}
        return real(self, source=source, target=target)

    def predict_proba(self, recording):
        p = np.array([3.0 if stage in self.trained else 1.0 for stage in range(6)])
        return np.tile(p / p.sum(), (recording.n_epochs, 1))

    monkeypatch.setattr(FeaturesLogreg, "fit", fit)
    monkeypatch.setattr(FeaturesLogreg, "predict_proba", predict_proba)
    run = crossval.validate(experiment("features-logreg", GROUP, tree), tmp_path, Resources(tmp_path / "cache"))
    for key, p in run.probabilities.items():
        trained = {stage for stage in range(6) if p[0, stage] > p[0].min()}
        assert trained == {0, 1, 2} - {key.subject}
    assert all(np.ptp(p[0]) == 0 for p in run.source_only.values())


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
        crossval.validate(experiment(recipe, GROUP, root), tmp_path / "checkpoints" / root.name, Resources(cache))
        for root in (one, other)
    )
    mine = [key for key in first.labels if key.subject == 1]
    for key in mine:
        np.testing.assert_array_equal(first.probabilities[key], second.probabilities[key])
        np.testing.assert_array_equal(first.labels[key], second.labels[key])
        np.testing.assert_array_equal(first.source_only_labels[key], second.source_only_labels[key])
    assert first.summary["subjects"]["s1"] != second.summary["subjects"]["s1"]
    rest = [key for key in first.labels if key.subject != 1]
    assert any((first.probabilities[key] != second.probabilities[key]).any() for key in rest), "subject 1 trains others"
    naive = [pooled_prior(run.probabilities) for run in (first, second)]
    assert abs(naive[0] - naive[1]).max() > 0.01, "a prior pooled over the folds would know the labels of subject 1"


def test_the_prior_of_a_subject_does_not_know_its_labels():
    """Models of the other splits trained on the labels of the held-out subject, so they have no say in its prior."""
    subjects = (0, 1, 2)
    splits = tuple(Split(tuple(s for s in subjects if s != out), (out,)) for out in subjects)
    rng = np.random.default_rng(0)
    keys = [RecordingKey(GROUP, s, 1) for s in subjects]
    mine = {key: rng.dirichlet(np.ones(6), 40) for key in keys}

    def found(others):
        """Return predictions in which all models but that of subject 1 say ``others``."""
        said = np.tile(np.where(np.arange(6) == others, 0.95, 0.01), (40, 1))
        rest = dict.fromkeys(keys, said)
        return OutOfFold(splits, (rest, mine, rest), mine, {}, {}, False)

    decision = BalancedDecision(strength=1.0)
    first, second = (crossval.decided(found(stage), decision)[RecordingKey(GROUP, 1, 1)] for stage in (0, 4))
    np.testing.assert_array_equal(first, second)
    leaks = [decision.decide(found(stage).outer)[RecordingKey(GROUP, 1, 1)] for stage in (0, 4)]
    assert (leaks[0] != leaks[1]).sum() > 5, "a prior pooled over the splits would tell"
    np.testing.assert_array_equal(first, decision.decide(mine)[RecordingKey(GROUP, 1, 1)])


def test_a_killed_run_goes_on(tree, cache, tmp_path, monkeypatch):
    fits = []
    real = outoffold.Fits._fit

    def breaks(work, split):
        if len(fits) == 2:
            raise KeyboardInterrupt
        fits.append(split)
        return real(work, split)

    arguments = (experiment("features-logreg", GROUP, tree), tmp_path, Resources(tmp_path / "cache"))
    monkeypatch.setattr(outoffold.Fits, "_fit", breaks)
    with pytest.raises(KeyboardInterrupt):
        crossval.validate(*arguments)
    monkeypatch.setattr(outoffold.Fits, "_fit", lambda work, split: fits.append(split) or real(work, split))
    assert not crossval.validate(*arguments).cached
    assert len(fits) == len(set(fits)) == 4, "three subjects one by one, and none trained on"
    assert crossval.validate(*arguments).cached


def test_a_stage_on_the_source_alone_is_fitted_once(tree, cache, tmp_path, monkeypatch):
    calls = []

    class Staged(FeaturesLogreg):
        def fit_source(self, *, source):
            calls.append("source")
            return self.fit(source=source, target=[])

        def branched(self):
            return copy.copy(self)

        def fit_target(self, *, source, target, unlabelled=()):
            calls.append(tuple(sorted({r.key.subject for r in target})))
            return self.fit(source=source, target=target)

    plain = crossval.validate(experiment("features-logreg", GROUP, tree), tmp_path / "b", Resources(tmp_path / "1"))
    monkeypatch.setattr("beetl_task1.recipes.experiment.make", lambda name, settings, **kw: Staged(settings, **kw))
    staged = crossval.validate(experiment("features-logreg", GROUP, tree), tmp_path / "a", Resources(tmp_path / "2"))
    assert calls == ["source", (1, 2), (0, 2), (0, 1)]
    assert plain.summary["score"] == staged.summary["score"]


def test_what_the_test_set_is_belongs_to_the_verdict(tree, cache, tmp_path):
    """After other test files were laid there, the verdict is of those."""
    root = shutil.copytree(tree, tmp_path / "tree")
    first = crossval.validate(experiment("features-logreg", GROUP, root), tmp_path, Resources(cache))
    testing = root / "LeaderboardSleep" / "testing"
    for path in testing.glob("*s10r*X.npy"):
        path.write_bytes(pickle.dumps(pickle.loads(path.read_bytes())[:-5]))
    second = crossval.validate(experiment("features-logreg", GROUP, root), tmp_path, Resources(cache))
    assert sum(first.shift.classes.counts.values()) == 96
    assert sum(second.shift.classes.counts.values()) == 86
    assert first.key != second.key


def test_a_model_without_use_for_target_nights_is_fitted_once(tree, cache, tmp_path, monkeypatch):
    monkeypatch.setattr(FeaturesLogreg, "uses_target", False, raising=False)
    run = crossval.validate(experiment("features-logreg", GROUP, tree), tmp_path, Resources(tmp_path / "cache"))
    assert len(list((tmp_path / "cache" / "predictions").iterdir())) == 1
    assert run.transfer() is None
    assert run.shift is not None


def test_with_and_without_transfer(validated):
    run, _ = validated
    transfer = run.transfer()
    assert transfer.second == "features-logreg without transfer"
    assert transfer.pooled == pytest.approx(run.card().score - run.card_without().score)
    assert run.summary["without_transfer"]["pooled"]["score"] == run.card_without().score


def test_seeds_one_by_one(tree, cache, tmp_path):
    recipe = load_recipe("features-logreg").but(seeds=(0, 1))
    run = crossval.validate(experiment(recipe, GROUP, tree), tmp_path, Resources(cache))
    assert set(run.seeds.scores) == {"0", "1"}
    one = crossval.validate(experiment(recipe.varied(seed=0).but(seeds=(0,)), GROUP, tree), tmp_path, Resources(cache))
    assert one.cached, "each seed is kept for itself"


def test_ensemble_averages_its_members(tree, cache, tmp_path, monkeypatch):
    other = FeaturesLogreg(FeaturesLogreg.Settings(C=0.001), seed=0, resources=Resources())
    monkeypatch.setattr(FeaturesBoost, "make_classifier", lambda self, n: other.make_classifier(n))
    monkeypatch.setattr(FeaturesBoost, "classify", TabularModel.classify)
    data, resources = DataFolder(tree), Resources(cache)
    run = crossval.validate(experiment("features-mean", GROUP, data), tmp_path, resources)
    members = [crossval.validate(experiment(name, GROUP, data), tmp_path, resources)
               for name in load_recipe("features-mean").members]  # fmt: skip
    assert all(member.cached for member in members)
    for key, p in run.probabilities.items():
        np.testing.assert_allclose(p, np.mean([member.probabilities[key] for member in members], axis=0), atol=1e-7)
    assert run.shift.agreement.members == ["features-logreg", "features-boost"]
    similar = SimilarEpochs(size=5)
    heard = experiment("features-mean", GROUP, data, mean="geometric", similar=similar)
    for key, p in crossval.validate(heard, tmp_path, resources).probabilities.items():
        [night] = [night for night in heard.nights.target if night.key == key]
        mean = mean_of([member.probabilities[key] for member in members], "geometric")
        rows = similar.rows(relative(night_features(night, resources.store)))
        np.testing.assert_allclose(p, similar.heard(mean, rows), atol=1e-6)


def test_members_of_other_seeds_leave_the_score_of_all(tree, cache, tmp_path):
    """A seed that only some members have more of beside it is another system, and its score is not the ensemble's."""
    (tmp_path / "two.toml").write_text('model = "features-logreg"\nseeds = [0, 1]\n')
    (tmp_path / "mine.toml").write_text('members = ["features-boost", "two.toml"]\n')
    mine = experiment(load_recipe(str(tmp_path / "mine.toml")), GROUP, DataFolder(tree))
    run = crossval.validate(mine, tmp_path, Resources(cache))
    assert list(run.seeds.scores.values()) == [run.summary["score"]]


def test_models_on_features_are_fitted_in_processes_to_the_same_numbers(tree, cache, tmp_path, monkeypatch):
    wanted = experiment("features-mean", GROUP, DataFolder(tree))
    one = crossval.validate(wanted, tmp_path, Resources(tmp_path / "one", 1))

    def refuse(*_):
        raise AssertionError("fitted in this process")

    monkeypatch.setattr(outoffold.Fits, "_fit", refuse)
    told = []
    resources = Resources(tmp_path / "two", 2, progress=lambda done, total, text: told.append((done, total, text)))
    with warnings.catch_warnings(record=True) as seen:
        two = crossval.validate(wanted, tmp_path, resources)
        warnings.warn("A worker stopped while some jobs were given to the executor.", stacklevel=1)  # as loky says
    assert not [each for each in seen if "worker stopped" in str(each.message)]
    for key, p in one.probabilities.items():
        np.testing.assert_array_equal(two.probabilities[key], p)
    fits = [each for each in told if "held out" in each[2]]
    assert fits[-1][0] == fits[-1][1] == len(fits)
    assert not two.cached


def test_members_count_by_their_weights(tree, cache, tmp_path):
    """The same in the cross-validation, and in what is predicted by a checkpoint."""
    recipe = load_recipe("features-mean").but(name="mine", weights=(3.0, 1.0))
    run = crossval.validate(experiment(recipe, GROUP, tree), tmp_path, Resources(cache))
    members = [crossval.validate(experiment(name, GROUP, tree), tmp_path, Resources(cache)) for name in recipe.members]
    for key, p in run.probabilities.items():
        three, one = (member.probabilities[key] for member in members)
        np.testing.assert_allclose(p, 0.75 * three + 0.25 * one, atol=1e-6)
    train(experiment(recipe, GROUP, tree), tmp_path, Resources(cache))
    predictor = load_predictor(tmp_path, "mine", GROUP, Resources(cache))[0]
    [night, *_] = DataFolder(tree).recordings(GROUP, "test")
    three, one = (member.predict_proba(night) for member in predictor.members)
    np.testing.assert_allclose(predictor.predict_proba(night), 0.75 * three + 0.25 * one, atol=1e-12)
    geometric = mean_of([three, one], "geometric", (3.0, 1.0))
    expected = np.exp(0.75 * np.log(np.maximum(three, 1e-6)) + 0.25 * np.log(np.maximum(one, 1e-6)))
    np.testing.assert_allclose(geometric, expected / expected.sum(axis=1, keepdims=True), atol=1e-9)


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
    run = crossval.validate(experiment("features-logreg", GROUP, other), tmp_path, Resources(cache))
    assert run.shift is None


def test_a_parameter_that_the_model_refuses_is_one_line(tree, cache, tmp_path):
    recipe = load_recipe("features-boost").but(parameters={"max_bins": 300})
    with pytest.raises(BeetlError, match=r"recipe features-boost: .*check \[parameters\]"):
        crossval.validate(experiment(recipe, GROUP, tree), tmp_path, Resources(cache))


def test_another_default_of_the_model_is_another_experiment(tree, cache, tmp_path, monkeypatch):
    crossval.validate(experiment("features-logreg", GROUP, tree), tmp_path, Resources(cache))

    class Other(FeaturesLogreg):
        class Settings(FeaturesLogreg.Settings, frozen=True):
            C: float = 0.5

    monkeypatch.setitem(registry.MODELS._places, "features-logreg", Other)
    assert not crossval.validate(experiment("features-logreg", GROUP, tree), tmp_path, Resources(cache)).cached


def test_a_decision_needs_no_fits_of_its_own(tree, tmp_path):
    place = Resources(tmp_path / "cache")
    plain = experiment("features-logreg", GROUP, tree, decision=BalancedDecision(strength=0))
    argmax = crossval.validate(plain, tmp_path, place).summary
    halved = crossval.validate(experiment("features-logreg", GROUP, tree), tmp_path, place).summary
    assert len(list((tmp_path / "cache" / "predictions").iterdir())) == 4, "one fit per subject, one on the source"
    assert argmax["score"] == halved["score_argmax"] == argmax["score_argmax"]
