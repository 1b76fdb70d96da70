"""Every statistic of the scorecard against an independent computation."""

import itertools
import json

import numpy as np
import pytest
from sklearn import metrics
from sklearn.calibration import calibration_curve

from beetl_task1.data.recording import RecordingKey
from beetl_task1.errors import BeetlError
from beetl_task1.scoring import leaderboard_score
from beetl_task1.task import STAGES
from beetl_task1.typed import typed
from beetl_task1.validation.calibration import reliability
from beetl_task1.validation.resampling import (
    N_DRAWS,
    Interval,
    _quantile,
    confusion_score,
    subject_draws,
    subject_interval,
)
from beetl_task1.validation.scorecard import Scorecard, bare_scorecard, scorecard


def nights(seed=0, subjects=(0, 1, 2, 10), n=150, lacking=()):
    """Return truth and overconfident probabilities of two nights per subject; some subjects lack S4."""
    rng = np.random.default_rng(seed)
    truth, probabilities = {}, {}
    for subject, session in itertools.product(subjects, (1, 2)):
        key = RecordingKey("65-79", subject, session)
        share = np.array([0.3, 0.1, 0.3, 0.1, 0.0 if subject in lacking else 0.05, 0.15])
        truth[key] = rng.choice(6, n, p=share / share.sum())
        evidence = rng.normal(size=(n, 6)) + 1.2 * np.eye(6)[truth[key]]
        p = np.exp(2 * evidence)
        probabilities[key] = p / p.sum(axis=1, keepdims=True)
    return truth, probabilities


def labels_of(probabilities):
    return {key: p.argmax(axis=1) for key, p in probabilities.items()}


def stacked(values):
    return np.concatenate([values[key] for key in sorted(values)])


@pytest.fixture(scope="module")
def example():
    truth, probabilities = nights(lacking=(10,))
    return truth, probabilities, scorecard(truth, labels_of(probabilities), probabilities, name="example")


def test_pooled_score_is_the_leaderboards(example):
    truth, probabilities, card = example
    true, labels = stacked(truth), stacked(labels_of(probabilities))
    assert card.score == pytest.approx(leaderboard_score(true, labels))
    assert card.score == pytest.approx(100 * metrics.balanced_accuracy_score(true, labels))
    earned = sum(100 / (6 * np.sum(true == t)) for t, d in zip(true, labels, strict=True) if t == d)
    assert card.score == pytest.approx(earned)


def test_pooled_statistics_by_hand(example):
    truth, probabilities, card = example
    true, labels = stacked(truth), stacked(labels_of(probabilities))
    for k, stage in enumerate(STAGES):
        hits = np.sum((true == k) & (labels == k))
        assert card.pooled.recall[stage] == pytest.approx(hits / np.sum(true == k))
        assert card.pooled.precision[stage] == pytest.approx(hits / np.sum(labels == k))
        assert card.pooled.f1[stage] == pytest.approx(2 * hits / (np.sum(true == k) + np.sum(labels == k)))
        assert card.pooled.support[stage] == np.sum(true == k)
        assert card.pooled.predicted[stage] == np.sum(labels == k)
    confusion = np.array(card.pooled.confusion)
    assert confusion[2, 0] == np.sum((true == 2) & (labels == 0))
    observed = np.trace(confusion) / len(true)
    chance = (confusion.sum(0) * confusion.sum(1)).sum() / len(true) ** 2
    assert card.pooled.kappa == pytest.approx((observed - chance) / (1 - chance))
    assert card.pooled.accuracy == pytest.approx(observed)
    assert card.pooled.macro_f1 == pytest.approx(metrics.f1_score(true, labels, average="macro"))


def test_each_subject_and_night(example):
    truth, probabilities, card = example
    labels = labels_of(probabilities)
    assert [unit.name for unit in card.subjects] == ["s0", "s1", "s2", "s10"]
    assert [unit.name for unit in card.nights][-2:] == ["s10r1", "s10r2"]
    night = RecordingKey("65-79", 1, 2)
    expected = metrics.balanced_accuracy_score(truth[night], labels[night])
    assert card.nights[3].score == pytest.approx(100 * expected)
    keys = [key for key in truth if key.subject == 1]
    true, decided = (np.concatenate([values[key] for key in keys]) for values in (truth, labels))
    assert card.subjects[1].score == pytest.approx(100 * metrics.balanced_accuracy_score(true, decided))
    assert np.array_equal(sum(np.array(u.confusion) for u in card.subjects), card.pooled.confusion)


def test_subject_without_a_stage_is_scored_over_the_others_and_marked(example):
    card = example[2]
    unit = card.subjects[3]
    assert unit.absent == ["S4"]
    assert unit.recall["S4"] is None
    assert unit.f1["S4"] is None
    assert unit.score == pytest.approx(100 * np.mean([r for r in unit.recall.values() if r is not None]))
    assert card.subjects[0].absent == []
    assert unit.macro_f1 == pytest.approx(np.mean([f1 for f1 in unit.f1.values() if f1 is not None]))


