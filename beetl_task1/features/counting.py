"""Means, medians and counts, to the bit as numpy has them, without its cost for each of many short rows."""

import functools
from collections.abc import Sequence

import numpy as np

_LANES = 8


def packed(flags: np.ndarray) -> np.ndarray:
    """Return booleans, shape (..., n), as the bits of 64-bit words, shape (..., ceil(n / 64))."""
    octets = np.packbits(flags, axis=-1)
    padded = np.zeros((*octets.shape[:-1], -(-octets.shape[-1] // 8) * 8), np.uint8)
    padded[..., : octets.shape[-1]] = octets
    return padded.view(np.uint64)


def count(words: np.ndarray) -> np.ndarray:
    """Return how many bits are set in words of :func:`packed`, shape (...)."""
    pairs = words - ((words >> 1) & 0x5555555555555555)
    fours = (pairs & 0x3333333333333333) + ((pairs >> 2) & 0x3333333333333333)
    eights = (fours + (fours >> 4)) & 0x0F0F0F0F0F0F0F0F
    return np.asarray(((eights * np.uint64(0x0101010101010101)) >> 56).sum(-1)).astype(np.intp)


def mean_of_rows(values: np.ndarray) -> np.ndarray:
    """Return the mean over a short last axis (at most 128 values), to the bit as ``values.mean(-1)`` has it."""
    size = values.shape[-1]
    columns = list(np.ascontiguousarray(values.reshape(-1, size).T))
    if size < _LANES:
        total, rest = columns[0].copy(), columns[1:]
    else:
        lanes, whole = columns[:_LANES], size - size % _LANES
        for i in range(_LANES, whole):
            lanes[i % _LANES] = lanes[i % _LANES] + columns[i]
        a, b, c, d, e, f, g, h = lanes
        total, rest = ((a + b) + (c + d)) + ((e + f) + (g + h)), columns[whole:]
    for column in rest:
        total += column
    return np.asarray(total / total.dtype.type(size)).reshape(values.shape[:-1])


def median_of(values: np.ndarray) -> np.ndarray:
    """Return the median over the last axis, which is kept with length 1, as ``numpy.median`` has it."""
    ranked, size = np.sort(values, axis=-1), values.shape[-1]
    low, high = ranked[..., [(size - 1) // 2]], ranked[..., [size // 2]]
    return np.asarray((low + high) / values.dtype.type(2))


def sorted_rows(rows: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return arrays of one shape, sorted among each other at each place, by Batcher's network (1968)."""
    ranked = list(rows)
    for i, j in _network(len(ranked)):
        ranked[i], ranked[j] = np.minimum(ranked[i], ranked[j]), np.maximum(ranked[i], ranked[j])
    return ranked


@functools.cache
def _network(n: int) -> list[tuple[int, int]]:
    """Return the pairs that odd-even merging puts into order, one after the other (Knuth, vol. 3, 5.2.2, M)."""
    pairs, run = [], 1
    while run < n:
        step = run
        while step:
            for low in range(step % run, n - step, 2 * step):
                ends = range(low, min(low + step, n - step))
                pairs += [(i, i + step) for i in ends if i // (2 * run) == (i + step) // (2 * run)]
            step //= 2
        run *= 2
    return pairs
