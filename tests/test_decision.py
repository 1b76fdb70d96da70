"""The decision for a score that weighs stages alike."""

import numpy as np
import pytest

from beetl_task1.data.recording import RecordingKey
from beetl_task1.decision import BalancedDecision, pooled_prior
from beetl_task1.errors import BeetlError
from beetl_task1.scoring import leaderboard_score
from beetl_task1.typed import typed

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


def test_the_prior_of_single_precision_is_summed_in_double(rng):
    p = rng.dirichlet(np.ones(6), 30_000).astype(np.float32)
    np.testing.assert_allclose(pooled_prior({KEYS[0]: p}), pooled_prior({KEYS[0]: p.astype(float)}), rtol=1e-12)


def test_the_prior_may_be_that_of_other_recordings(rng):
    p = {KEYS[0]: rng.dirichlet(np.ones(6), 200)}
    others = {KEYS[1]: rng.dirichlet([30, 1, 5, 1, 1, 1], 500)}
    expected = np.argmax(p[KEYS[0]] / pooled_prior(others), axis=1)
    decided = BalancedDecision(1).decide(p, prior_from=others)
    assert list(decided) == [KEYS[0]]
    np.testing.assert_array_equal(decided[KEYS[0]], expected)
    assert (decided[KEYS[0]] != BalancedDecision(1).decide(p)[KEYS[0]]).any()


def test_a_handful_of_epochs_keeps_its_plain_labels():
    """Ten epochs of Wake are not spread over the stages."""
    p = np.full((10, 6), 0.02)
    p[:, 0] = np.linspace(0.6, 0.9, 10)
    p[:, 1] = 0.92 - p[:, 0]
    assert (BalancedDecision().decide({KEYS[0]: p})[KEYS[0]] == 0).all()


def test_a_stage_that_nobody_predicts_is_not_divided_by_zero():
    p = {KEYS[0]: np.tile([0.5, 0.5, 0, 0, 0, 0], (4, 1))}
    assert set(BalancedDecision().decide(p)[KEYS[0]]) <= {0, 1}


@pytest.mark.parametrize("strength", [3, 2.1, -0.1, "x", None, float("nan")])
def test_strength_out_of_range(strength):
    with pytest.raises(BeetlError, match=f"strength '?{strength}'?; expected 0 .plain argmax. to 2, usually 0.5"):
        BalancedDecision(strength)


@pytest.mark.parametrize("strength", [0, 0.5, 2])
def test_both_ends_of_the_range_are_strengths(strength):
    assert BalancedDecision(strength).strength == strength
    assert typed(BalancedDecision, {"strength": strength}, "recipe mine").strength == strength


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"strength": 2.1}, "recipe mine: strength is 2.1; expected float <= 2.0"),
        ({"strength": -1}, "recipe mine: strength is -1; expected float >= 0.0"),
        ({"strength": "x"}, "recipe mine: strength is 'x'; expected float, got str"),
        ({"strengt": 1}, "key of recipe mine 'strengt'; did you mean 'strength'"),
    ],
)
def test_a_decision_is_typed_at_the_door(values, message):
    with pytest.raises(BeetlError, match=message):
        typed(BalancedDecision, values, "recipe mine")