def test_the_order_in_which_nights_are_given_changes_nothing(example):
    truth, probabilities, card = example
    turned = dict(reversed(truth.items()))
    assert scorecard(turned, labels_of(probabilities), probabilities, name="example") == card


@pytest.mark.filterwarnings("error")
def test_night_of_one_stage():
    key = RecordingKey("80-95", 5, 1)
    card = scorecard({key: np.zeros(9, int)}, {key: np.zeros(9, int)})
    assert card.score == 100
    assert card.pooled.kappa is None
    assert card.interval is None
    json.dumps(card.to_dict(), allow_nan=False)


def test_calibration_against_sklearn(example):
    truth, probabilities, card = example
    true, p = stacked(truth), stacked(probabilities)
    hit, confidence = p.argmax(1) == true, p.max(1)
    frequency, mean = calibration_curve(hit, confidence, n_bins=10)
    assert card.calibration.top.frequency == pytest.approx(frequency)
    assert card.calibration.top.confidence == pytest.approx(mean)
    which = np.minimum((confidence * 10).astype(int), 9)
    gaps = [np.sum(which == b) * abs(hit[which == b].mean() - confidence[which == b].mean()) for b in np.unique(which)]
    assert card.calibration.ece == pytest.approx(sum(gaps) / len(true))
    assert card.calibration.log_loss == pytest.approx(metrics.log_loss(true, p))
    assert card.calibration.brier == pytest.approx(np.mean(np.sum((p - np.eye(6)[true]) ** 2, axis=1)))
    frequency, mean = calibration_curve(true == 3, p[:, 3], n_bins=10)
    assert card.calibration.stages["S3"].frequency == pytest.approx(frequency)


def test_perfect_and_hopeless_calibration():
    rng = np.random.default_rng(0)
    p = rng.random(200_000)
    assert reliability(p, rng.random(200_000) < p).error < 0.01
    assert reliability(np.ones(10), np.zeros(10, bool)).error == 1
    assert reliability(np.array([0.0, 1.0]), np.array([False, True])).count == [1, 1]


@pytest.mark.filterwarnings("error")
def test_probabilities_as_files_round_them():
    """Rows sum to 1 but for the rounding of 32 bits, and merged stages may come out a hair above 1."""
    truth, probabilities = nights(subjects=(0, 1))
    rounded = {key: p.astype(np.float32) for key, p in probabilities.items()}
    key = next(iter(rounded))
    rounded[key][0] = np.array([0, 0, 0, 0.6, 0.4000003, 0], np.float32)
    card = scorecard(truth, labels_of(rounded), rounded, scheme_name="aasm")
    exact = scorecard(truth, labels_of(rounded), {k: p / p.sum(1, keepdims=True) for k, p in probabilities.items()})
    assert card.calibration.stages["N3"].confidence[-1] <= 1
    assert exact.calibration.log_loss == pytest.approx(metrics.log_loss(stacked(truth), stacked(probabilities)))


def test_aasm_merges_s3_and_s4(example):
    truth, probabilities, card = example
    merge = np.array([0, 1, 2, 3, 3, 4])
    labels = labels_of(probabilities)
    five = scorecard(truth, labels, probabilities, scheme_name="aasm")
    true, decided = merge[stacked(truth)], merge[stacked(labels)]
    assert five.stages == ("W", "N1", "N2", "N3", "REM")
    assert five.score == pytest.approx(100 * metrics.balanced_accuracy_score(true, decided))
    assert five.pooled.support["N3"] == card.pooled.support["S3"] + card.pooled.support["S4"]
    p = stacked(probabilities)
    merged = np.column_stack([p[:, :3], p[:, 3] + p[:, 4], p[:, 5]])
    assert five.calibration.log_loss == pytest.approx(metrics.log_loss(true, merged))
    assert five.subjects[3].absent == []


def test_interval_looks_at_every_draw():
    truth, probabilities = nights(subjects=(0, 1, 2))
    labels = labels_of(probabilities)
    card = scorecard(truth, labels)
    scores = []
    for draw in itertools.product((0, 1, 2), repeat=3):
        keys = [key for subject in draw for key in truth if key.subject == subject]
        true, decided = (np.concatenate([values[key] for key in keys]) for values in (truth, labels))
        scores.append(leaderboard_score(true, decided))
    low, high = np.quantile(scores, [0.025, 0.975], method="inverted_cdf")
    assert (card.interval.low, card.interval.high) == pytest.approx((low, high))
    assert card.interval.exact
    assert card.interval.n_draws == 10
    assert card.interval.lacking == 0


