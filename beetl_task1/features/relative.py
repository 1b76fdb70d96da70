"""Features of an epoch relative to its own recording."""

import numpy as np
from scipy.special import ndtri

LIMIT = 10.0
"""Relative features are cut at plus and minus this."""
RANK_LIMIT = 3.0
"""The same of normal scores."""


def relative(F: np.ndarray) -> np.ndarray:
    """Return each feature as its distance from the recording's median, in units of its spread.

    The spread is the interquartile range or, for features that are constant in most epochs and therefore have hardly
    any, half the standard deviation, whichever is larger. It is a set operation: reordering epochs reorders the result.

    Parameters
    ----------
    F : array, shape (n_epochs, n_features)
        Features of *one* recording, all its epochs.

    Returns
    -------
    relative : array, shape (n_epochs, n_features), float32
        Within -10 and 10; 0 for a feature that is constant over the recording, as in one of a single epoch.
    """
    F = np.asarray(F)
    if not len(F):
        return np.empty(F.shape, dtype=np.float32)
    ranked = np.sort(F, axis=0).astype(np.float64)
    low, middle, high = np.percentile(ranked, [25, 50, 75], axis=0)
    spread = np.maximum(high - low, ranked.std(axis=0) / 2)
    varies = spread > 1e-6
    scaled = (F - middle) / np.where(varies, spread, 1)
    return np.where(varies, np.clip(scaled, -LIMIT, LIMIT), 0).astype(np.float32)


def rising(F: np.ndarray) -> np.ndarray:
    """Return the rows of each column from its lowest value to its highest, shape ``(n_columns, n_rows)``."""
    return np.argsort(np.ascontiguousarray(np.asarray(F).T), axis=1)


def night_ranks(F: np.ndarray, order: np.ndarray | None = None) -> np.ndarray:
    """Return each feature's rank within its recording as a normal score: what a night's extremes cannot stretch.

    Parameters
    ----------
    F : array, shape (n_epochs, n_features)
        Features of *one* recording, all its epochs.
    order : array, shape (n_features, n_epochs), optional
        What :func:`rising` returns of ``F``, where it is known.

    Returns
    -------
    ranks : array, shape (n_epochs, n_features), float32
        Within -3 and 3; equal values share their mean rank, so a feature that is constant has 0.
    """
    F, n = np.asarray(F), len(F)
    order = rising(F) if order is None else order
    ranked = np.take_along_axis(F.T, order, axis=1)
    begins = np.ones(ranked.shape, dtype=bool)
    begins[:, 1:] = ranked[:, 1:] != ranked[:, :-1]
    first = np.flatnonzero(begins)
    lengths = np.diff(np.append(first, ranked.size))
    twice = 2 * (first % max(n, 1)) + 1 + lengths  # the mean rank of equal values, twice
    scores = np.clip(ndtri((np.arange(2 * n + 1) / 2 - 0.5) / max(n, 1)), -RANK_LIMIT, RANK_LIMIT)
    ranks = np.empty(ranked.shape, dtype=np.float32)
    np.put_along_axis(ranks, order, np.repeat(scores.astype(np.float32)[twice], lengths).reshape(ranked.shape), axis=1)
    return ranks.T


def with_night(F: np.ndarray, *, ranks: bool = False) -> np.ndarray:
    """Return features of one recording as they are and relative to it, side by side; with ``ranks`` these too."""
    return np.hstack([F, relative(F), *([night_ranks(F)] if ranks else [])])
