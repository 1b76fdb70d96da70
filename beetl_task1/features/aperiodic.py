"""The 1/f background of a spectrum, and the alpha and sigma peaks above it."""

import functools

import numpy as np

from .spectra import band_bins, frequencies

FIT_RANGE = (2.0, 40.0)
BUMPS = (7.0, 16.0)
"""Frequencies (Hz) left out of the fit, since alpha and spindles stand above the background there."""
PEAKS = {"alpha": (7.0, 12.6), "sigma": (11.0, 16.2)}
"""Where a peak is sought, in Hz."""


@functools.cache
def _fit_weights() -> tuple[np.ndarray, np.ndarray]:
    """Return the linear maps from a log10 spectrum to its slope, and to its level at 10 Hz.

    Least squares of log power on log frequency; a bin weighs 1 / f, so every octave weighs the same.
    """
    freqs = frequencies()
    used = (freqs >= FIT_RANGE[0]) & (freqs <= FIT_RANGE[1]) & ~((freqs >= BUMPS[0]) & (freqs <= BUMPS[1]))
    weight = np.where(used, 1 / freqs, 0)
    weight /= weight.sum()
    log_freqs = np.log10(freqs / 10)
    centred = log_freqs - weight @ log_freqs
    slope = weight * centred / (weight @ centred**2)
    level = weight - slope * (weight @ log_freqs)
    return slope.astype(np.float32), level.astype(np.float32)


def aperiodic_features(density: np.ndarray) -> dict[str, np.ndarray]:
    """Return exponent and offset of the background, and frequency and height of the alpha and sigma peaks.

    After Donoghue et al. 2020 (doi 10.1038/s41593-020-00744-x), with one linear fit that leaves the bumps out in
    place of their iterated fit. A knee below 2 Hz is not modelled.

    Parameters
    ----------
    density : array, shape (n_epochs, n_chans, n_freqs)
        uV^2 / Hz.

    Returns
    -------
    features : dict of name to array, shape (n_epochs, n_chans)
        ``aperiodic_exponent`` (2 for brown noise), ``aperiodic_offset`` log10 of the background at 10 Hz,
        ``peak_<band>_hz`` in Hz, ``peak_<band>_height`` in log10 above the background.
    """
    log_density = np.log10(density)
    slope_map, level_map = _fit_weights()
    slope = (log_density * slope_map).sum(-1)
    level = (log_density * level_map).sum(-1)
    log_freqs = np.log10(frequencies() / 10).astype(np.float32)
    above = log_density - level[..., None] - slope[..., None] * log_freqs
    features = {"aperiodic_exponent": -slope, "aperiodic_offset": level}
    for band, edges in PEAKS.items():
        features[f"peak_{band}_hz"], features[f"peak_{band}_height"] = _peak(above, band_bins(*edges))
    return features


def _peak(above: np.ndarray, bins: slice) -> tuple[np.ndarray, np.ndarray]:
    """Return frequency (Hz) and height of the highest point within the bins, by a parabola through three bins."""
    index = (above[..., bins].argmax(-1) + bins.start)[..., None]
    left, top, right = (np.take_along_axis(above, index + shift, -1)[..., 0] for shift in (-1, 0, 1))
    bend = left - 2 * top + right
    peaked = bend < -1e-6
    shift = np.where(peaked, (left - right) / (2 * np.where(peaked, bend, 1)), 0)
    shift = np.clip(shift, -0.5, 0.5)
    step = frequencies()[1] - frequencies()[0]
    return frequencies()[index[..., 0]] + shift * step, top - (left - right) * shift / 4
