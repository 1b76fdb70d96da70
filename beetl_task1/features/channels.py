"""The two channels against each other: coherence, correlation, ratio of powers."""

import numpy as np

from .spectra import BANDS, band_bins

_BANDS = ("so", "delta", "theta", "alpha", "sigma", "beta")


def channel_features(
    spectra: np.ndarray, power: np.ndarray, density: np.ndarray, slow: np.ndarray
) -> dict[str, np.ndarray]:
    """Return what two channels have in common.

    ``spectra``, ``power`` and ``density`` are of :mod:`spectra`; ``slow``, (n_epochs, 2, n_samples), is of the filter
    bank.

    Returns
    -------
    features : dict of name to array, shape (n_epochs,)
        ``coherence_<band>`` 0 to 1; ``correlation_slow`` and ``correlation_fast`` (4-30 Hz) -1 to 1; ``ratio_<band>``
        log10 of the first channel's density over the second's.
    """
    cross = (spectra[:, 0] * spectra[:, 1].conj()).sum(-2)
    auto = power.sum(-2)
    features = {f"coherence_{band}": _coherence(cross, auto, band_bins(*BANDS[band])) for band in _BANDS}
    features["correlation_slow"] = _ratio((slow[:, 0] * slow[:, 1]).sum(-1), np.square(slow).sum(-1))
    fast = band_bins(4, 30)
    features["correlation_fast"] = _ratio(cross[:, fast].real.sum(-1), auto[..., fast].sum(-1))
    for band in _BANDS:
        mean = np.log10(density[..., band_bins(*BANDS[band])].mean(-1))
        features[f"ratio_{band}"] = mean[:, 0] - mean[:, 1]
    return features


def _coherence(cross: np.ndarray, auto: np.ndarray, bins: slice) -> np.ndarray:
    """Return the squared coherency of a whole band: 1 where one channel is a scaled copy of the other."""
    return np.asarray(np.square(_ratio(np.abs(cross[:, bins].sum(-1)), auto[..., bins].sum(-1))))


def _ratio(common: np.ndarray, power: np.ndarray) -> np.ndarray:
    """Return ``common`` over the geometric mean of both channels' power, within -1 and 1; 0 for silence."""
    scale = np.sqrt(power[:, 0]) * np.sqrt(power[:, 1])
    return np.asarray(np.clip(common / np.maximum(scale, 1e-6), -1, 1))
