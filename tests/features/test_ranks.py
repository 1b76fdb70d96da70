"""Ranks of features within a night."""

import numpy as np
import pytest
from scipy.stats import norm, rankdata

from beetl_task1.features import night_ranks
from beetl_task1.features.relative import rising


def test_ranks_forget_the_scale_and_keep_the_order():
    F = np.random.default_rng(0).gamma(2, size=(400, 3)).astype(np.float32)
    ranks = night_ranks(F)
    np.testing.assert_allclose(ranks, night_ranks(np.exp(3 * F)), atol=1e-6)
    assert (np.argsort(F[:, 1]) == np.argsort(ranks[:, 1])).mean() > 0.99
    assert abs(ranks.mean()) < 0.01
    assert abs(ranks.std() - 1) < 0.05


def test_an_outlier_moves_nobody():
    F = np.random.default_rng(0).normal(size=(100, 2))
    F[7] = F.max(axis=0) + 0.1
    wild = F.copy()
    wild[7] = 1e9
    np.testing.assert_array_equal(night_ranks(F), night_ranks(wild))
    assert np.abs(night_ranks(wild)).max() <= 3


@pytest.mark.parametrize("n", [0, 1, 2])
def test_tiny_nights_and_constant_features(n):
    ranks = night_ranks(np.ones((n, 4)))
    assert ranks.shape == (n, 4)
    assert not ranks.any()


def test_order_of_epochs_and_layout_do_not_matter():
    F = np.random.default_rng(1).normal(size=(50, 3))
    order = np.random.default_rng(2).permutation(50)
    np.testing.assert_array_equal(night_ranks(F[order]), night_ranks(F)[order])
    np.testing.assert_array_equal(night_ranks(np.asfortranarray(F)), night_ranks(F))


@pytest.mark.parametrize("decimals", [0, 1, 9])
def test_ranks_are_those_of_scipy_to_the_bit(decimals):
    F = np.random.default_rng(0).normal(size=(301, 5)).round(decimals).astype(np.float32)
    expected = np.clip(norm.ppf((rankdata(F, axis=0) - 0.5) / len(F)), -3, 3).astype(np.float32)
    np.testing.assert_array_equal(night_ranks(F), expected)
    np.testing.assert_array_equal(night_ranks(F, rising(F)), expected)