def test_draws_that_lack_a_stage_are_counted():
    truth, probabilities = nights(subjects=(0, 1, 2), lacking=(0, 1))
    card = scorecard(truth, labels_of(probabilities))
    assert card.interval.lacking == pytest.approx((2 / 3) ** 3)
    assert "lack a stage" in card.interval.describe()
    nowhere, _ = nights(subjects=(0, 1), lacking=(0, 1))
    assert scorecard(nowhere, nowhere).interval.lacking == 0, "a stage that nobody has is not lacking from a draw"
    called = {key: np.where(np.arange(len(y)) % 9 == 0, 4, y) for key, y in nowhere.items()}
    assert scorecard(nowhere, called).interval.lacking == 0, "whether or not it is predicted"


@pytest.mark.parametrize(("lacking", "words"), [(0.0, ""), (0.0005, "under 0.1% of"), (0.05, "5.0% of")])
def test_the_share_of_draws_that_lack_a_stage_is_said(lacking, words):
    text = Interval(50.0, 60.0, 0.95, 6, 462, True, lacking).describe()
    assert "95% interval 50.0 to 60.0, all draws of 6 subjects" in text
    assert words in text
    assert ("lack" in text) == (lacking > 0)


def test_quantiles_of_weighted_draws():
    values, probability = np.array([3.0, 1.0, 2.0]), np.array([0.5, 0.25, 0.25])
    found = [_quantile(values, probability, q) for q in (0.01, 0.25, 0.26, 0.5, 0.51, 0.99, 1.0)]
    assert found == [1, 1, 2, 2, 3, 3, 3]


def test_all_draws_up_to_eight_subjects():
    assert len(subject_draws(8)[0]) == 6435
    assert len(subject_draws(9)[0]) == N_DRAWS
    confusion = [np.eye(6, dtype=int) + 1] * 9
    assert [subject_interval(confusion[:n]).exact for n in (8, 9)] == [True, False]


def test_random_draws_beyond_eight_subjects():
    times, probability = subject_draws(9, seed=4)
    assert (times.sum(axis=1) == 9).all()
    assert probability.sum() == pytest.approx(1)
    truth, probabilities = nights(subjects=range(12))
    labels = labels_of(probabilities)
    first, again = scorecard(truth, labels).interval, scorecard(truth, labels).interval
    assert first == again
    assert not first.exact
    confusions = [np.array(unit.confusion) for unit in scorecard(truth, labels).subjects]
    rng = np.random.default_rng(9)
    scores = [float(confusion_score(sum(confusions[i] for i in rng.integers(0, 12, 12)))) for _ in range(4000)]
    assert (first.low, first.high) == pytest.approx(tuple(np.quantile(scores, [0.025, 0.975])), abs=0.4)


def test_exact_draws_have_the_multinomial_probabilities():
    times, probability = subject_draws(4)
    assert len(times) == 35
    assert probability.sum() == pytest.approx(1)
    assert probability[(times == 1).all(axis=1)] == pytest.approx(24 / 256)
    assert (times * probability[:, None]).sum(axis=0) == pytest.approx(np.ones(4))


def test_interval_of_alike_subjects_has_no_width():
    same = [np.diag([5, 4, 3, 2, 1, 1]) + 1] * 5
    interval = subject_interval(same)
    assert interval.low == interval.high


def test_json_and_back(example):
    card = example[2]
    text = json.dumps(card.to_dict(), allow_nan=False)
    assert typed(Scorecard, json.loads(text), "the scorecard") == card
    with pytest.raises(BeetlError, match="the scorecard: group is missing; set it"):
        typed(Scorecard, {"name": "x"}, "the scorecard")


def test_bare_labels_score_alike(example):
    truth, probabilities, card = example
    bare = bare_scorecard(stacked(truth), stacked(labels_of(probabilities)))
    assert bare.pooled == card.pooled
    assert bare.subjects == []


def test_mismatches_are_named(example):
    truth, probabilities, _ = example
    labels = labels_of(probabilities)
    one = RecordingKey("65-79", 0, 1)
    with pytest.raises(BeetlError, match="65-79/s0r1"):
        scorecard(truth, {key: y for key, y in labels.items() if key != one})
    with pytest.raises(BeetlError, match="65-79/s0r1: 10 labels for 150"):
        scorecard(truth, labels | {one: labels[one][:10]})
    with pytest.raises(BeetlError, match="labels and truth are of different recordings"):
        scorecard({key: y for key, y in truth.items() if key != one}, labels)
    with pytest.raises(BeetlError, match="probabilities and truth are of different recordings"):
        scorecard(truth, labels, {one: probabilities[one]})
    with pytest.raises(BeetlError, match="9 labels for 10 true ones"):
        bare_scorecard(np.zeros(10, int), np.zeros(9, int))
    with pytest.raises(BeetlError, match="did you mean 'aasm'"):
        scorecard(truth, labels, scheme_name="aasn")
