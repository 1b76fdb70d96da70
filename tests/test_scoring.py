"""The score against an independent formula, and on degenerate input."""

import warnings

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, recall_score

from beetl_task1.errors import BeetlError
from beetl_task1.scoring import leaderboard_score, stage_recall


def _points(truth, labels):
    """Add up what each correct epoch earns: 100 / (n_classes * n_epochs_of_its_class)."""
    classes, counts = np.unique(truth, return_counts=True)
    worth = {c: 100 / (len(classes) * n) for c, n in zip(classes, counts, strict=True)}
    return sum(worth[t] for t, label in zip(truth.tolist(), labels.tolist(), strict=True) if t == label)


@pytest.mark.parametrize("seed", range(5))
def test_equals_the_sum_of_points(seed):
    rng = np.random.default_rng(seed)
    truth = rng.choice(6, 2000, p=[0.4, 0.16, 0.3, 0.03, 0.01, 0.1])
    labels = np.where(rng.random(2000) < 0.5, truth, rng.integers(0, 6, 2000))
    assert leaderboard_score(truth, labels) == pytest.approx(_points(truth, labels))
    assert leaderboard_score(truth, labels) == pytest.approx(100 * balanced_accuracy_score(truth, labels))
    np.testing.assert_allclose(stage_recall(truth, labels), recall_score(truth, labels, average=None, labels=range(6)))


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
@pytest.mark.parametrize("absent", [[5], [4, 5], [3], [0], [1, 4]])
def test_absent_stages_are_left_out_of_the_mean(absent):
    """The organisers' scorer divides by zero when the stage is below the highest one present."""
    truth = np.array([s for s in range(6) if s not in absent] * 3)
    labels = np.roll(truth, 1)
    labels[:4] = truth[:4]
    assert leaderboard_score(truth, labels) == pytest.approx(_points(truth, labels))
    assert np.isnan(stage_recall(truth, labels)[absent]).all()


def test_a_predicted_stage_that_the_truth_lacks_is_an_error_of_that_epoch():
    assert leaderboard_score(np.array([0, 0, 1, 1]), np.array([0, 4, 1, 1])) == 75


def test_a_stage_of_a_single_epoch_counts_like_any_other():
    truth = np.array([0, 0, 0, 4])
    assert leaderboard_score(truth, np.array([0, 0, 0, 4])) == 100
    assert leaderboard_score(truth, np.array([0, 0, 0, 0])) == 50


def test_absent_stages_are_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(stage_recall(np.array([0, 1]), np.array([0, 1]))).sum() == 4


def test_perfect_and_constant():
    truth = np.arange(6).repeat(4)
    assert leaderboard_score(truth, truth) == 100
    assert leaderboard_score(truth, np.zeros(24, int)) == pytest.approx(100 / 6)


@pytest.mark.parametrize(
    ("truth", "labels", "message"),
    [
        ([0, 1], [0], "1 labels for 2 true ones"),
        ([], [], "expected one stage per epoch"),
        ([[0, 1]], [0, 1], "expected one stage per epoch"),
        ([0, 6], [0, 1], "truth: expected integers 0 to 5"),
        ([0, 1], [0, -1], "labels: expected integers 0 to 5"),
        ([0, 1], [0.5, 1.0], "labels: expected integers 0 to 5"),
        ([0, 1], [0.0, np.nan], "labels: expected integers 0 to 5"),
        (np.arange(20), [0], r"truth: expected integers 0 to 5, got \[0 1 2 3 4 5 6 7\]$"),
    ],
)
def test_what_cannot_be_scored_is_a_clear_error(truth, labels, message):
    with pytest.raises(BeetlError, match=message):
        leaderboard_score(np.array(truth), np.array(labels))
