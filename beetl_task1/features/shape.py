"""The shape of a signal in time: Hjorth parameters, line length, distribution, ordinal patterns."""

import numpy as np

from ..task import SFREQ
from .counting import count, packed, ranked_values

VARIANCE_FLOOR = np.float32(1e-3)
"""Added to variances (uV^2), so that silence has finite logs and ratios."""

_ENTROPY_DELAYS = (1, 4)


def shape_features(x: np.ndarray) -> dict[str, np.ndarray]:
    """Return what the samples themselves tell.

    Parameters
    ----------
    x : array, shape (n_epochs, n_chans, n_times), float32
        Signals in uV.

    Returns
    -------
    features : dict of name to array, shape (n_epochs, n_chans)
        See :func:`hjorth`, :func:`distribution` and :func:`permutation_entropy`; ``line_length`` log10 of the mean
        absolute step in uV; ``zero_crossings`` log10 of 1 + crossings of the mean a second.
    """
    centred = x - x.mean(-1, keepdims=True)
    step = np.diff(x)
    seconds = x.shape[-1] / SFREQ
    positive = centred > 0
    crossings = count(packed(positive[..., 1:] != positive[..., :-1]))
    return {
        **hjorth(centred, step),
        "line_length": np.log10(np.abs(step).mean(-1) + np.sqrt(VARIANCE_FLOOR)),
        "zero_crossings": np.log10(1 + crossings / seconds),
        **distribution(centred),
        **{f"permutation_entropy_{delay}": permutation_entropy(x, delay) for delay in _ENTROPY_DELAYS},
    }


def hjorth(centred: np.ndarray, step: np.ndarray) -> dict[str, np.ndarray]:
    """Return log10 of Hjorth's activity, mobility and complexity (1970) of a signal without its mean and its steps."""
    activity = _mean_square(centred) + VARIANCE_FLOOR
    slope = _mean_square(step) + VARIANCE_FLOOR
    bend = _mean_square(np.diff(step)) + VARIANCE_FLOOR
    return {
        "hjorth_activity": np.log10(activity),
        "hjorth_mobility": np.log10(slope / activity) / 2,
        "hjorth_complexity": np.log10(bend / slope) / 2 - np.log10(slope / activity) / 2,
    }


def distribution(centred: np.ndarray) -> dict[str, np.ndarray]:
    """Return robust width, weight of the tails, skewness and kurtosis.

    ``iqr`` is log10 of the interquartile range in uV; ``tails`` log10 of the range from the 5th to the 95th percentile
    over it; ``skewness`` and ``kurtosis`` (excess) their inverse hyperbolic sines.
    """
    squared = np.square(centred)
    variance = squared.mean(-1) + VARIANCE_FLOOR
    ranks = [round(p / 100 * (centred.shape[-1] - 1)) for p in (5, 25, 75, 95)]
    p5, p25, p75, p95 = ranked_values(centred, ranks, np.sqrt(variance))
    floor = np.sqrt(VARIANCE_FLOOR)
    return {
        "iqr": np.log10(p75 - p25 + floor),
        "tails": np.log10((p95 - p5 + floor) / (p75 - p25 + floor)),
        "skewness": np.arcsinh((squared * centred).mean(-1) / variance**1.5),
        "kurtosis": np.arcsinh(_mean_square(squared) / variance**2 - 3),
    }


def permutation_entropy(x: np.ndarray, delay: int) -> np.ndarray:
    """Return the entropy of the order of three samples ``delay`` apart (Bandt & Pompe 2002), from 0 to 1."""
    rising = x[..., delay:] > x[..., :-delay]
    rising_twice = x[..., 2 * delay :] > x[..., : -2 * delay]
    n = rising_twice.shape[-1]
    first, then, twice = packed(rising[..., :-delay]), packed(rising[..., delay:]), packed(rising_twice)
    a, b, c = count(first), count(then), count(twice)
    ab, ac, bc = count(first & then), count(first & twice), count(then & twice)
    abc = count(first & then & twice)
    falling, once = n - a - b - c + ab + ac + bc - abc, [a - ab - ac + abc, b - ab - bc + abc, ab - abc]
    counts = np.stack([falling, *once, c - ac - bc + abc, ac - abc, bc - abc, abc], axis=-1)
    share = counts / n
    return np.asarray(-(share * np.log(np.maximum(share, 1e-12))).sum(-1) / np.log(6))


def _mean_square(x: np.ndarray) -> np.ndarray:
    return np.asarray(np.square(x).mean(-1))
