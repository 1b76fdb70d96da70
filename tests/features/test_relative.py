"""Features relative to their night."""

import warnings

import numpy as np
import pytest

from beetl_task1.features import relative


@pytest.fixture
def night():
    return np.random.default_rng(0).standard_normal((101, 7)).astype(np.float32) * 3 + 5


def test_median_is_zero_and_spread_is_one(night):
    R = relative(night)
    assert R.dtype == np.float32
    np.testing.assert_allclose(np.median(R, axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(np.subtract(*np.percentile(R, [75, 25], axis=0)), 1, atol=1e-5)


def test_reordering_epochs_reorders_the_result(night):
    order = np.random.default_rng(1).permutation(len(night))
    np.testing.assert_array_equal(relative(night[order]), relative(night)[order])


def test_gain_and_offset_of_a_night_do_not_matter(night):
    np.testing.assert_allclose(relative(night * 4 - 2), relative(night), atol=1e-5)


def test_rare_events_keep_a_sensible_size():
    shares = np.zeros((200, 1))
    shares[:10] = 0.5
    R = relative(shares)
    assert 5 < R[0, 0] < 10
    assert R[10, 0] == 0


@pytest.mark.parametrize("F", [np.full((1, 3), 7.0), np.full((50, 3), 1e9), np.empty((0, 3))])
def test_constant_features_and_tiny_nights_are_zero(F):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        R = relative(F)
    assert R.shape == F.shape
    assert not R.any()


def test_extremes_are_cut(night):
    night[0, 0], night[1, 0] = 1e7, -1e7
    R = relative(night)
    assert np.abs(R).max() <= 10


def test_input_is_left_as_it_was(night):
    before = night.copy()
    relative(night)
    np.testing.assert_array_equal(night, before)
