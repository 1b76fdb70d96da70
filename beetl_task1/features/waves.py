"""Slow waves, half-wave by half-wave: the amplitude criterion of Rechtschaffen & Kales."""

from typing import NamedTuple

import numpy as np

from ..task import EPOCH_SECONDS
from .filters import sampling_rate

AMPLITUDES = (75, 50, 37)
"""Peak-to-peak thresholds in uV: the manual's, and lower ones, since slow waves shrink with age."""
SECONDS = (0.4, 2.2)
"""Shortest and longest slow wave."""


class Waves(NamedTuple):
    """Waves of many signals, one entry a wave: its signal (row), its size from peak to peak in uV, its duration."""

    signal: np.ndarray
    amplitude: np.ndarray
    seconds: np.ndarray


def find_waves(signals: np.ndarray, sfreq: float) -> Waves:
    """Cut signals (n_signals, n_samples) in uV at their zero crossings, and return those of :data:`SECONDS` duration.

    Each negative half-wave and the positive one after it are a wave; one that the end of its signal cuts counts with
    what there is of it.
    """
    positive = signals > 0
    begins = np.ones(signals.shape, dtype=bool)
    begins[:, 1:] = positive[:, 1:] != positive[:, :-1]
    starts = np.flatnonzero(begins)
    peaks = np.maximum.reduceat(np.abs(signals).ravel(), starts)
    lengths = np.diff(np.append(starts, signals.size))
    rows = starts // signals.shape[1]
    up = positive.ravel()[starts]
    first = np.flatnonzero((rows[1:] == rows[:-1]) & ~up[:-1])
    seconds = (lengths[first] + lengths[first + 1]) / sfreq
    kept = (seconds >= SECONDS[0]) & (seconds <= SECONDS[1])
    first = first[kept]
    return Waves(rows[first], peaks[first] + peaks[first + 1], seconds[kept])


def slow_wave_features(slow: np.ndarray) -> dict[str, np.ndarray]:
    """Return how much of the epoch slow waves fill, and how they look.

    The manual scores S3 where waves of at least 75 uV and at most 2 Hz fill 20 to 50 % of the epoch, and S4 above.

    ``slow`` is that band of the filter bank, 0.5 to 2 Hz, (n_epochs, n_chans, n_samples).

    Returns
    -------
    features : dict of name to array, shape (n_epochs, n_chans)
        ``slow_share_<uV>`` share of the time, 0 to 1; ``slow_density`` waves of at least 37 uV a second;
        ``slow_amplitude`` log10 of the mean uV, weighted by duration; ``slow_max`` log10 of the largest, as a
        K-complex has it; ``slow_contrast`` their difference; ``slow_slope`` log10 of the mean slope in uV/s between
        the middles of the two half-waves.
    """
    shape = slow.shape[:-1]
    rows = slow.reshape(-1, slow.shape[-1])
    waves = find_waves(rows, sampling_rate("slow"))

    def total(weights: np.ndarray) -> np.ndarray:
        return np.bincount(waves.signal, weights, minlength=len(rows)).reshape(shape)

    features = {
        f"slow_share_{threshold}": np.minimum(total(waves.seconds * (waves.amplitude >= threshold)) / EPOCH_SECONDS, 1)
        for threshold in AMPLITUDES
    }
    filled = np.maximum(total(waves.seconds), 1e-6)
    mean = np.log10(total(waves.seconds * waves.amplitude) / filled + 0.1)
    largest = np.zeros(len(rows))
    np.maximum.at(largest, waves.signal, waves.amplitude)
    highest = np.log10(largest.reshape(shape) + 0.1)
    return {
        **features,
        "slow_density": total(waves.amplitude >= AMPLITUDES[-1]) / EPOCH_SECONDS,
        "slow_amplitude": mean,
        "slow_max": highest,
        "slow_contrast": highest - mean,
        "slow_slope": np.log10(total(2 * waves.amplitude) / filled + 0.1),
    }
