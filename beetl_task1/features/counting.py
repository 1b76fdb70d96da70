"""Means, medians and counts, to the bit as numpy has them, without its cost for each of many short rows."""

import functools
from collections.abc import Sequence

import numpy as np

_LANES = 8
_BINS, _REACH = 256, 3.2
"""Values are counted in so many bins, from minus to plus so many times the spread of their row."""


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
    columns = list(values.reshape(-1, size).T)
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


def ranked_values(values: np.ndarray, ranks: Sequence[int], spread: np.ndarray) -> list[np.ndarray]:
    """Return what ``numpy.sort(values, axis=-1)[..., rank]`` has for each rank, of float32 around 0, shape (...).

    Only the values of the bin that holds a rank are sorted: those of all rows together, as integers of the same order
    that have the row in front. ``spread``, shape (...), decides how long it takes, and not what is found.
    """
    rows, n = np.ascontiguousarray(values).reshape(-1, values.shape[-1]), values.shape[-1]
    scale = np.float32(_BINS / 2 / _REACH) / spread.reshape(-1, 1)
    coarse = np.clip(rows * scale + _BINS // 2, 0, _BINS - 1).astype(np.uint8)
    numbers = np.arange(len(rows))
    counts = np.bincount((coarse + numbers[:, None] * _BINS).ravel(), minlength=len(rows) * _BINS).reshape(-1, _BINS)
    upto, bits, found = counts.cumsum(axis=1), rows.view(np.int32).ravel(), []
    for rank in ranks:
        held = (upto <= rank).sum(axis=1)
        inside = np.flatnonzero(coarse == held[:, None].astype(np.uint8))
        near = np.sort((inside // n << 32) + _ordered(bits[inside]))
        before, sizes = upto[numbers, held], counts[numbers, held]
        place = np.cumsum(sizes) - before + rank
        found.append(_ordered(near[place].astype(np.int32)).view(np.float32).reshape(values.shape[:-1]))
    return found


def _ordered(bits: np.ndarray) -> np.ndarray:
    """Return the bits of floats as integers of the same order, and such integers as bits."""
    return np.asarray(bits ^ (bits >> 31 & 0x7FFFFFFF))


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
