"""Shift between target and test, on sets whose shift is known."""

import json

import numpy as np
import pytest
from scipy.stats import ttest_ind

from beetl_task1.data.recording import RecordingKey
from beetl_task1.errors import BeetlError
from beetl_task1.typed import typed
from beetl_task1.validation.feature_shift import FeatureShift, feature_shift
from beetl_task1.validation.shift import (
    Predicted,
    Shift,
    class_shift,
    expected_score,
    member_agreement,
    shift_of,
)


def features(first, n_subjects, offset, seed, n_features=6):
    rng = np.random.default_rng(seed)
    own = rng.normal(size=(n_subjects, n_features))
    return {
        RecordingKey("80-95", first + s, r): own[s] + offset + 0.5 * rng.normal(size=(80, n_features))
        for s in range(n_subjects)
        for r in (1, 2)
    }


NAMES = tuple(f"f{k}" for k in range(6))


def test_features_without_a_shift():
    found = feature_shift(features(0, 6, 0, 1), features(6, 9, 0, 2), NAMES)
    assert found.p_value > 0.05
    assert found.auc < 0.75
    assert found.mean == pytest.approx(found.by_chance, abs=0.3)


def test_features_with_a_shift():
    offset = np.array([4, 0, 0, 0, -4, 0])
    found = feature_shift(features(0, 6, 0, 1), features(6, 9, offset, 2), NAMES)
    assert found.p_value < 0.01
    assert found.auc > 0.9
    assert set(list(found.difference)[:2]) == {"f0", "f4"}
    assert found.difference["f0"] > 2
    assert found.difference["f4"] < -2
    assert found.kolmogorov["f0"] > 0.7


def test_difference_against_scipys_t():
    target, test = features(0, 5, 0, 3), features(5, 7, 1, 4)
    found = feature_shift(target, test, NAMES)
    means = [
        np.array([np.concatenate([side[k] for k in sorted(side) if k.subject == s]).mean(0)
                  for s in sorted({k.subject for k in side})])
        for side in (target, test)
    ]  # fmt: skip
    t = ttest_ind(means[1], means[0]).statistic
    expected = t * np.sqrt(1 / 5 + 1 / 7)
    assert [found.difference[name] for name in NAMES] == pytest.approx(expected)


def test_one_subject_is_too_few():
    with pytest.raises(BeetlError, match="two or more"):
        feature_shift(features(0, 1, 0, 1), features(6, 9, 0, 2), NAMES)


def key(subject, session=1):
    return RecordingKey("80-95", subject, session)


def test_class_shift_by_hand():
    target = {key(0): np.array([0, 0, 0, 2]), key(1): np.array([0, 2, 2, 2])}
    test = {key(2): np.array([2, 2, 2, 5])}
    found = class_shift(target, [test], {k: np.full(4, 1) for k in target})
    assert found.true["S1"] == 1
    assert found.target["W"] == found.target["S2"] == 0.5
    assert found.counts == {"W": 0, "S1": 0, "S2": 3, "S3": 0, "S4": 0, "REM": 1}
    assert found.distance == pytest.approx(0.5)
    assert found.between_subjects == pytest.approx(0.5)


def test_expected_score_is_the_score_where_probabilities_are_calibrated():
    rng = np.random.default_rng(5)
    p = rng.dirichlet(np.full(6, 0.4), 40_000)
    truth = (p.cumsum(1) > rng.random((len(p), 1))).argmax(1)
    labels = (p / p.mean(0)).argmax(1)
    recall = [np.mean(labels[truth == k] == k) for k in range(6)]
    assert expected_score({key(0): p}, {key(0): labels}) == pytest.approx(100 * np.mean(recall), abs=1)


def test_agreement_by_hand():
    target = {"a": {key(0): np.array([0, 1, 2, 3])}, "b": {key(0): np.array([0, 1, 2, 5])}}
    test = {"a": {key(1): np.array([0, 1])}, "b": {key(1): np.array([0, 2])}}
    found = member_agreement(target, [test])
    assert (found.target, found.test) == (0.75, 0.5)
    assert member_agreement({"a": target["a"]}, [{"a": test["a"]}]) is None


