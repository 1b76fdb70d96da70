import itertools

import numpy as np
import pytest

from beetl_task1.features.counting import count, mean_of_rows, median_of, packed, ranked_values, sorted_rows

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


ROWS = {
    "noise": lambda rng: rng.standard_normal((6, 2, 3000)),
    "few values": lambda rng: rng.integers(-2, 3, (6, 2, 500)),
    "silence": lambda rng: np.zeros((2, 1, 100)),
    "one outlier": lambda rng: np.concatenate([rng.standard_normal((3, 99)) * 1e-6, np.full((3, 1), 1e9)], axis=1),
    "an offset": lambda rng: rng.standard_normal((3, 100)) + 1e4,
    "another layout": lambda rng: rng.standard_normal((100, 3)).T,
}


@pytest.mark.parametrize("spread", [1e-6, 1, 1e6])
@pytest.mark.parametrize("kind", ROWS)
def test_ranked_values_are_those_of_a_sort(kind, spread):
    values = ROWS[kind](np.random.default_rng(0)).astype(np.float32)
    ranks = [0, 5, values.shape[-1] // 4, values.shape[-1] - 1]
    found = ranked_values(values, ranks, np.full(values.shape[:-1], spread, np.float32))
    ranked = np.sort(values, axis=-1)
    for rank, one in zip(ranks, found, strict=True):
        np.testing.assert_array_equal(one, ranked[..., rank])
