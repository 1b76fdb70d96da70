import itertools

import numpy as np
import pytest

from beetl_task1.features.counting import count, mean_of_rows, median_of, packed, sorted_rows

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("size", [1, 7, 64, 65, 2996])
def test_bits_are_counted(size):
    flags = RNG.random((3, 2, size)) < 0.4
    assert np.array_equal(count(packed(flags)), np.count_nonzero(flags, axis=-1))
    assert np.array_equal(count(packed(np.ones((2, size), bool))), [size, size])


@pytest.mark.parametrize("size", [1, 4, 7, 8, 10, 15, 20, 100, 128])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_means_are_those_of_numpy_to_the_bit(size, dtype):
    values = (10 ** RNG.uniform(-6, 6, (50, 3, size))).astype(dtype)
    assert np.array_equal(mean_of_rows(values), values.mean(-1))
    assert mean_of_rows(values).dtype == dtype


@pytest.mark.parametrize("size", [1, 2, 149, 150])
def test_medians_are_those_of_numpy_to_the_bit(size):
    values = RNG.standard_normal((20, 2, size)).astype(np.float32)
    assert np.array_equal(median_of(values), np.median(values, axis=-1, keepdims=True))


@pytest.mark.parametrize("n", range(1, 12))
def test_the_network_sorts(n):
    """A network that sorts all rows of zeros and ones sorts everything (Knuth)."""
    rows = np.array(list(itertools.product((0, 1), repeat=n))).T
    assert np.array_equal(sorted_rows(rows), np.sort(rows, axis=0))