def predicted(subjects, sure, seed, share=None):
    rng = np.random.default_rng(seed)
    probabilities, labels, truth, other = {}, {}, {}, {}
    for s in subjects:
        y = rng.choice(6, 300, p=share)
        evidence = sure * np.eye(6)[y] + rng.normal(size=(300, 6))
        p = np.exp(2 * evidence)
        truth[key(s)], probabilities[key(s)] = y, p / p.sum(1, keepdims=True)
        labels[key(s)] = p.argmax(1)
        other[key(s)] = np.where(rng.random(300) < 0.1 / sure, rng.integers(0, 6, 300), p.argmax(1))
    return Predicted(probabilities, labels, {"a": labels, "b": other}), truth


def test_statement_for_an_alike_test_set():
    (target, truth), (test, _) = predicted(range(5), 2, 1), predicted(range(5, 9), 2, 2)
    found = shift_of(target, [test], truth, 80.0, feature_shift(features(0, 6, 0, 1), features(6, 9, 0, 2), NAMES))
    assert found.statement[-1].startswith("Nothing seen here")
    assert found.expected_test == pytest.approx(found.expected_target, abs=3)
    assert typed(Shift, json.loads(json.dumps(found.to_dict(), allow_nan=False)), "a shift") == found


def fold_models(subjects, n_models, rng, own=0.8):
    """Return the truth and what calibrated models make of it; each sees evidence with noise of its own."""
    truth = {key(s): rng.integers(0, 6, 1500) for s in subjects}
    shared = {k: np.eye(6)[y] + 0.5 * rng.normal(size=(len(y), 6)) for k, y in truth.items()}

    def model():
        evidence = {k: e + own * rng.normal(size=e.shape) for k, e in shared.items()}
        p = {k: np.exp(e / (0.5**2 + own**2)) for k, e in evidence.items()}
        return {k: each / each.sum(axis=1, keepdims=True) for k, each in p.items()}

    return truth, [model() for _ in range(n_models)]


def most_probable(probabilities):
    return {k: p.argmax(axis=1) for k, p in probabilities.items()}


def test_a_test_set_as_hard_as_the_target_is_expected_to_score_the_same():
    """Each target subject is predicted by one fold's model, the test set by all; the mean over them is another."""
    rng = np.random.default_rng(8)
    truth, models = fold_models(range(6), 6, rng)
    outer = {k: models[k.subject][k] for k in truth}
    target = Predicted(outer, most_probable(outer), {})
    _, tests = fold_models(range(6, 12), 6, rng)
    alike = shift_of(target, [Predicted(p, most_probable(p), {}) for p in tests], truth, 60.0)
    assert alike.expected_test == pytest.approx(alike.expected_target, abs=1)
    assert alike.confidence_test == pytest.approx(alike.confidence_target, abs=0.01)
    assert alike.classes.distance < 0.02
    assert alike.statement[-1].startswith("Nothing seen here")
    mean = {k: np.mean([p[k] for p in tests], axis=0) for k in tests[0]}
    biased = shift_of(target, [Predicted(mean, most_probable(mean), {})], truth, 60.0)
    assert biased.expected_target - biased.expected_test > 3, "the mean over the models looks harder than it is"


def test_several_models_are_averaged_one_by_one():
    sure = np.array([[0.9, 0.1, 0, 0, 0, 0]])
    torn = np.array([[0.4, 0.6, 0, 0, 0, 0]])
    here, there = key(0), key(9)
    target = Predicted({here: sure}, {here: np.array([0])}, {"a": {here: np.array([0])}, "b": {here: np.array([0])}})
    tests = [
        Predicted({there: p}, {there: p.argmax(1)}, {"a": {there: p.argmax(1)}, "b": {there: np.array([0])}})
        for p in (sure, torn)
    ]
    found = shift_of(target, tests, {here: np.array([0])}, 50.0)
    assert found.confidence_test == pytest.approx(0.75)
    assert (found.classes.counts["W"], found.classes.counts["S1"]) == (0.5, 0.5)
    assert found.classes.distance == pytest.approx(0.5)
    assert (found.agreement.target, found.agreement.test) == (1, 0.5)


