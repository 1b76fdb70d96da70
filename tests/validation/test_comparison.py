"""Paired comparisons against brute force and scipy."""

import itertools
import json

import numpy as np
import pytest
from scipy.stats import permutation_test

from beetl_task1.data.recording import RecordingKey
from beetl_task1.errors import BeetlError
from beetl_task1.scoring import leaderboard_score
from beetl_task1.validation.comparison import N_FLIPS, compare, compare_all, seed_spread, sign_flip_test
from beetl_task1.validation.scorecard import scorecard


def card(name, error, subjects=4, seed=0, scheme_name="rk"):
    """Return a scorecard whose labels are wrong at a rate, on the same truth whatever the name."""
    truth = {RecordingKey("80-95", s, r): np.random.default_rng([s, r]).integers(0, 6, 120)
             for s in range(subjects) for r in (1, 2)}  # fmt: skip
    rng = np.random.default_rng([seed, int(error * 100)])
    labels = {key: np.where(rng.random(len(y)) < error, rng.integers(0, 6, len(y)), y) for key, y in truth.items()}
    return scorecard(truth, labels, name=name, group="80-95", scheme_name=scheme_name), truth, labels


def brute_force_p(values):
    flips = [abs(np.mean(np.array(signs) * values)) for signs in itertools.product((1, -1), repeat=len(values))]
    return np.mean(np.array(flips) >= abs(np.mean(values)) - 1e-12)


@pytest.mark.parametrize(
    "values", [[1, 2, 3, 4, 5], [3, -1, 2, 0.5, -2, 1], [1, 1], [0, 2, -1, 1], [-3, -1, -2, -9, 1]]
)
def test_sign_flip_test_against_all_flips(values):
    assert sign_flip_test(np.array(values, float)) == pytest.approx(brute_force_p(np.array(values, float)))


def test_sign_flip_test_against_scipys_two_sided_one():
    values = np.random.default_rng(2).normal(0.4, 1, 9)
    other = permutation_test((values, np.zeros(9)), lambda x, y, axis: np.mean(x - y, axis=axis), vectorized=True,
                             permutation_type="samples", n_resamples=np.inf)  # fmt: skip
    assert sign_flip_test(values) == pytest.approx(other.pvalue)


def test_no_difference_is_no_evidence():
    assert sign_flip_test(np.zeros(5)) == 1


def test_many_subjects_use_random_flips():
    values = np.random.default_rng(3).normal(0.5, 1, 20)
    assert sign_flip_test(values, seed=1) == sign_flip_test(values, seed=1)
    assert sign_flip_test(values, seed=1) == pytest.approx(sign_flip_test(values, seed=2), abs=0.02)


def test_sign_flip_test_keeps_its_level():
    rng = np.random.default_rng(4)
    p = np.array([sign_flip_test(rng.normal(size=6)) for _ in range(400)])
    assert np.mean(p <= 0.1) < 0.14


def test_comparison_of_two_cards():
    (good, truth, ours), (bad, _, theirs) = card("good", 0.2), card("bad", 0.5)
    result = compare(good, bad)
    for subject in range(4):
        keys = [key for key in truth if key.subject == subject]
        true, a, b = (np.concatenate([values[key] for key in keys]) for values in (truth, ours, theirs))
        expected = leaderboard_score(true, a) - leaderboard_score(true, b)
        assert result.differences[f"s{subject}"] == pytest.approx(expected)
    assert result.mean == pytest.approx(np.mean(list(result.differences.values())))
    assert result.pooled == pytest.approx(good.score - bad.score)
    assert result.p_value == result.smallest_p == 2 / 2**4
    assert result.better == 4
    assert "cannot bring below 0.12" in result.describe()
    json.dumps(result.to_dict(), allow_nan=False)


def test_interval_of_the_difference_draws_both_recipes_at_once():
    (good, truth, ours), (bad, _, theirs) = card("good", 0.3, subjects=3), card("bad", 0.35, subjects=3)
    differences = []
    for draw in itertools.product(range(3), repeat=3):
        keys = [key for subject in draw for key in truth if key.subject == subject]
        true, a, b = (np.concatenate([values[key] for key in keys]) for values in (truth, ours, theirs))
        differences.append(leaderboard_score(true, a) - leaderboard_score(true, b))
    interval = compare(good, bad).interval
    low, high = np.quantile(differences, [0.025, 0.975], method="inverted_cdf")
    assert (interval.low, interval.high) == pytest.approx((low, high))


def test_a_tie_is_not_better_and_enough_subjects_reach_significance():
    good, truth, labels = card("good", 0.2, subjects=6)
    worse = {key: np.where(np.arange(len(y)) % 3 == 0, 0, y) if key.subject else y for key, y in labels.items()}
    result = compare(good, scorecard(truth, worse, name="worse", group="80-95"))
    assert result.differences["s0"] == 0
    assert result.better == 5
    assert "cannot bring" not in result.describe()
    assert "better for 5 of 6" in result.describe()


@pytest.mark.parametrize(("subjects", "exact"), [(14, True), (15, False)])
def test_all_flips_up_to_fourteen_subjects(subjects, exact):
    result = compare(card("a", 0.2, subjects=subjects)[0], card("b", 0.4, subjects=subjects)[0])
    assert result.exact is exact
    steps = result.p_value * (2**subjects if exact else N_FLIPS + 1)
    assert steps == pytest.approx(round(steps)), "counted in flips"
    assert result.p_value < 0.001


def test_swapping_turns_the_signs():
    a, b = card("a", 0.2)[0], card("b", 0.4)[0]
    forth, back = compare(a, b), compare(b, a)
    assert back.pooled == -forth.pooled
    assert back.p_value == forth.p_value
    assert (back.interval.low, back.interval.high) == pytest.approx((-forth.interval.high, -forth.interval.low), abs=3)


def test_all_pairs_with_the_better_one_first():
    cards = [card(name, error)[0] for name, error in (("c", 0.6), ("a", 0.1), ("b", 0.3))]
    assert [(c.first, c.second) for c in compare_all(cards)] == [("a", "b"), ("a", "c"), ("b", "c")]


def test_other_nights_or_schemes_are_refused():
    with pytest.raises(BeetlError, match="same nights"):
        compare(card("a", 0.1)[0], card("b", 0.1, subjects=3)[0])
    with pytest.raises(BeetlError, match="two or more subjects"):
        compare(card("a", 0.1, subjects=1)[0], card("b", 0.1, subjects=1)[0])
    with pytest.raises(BeetlError, match="one scheme"):
        compare(card("a", 0.1)[0], card("b", 0.1, scheme_name="aasm")[0])


def test_seed_spread():
    spread = seed_spread("a", {0: 70.0, 1: 72.0, 2: 74.0})
    assert (spread.mean, spread.sd) == (72, 2)
    assert seed_spread("a", {0: 70.0, 1: 72.0}).sd == pytest.approx(np.sqrt(2))
    assert "SD 2.00 over 3 seeds (0 70.0" in spread.describe()
    assert "no spread" in seed_spread("a", {0: 70.0}).describe()
