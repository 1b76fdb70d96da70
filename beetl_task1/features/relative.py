"""Features of an epoch relative to its own recording."""

import numpy as np

LIMIT = 10.0
"""Relative features are cut at plus and minus this."""


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
    ranked = np.sort(np.ascontiguousarray(F, dtype=np.float64), axis=0)
    low, middle, high = np.percentile(ranked, [25, 50, 75], axis=0)
    spread = np.maximum(high - low, ranked.std(axis=0) / 2)
    varies = spread > 1e-6
    scaled = (F - middle) / np.where(varies, spread, 1)
    return np.where(varies, np.clip(scaled, -LIMIT, LIMIT), 0).astype(np.float32)