def test_expected_scores_of_several_models_are_averaged():
    rng = np.random.default_rng(3)
    truth, models = fold_models(range(2), 1, rng)
    target = Predicted(models[0], most_probable(models[0]), {})
    tests = [fold_models(range(2, 4), 1, rng, own)[1][0] for own in (0.1, 2.0)]
    tests = [Predicted(p, most_probable(p), {}) for p in tests]
    alone = [shift_of(target, [test], truth, 50.0).expected_test for test in tests]
    assert alone[0] > alone[1] + 10
    found = shift_of(target, tests, truth, 50.0)
    assert found.expected_test == pytest.approx(np.mean(alone))
    guess = 50 - (found.expected_target - np.mean(alone))
    assert abs(guess - 50) > 2
    assert f"guess for the test set is {guess:.0f}" in found.statement[-1]


def test_a_stage_without_probability_is_left_out_of_the_expected_score():
    p = np.array([[0.8, 0.2, 0, 0, 0, 0], [0.4, 0.6, 0, 0, 0, 0]])
    expected = 100 * np.mean([0.8 / 1.2, 0.6 / 0.8])
    assert expected_score({key(0): p}, {key(0): np.array([0, 1])}) == pytest.approx(expected)


def test_members_of_one_side_alone_are_not_compared():
    labels = {key(0): np.array([0, 1])}
    members = {"a": labels, "b": labels, "c": labels}
    assert member_agreement(members, [members, {"a": labels, "b": labels}]).members == ["a", "b"]


@pytest.mark.parametrize(
    ("p_value", "auc", "doubt"), [(0.2, 0.8, True), (0.01, 0.6, True), (0.2, 0.7, False), (0.06, 0.75, False)]
)
def test_either_sign_that_signals_differ_is_enough(p_value, auc, doubt):
    (target, truth), (test, _) = predicted(range(5), 2, 1), predicted(range(5, 9), 2, 2)
    features = FeatureShift({}, {}, 1.0, 1.0, p_value, auc, 6)
    assert ("its signals differ" in shift_of(target, [test], truth, 80.0, features).statement[-1]) is doubt


@pytest.mark.parametrize(
    ("own", "test", "doubt"),
    [
        ([0.5, 0.5], [0.4, 0.6], False),
        ([0.5, 0.5], [0.35, 0.65], True),
        ([0.3, 0.7], [0.35, 0.65], False),
        ([0.3, 0.7], [0.7, 0.3], False),
        ([0.35, 0.65], [0.85, 0.15], True),
    ],
)
def test_stages_are_mixed_otherwise_beyond_a_tenth_and_what_subjects_differ_by(own, test, doubt):
    """Two target subjects, whose shares of W are given; the test set has a share of its own."""

    def night(share):
        return np.repeat([0, 2], [round(100 * share), 100 - round(100 * share)])

    labels = {key(s): night(share) for s, share in enumerate(own)}
    there = {key(9): night(test[0])}
    sides = [Predicted({k: np.eye(6)[y] for k, y in side.items()}, side, {}) for side in (labels, there)]
    found = shift_of(sides[0], [sides[1]], labels, 80.0)
    assert ("mixed otherwise" in found.statement[-1]) is doubt, found.classes


def test_a_constant_feature_differs_by_nothing():
    target, test = features(0, 5, 0, 3), features(5, 7, 1, 4)
    for night in (*target.values(), *test.values()):
        night[:, 2] = 3
    assert feature_shift(target, test, NAMES).difference["f2"] == 0


def test_statement_for_another_test_set():
    target, truth = predicted(range(5), 2, 1)
    test, _ = predicted(range(5, 9), 1, 2, share=[0.9, 0.1, 0, 0, 0, 0])
    found = shift_of(target, [test], truth, 80.0, feature_shift(features(0, 6, 0, 1), features(6, 9, 3, 2), NAMES))
    verdict = found.statement[-1]
    for words in ("ranking", "mixed otherwise", "signals differ", "agree less", "less sure"):
        assert words in verdict
    assert found.confidence_test < found.confidence_target
