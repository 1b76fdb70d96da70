"""Transitions and messages: against sums over all paths, and by hand."""

import itertools
import json

import numpy as np
import pytest

from beetl_task1.context import (
    DEFAULT_TRANSITIONS,
    Transitions,
    classifier_prior,
    forward_backward,
    learn_transitions,
)
from beetl_task1.context.transitions import count_transitions
from beetl_task1.data.files import DataFolder
from beetl_task1.errors import DataError


@pytest.fixture
def chain():
    counts = np.random.default_rng(1).integers(0, 30, (6, 6)) + np.eye(6, dtype=int) * 50
    return Transitions(counts, "made up")


def by_hand(probabilities, chain, prior):
    """Sum the weight of every path."""
    posterior = np.zeros_like(probabilities)
    for path in itertools.product(range(6), repeat=len(probabilities)):
        weight = chain.stationary[path[0]]
        for before, after in itertools.pairwise(path):
            weight *= chain.matrix[before, after]
        for row, stage in enumerate(path):
            weight *= probabilities[row, stage] / prior[stage]
        for row, stage in enumerate(path):
            posterior[row, stage] += weight
    return posterior / posterior.sum(axis=1, keepdims=True)


def test_equals_the_sum_over_all_paths(chain):
    rng = np.random.default_rng(2)
    probabilities, prior = rng.dirichlet(np.ones(6), 5), rng.dirichlet(np.ones(6))
    expected = by_hand(probabilities, chain, prior)
    np.testing.assert_allclose(forward_backward(probabilities, chain, prior, weight=1), expected, rtol=1e-9)
    tempered = by_hand(probabilities**0.5, chain, prior**0.5)
    np.testing.assert_allclose(forward_backward(probabilities, chain, prior, weight=0.5), tempered, rtol=1e-9)


def test_the_prior_of_a_long_night_is_its_mean_and_of_none_the_chains(chain):
    night = np.tile([0.5, 0.1, 0.2, 0.1, 0.05, 0.05], (100_000, 1))
    np.testing.assert_allclose(classifier_prior(night, chain), night[0], atol=1e-3)
    np.testing.assert_allclose(classifier_prior(night[:0], chain), chain.stationary)


def test_a_short_recording_of_one_stage_keeps_it():
    probabilities = np.tile([0.9, 0.02, 0.02, 0.02, 0.02, 0.02], (10, 1))
    assert forward_backward(probabilities, DEFAULT_TRANSITIONS).argmax(axis=1).tolist() == [0] * 10


def test_an_outlier_among_agreeing_neighbours_is_smoothed():
    probabilities = np.full((9, 6), 0.02)
    probabilities[:, 2] = 0.9
    probabilities[4] = [0.02, 0.02, 0.3, 0.02, 0.02, 0.62]
    assert forward_backward(probabilities, DEFAULT_TRANSITIONS).argmax(axis=1).tolist() == [2] * 9


def test_long_nights_and_certain_classifiers_stay_finite():
    one_hot = np.eye(6)[np.random.default_rng(0).integers(0, 6, 3000)]
    smoothed = forward_backward(one_hot, DEFAULT_TRANSITIONS)
    assert np.isfinite(smoothed).all()
    np.testing.assert_allclose(smoothed.sum(axis=1), 1)


def test_without_evidence_the_shares_stay():
    shares = DEFAULT_TRANSITIONS.stationary
    smoothed = forward_backward(np.tile(shares, (50, 1)), DEFAULT_TRANSITIONS)
    np.testing.assert_allclose(smoothed, np.tile(shares, (50, 1)), atol=1e-9)
    np.testing.assert_allclose(shares @ DEFAULT_TRANSITIONS.matrix, shares)
    assert (DEFAULT_TRANSITIONS.matrix > 0).all()


@pytest.mark.parametrize("bad", [np.ones((3, 5)), np.ones(6), np.full((3, 6), np.nan)])
def test_wrong_probabilities(bad):
    with pytest.raises(DataError, match="expected finite probabilities"):
        forward_backward(bad, DEFAULT_TRANSITIONS)


def test_counts_by_hand():
    counts = count_transitions(np.array([0, 0, 1, -1, 2, 2]))
    assert counts[0, 0] == counts[0, 1] == counts[2, 2] == 1
    assert counts.sum() == 3
    shuffled = count_transitions(np.array([2, 1, 0]), onsets=np.array([90.0, 30.0, 0.0]))
    assert shuffled[0, 1] == shuffled.sum() == 1
    assert count_transitions(np.array([], dtype=int)).sum() == 0


def test_learning_needs_the_order(tmp_path):
    folder = tmp_path / "LeaderboardSleep/sleep_target"
    folder.mkdir(parents=True)
    np.save(folder / "leaderboard_s0r1X.npy", np.zeros((3, 2, 3000)))
    np.save(folder / "leaderboard_s0r1y.npy", np.array([5, 2, 0]))
    data = DataFolder(tmp_path, allow_partial=True)
    with pytest.raises(DataError, match="the competition's epochs are shuffled"):
        learn_transitions(data, [("65-79", "target")])
    (tmp_path / "provenance.json").write_text(json.dumps({"source": "nights"}))
    (tmp_path / "order/65-79").mkdir(parents=True)
    np.save(tmp_path / "order/65-79/s0r1.npy", np.array([60.0, 30.0, 0.0]))
    learned = learn_transitions(DataFolder(tmp_path, allow_partial=True), [("65-79", "target")])
    assert learned.counts[0, 2] == learned.counts[2, 5] == 1
    assert "1 labelled nights" in learned.source
    assert learned.ages == ("65-79",)
    hidden = tmp_path / "LeaderboardSleep/testing"
    hidden.mkdir()
    np.save(hidden / "leaderboard_s6r1X.npy", np.zeros((3, 2, 3000)))
    with pytest.raises(DataError, match="transitions need labels"):
        learn_transitions(DataFolder(tmp_path, allow_partial=True), [("65-79", "test")])
