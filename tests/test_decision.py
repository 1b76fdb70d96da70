"""The decision for a score that weighs stages alike."""

import numpy as np
import pytest

from beetl_task1.data.recording import RecordingKey
from beetl_task1.decision import BalancedDecision, pooled_prior
from beetl_task1.errors import BeetlError
from beetl_task1.scoring import leaderboard_score

KEYS = [RecordingKey("65-79", 6, r) for r in (1, 2)]


def _calibrated(rng, n=20_000):
    """Return truth and its exact posteriors under unequal priors."""
    prior = np.array([0.45, 0.15, 0.25, 0.04, 0.01, 0.10])
    truth = rng.choice(6, n, p=prior)
    x = truth[:, None] == np.arange(6)
    likelihood = np.exp(1.5 * x + rng.normal(size=(n, 6)))
    posterior = likelihood * prior
    return truth, posterior / posterior.sum(1, keepdims=True)


def test_balanced_beats_argmax_where_stages_are_unequal(rng):
    truth, p = _calibrated(rng)
    split = {KEYS[0]: p[:9000], KEYS[1]: p[9000:]}

    def score(strength):
        labels = BalancedDecision(strength).decide(split)
        return leaderboard_score(truth, np.concatenate([labels[k] for k in KEYS]))

    assert score(1) > score(0) + 2


def test_strength_zero_is_the_argmax(rng):
    p = {KEYS[0]: rng.dirichlet(np.ones(6), 50)}
    np.testing.assert_array_equal(BalancedDecision(0).decide(p)[KEYS[0]], p[KEYS[0]].argmax(1))


def test_prior_is_pooled_and_does_not_depend_on_the_order(rng):
    p = {k: rng.dirichlet(np.ones(6), n) for k, n in zip(KEYS, (50, 7), strict=True)}
    np.testing.assert_array_equal(pooled_prior(p), pooled_prior(dict(reversed(p.items()))))
    mean = np.concatenate(list(p.values())).mean(0)
    np.testing.assert_allclose(pooled_prior(p), (57 * mean + 30 / 6) / (57 + 30))
    assert pooled_prior(p).sum() == pytest.approx(1)


def test_a_handful_of_epochs_keeps_its_plain_labels():
    """Ten epochs of Wake are not spread over the stages."""
    p = np.full((10, 6), 0.02)
    p[:, 0] = np.linspace(0.6, 0.9, 10)
    p[:, 1] = 0.92 - p[:, 0]
    assert (BalancedDecision().decide({KEYS[0]: p})[KEYS[0]] == 0).all()


def test_a_stage_that_nobody_predicts_is_not_divided_by_zero():
    p = {KEYS[0]: np.tile([0.5, 0.5, 0, 0, 0, 0], (4, 1))}
    assert set(BalancedDecision().decide(p)[KEYS[0]]) <= {0, 1}


def test_strength_out_of_range():
    with pytest.raises(BeetlError, match="strength 3"):
        BalancedDecision(3)
