"""Welch spectra of an epoch: band powers, their ratios, spectral edges and entropy."""

import functools

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy import fft

from ..task import SFREQ
from .counting import sorted_rows

SEGMENT_SECONDS = 5
BANDS = {
    "so": (0.5, 1.0),
    "delta": (1.0, 4.0),
    "theta": (4.0, 8.0),
    "alpha": (8.0, 12.0),
    "sigma": (12.0, 16.0),
    "beta": (16.0, 30.0),
    "gamma": (30.0, 45.0),
}
"""Bands in Hz; the lower edge belongs to the band, the upper one to the next."""
DENSITY_FLOOR = np.float32(1e-4)
"""Added to every density (uV^2/Hz), below the noise of the recorder, so that the log of silence is finite."""

_RATIOS = (("alpha", "theta"), ("delta", "beta"), ("sigma", "theta"))
_EDGES = (50, 90, 95)
_SIZE = int(SEGMENT_SECONDS * SFREQ)
_LOWEST, _HIGHEST = 0.5, 45.0


@functools.cache
def frequencies() -> np.ndarray:
    """Return the frequencies of :func:`segment_spectra` in Hz, from 0.4 to 45, shape (n_freqs,)."""
    return np.asarray(fft.rfftfreq(_SIZE, 1 / SFREQ)[2 : int(_HIGHEST * SEGMENT_SECONDS) + 1])


def segment_spectra(x: np.ndarray) -> np.ndarray:
    """Return the Fourier transforms of overlapping segments, scaled so that their squares are densities.

    Parameters
    ----------
    x : array, shape (n_epochs, n_chans, n_times), float32
        Signals in uV.

    Returns
    -------
    spectra : array, shape (n_epochs, n_chans, n_segments, n_freqs), complex64
        Segments of 5 s that overlap by half, Hann window, mean removed; uV / sqrt(Hz).
    """
    segments = sliding_window_view(x, _SIZE, axis=-1)[..., :: _SIZE // 2, :]
    window = (0.5 + 0.5 * np.cos(np.linspace(-np.pi, np.pi, _SIZE + 1)[:-1])).astype(np.float32)
    window *= np.float32(np.sqrt(2 / (SFREQ * np.square(window, dtype=np.float64).sum())))
    segments = segments - segments.mean(-1, keepdims=True)
    segments *= window
    return np.asarray(fft.rfft(segments)[..., 2 : 2 + len(frequencies())])


def segment_power(spectra: np.ndarray) -> np.ndarray:
    """Return the squares of :func:`segment_spectra`, same shape, float32; uV^2 / Hz."""
    return np.asarray(np.square(spectra.real) + np.square(spectra.imag))


def median_density(power: np.ndarray) -> np.ndarray:
    """Return the power density as the median over segments, freed of the median's bias, (n_epochs, n_chans, n_freqs).

    In uV^2 / Hz, at least :data:`DENSITY_FLOOR`. One artefact leaves a median alone (Allen et al. 2012, FINDCHIRP,
    appendix B, for the bias).
    """
    n_segments = power.shape[-2]
    ranked = sorted_rows(list(np.moveaxis(power, -2, 0).copy()))
    low, high = (n_segments - 1) // 2, n_segments // 2
    even = 2.0 * np.arange(1, (n_segments - 1) // 2 + 1)
    bias = 1 + np.sum(1 / (even + 1) - 1 / even)
    return np.asarray((ranked[low] + ranked[high]) * np.float32(0.5 / bias) + DENSITY_FLOOR)


def band_bins(low: float, high: float) -> slice:
    """Return the bins of :func:`frequencies` with ``low <= f < high`` (Hz)."""
    start, stop = np.searchsorted(frequencies(), [low - 1e-6, high - 1e-6])
    return slice(int(start), int(stop))


def spectral_features(density: np.ndarray) -> dict[str, np.ndarray]:
    """Return band powers, ratios, edges and entropy.

    Parameters
    ----------
    density : array, shape (n_epochs, n_chans, n_freqs)
        From :func:`median_density`.

    Returns
    -------
    features : dict of name to array, shape (n_epochs, n_chans)
        ``log_<band>`` log10 of the mean density in uV^2/Hz; ``rel_<band>`` log10 of the share of the power from 0.5
        to 45 Hz; ``<a>/<b>`` log10 of the ratio of two mean densities; ``edge_<p>`` log10 of the frequency in Hz below
        which p % of the power lies; ``spectral_entropy`` from 0 (a line) to 1 (flat).
    """
    log_mean = {band: np.log10(density[..., band_bins(*edges)].mean(-1)) for band, edges in BANDS.items()}
    within = density[..., band_bins(_LOWEST, np.inf)]
    total = within.sum(-1)
    features = {f"log_{band}": values for band, values in log_mean.items()}
    for band, edges in BANDS.items():
        features[f"rel_{band}"] = np.log10(density[..., band_bins(*edges)].sum(-1) / total)
    features.update({f"{a}/{b}": log_mean[a] - log_mean[b] for a, b in _RATIOS})
    share = within / total[..., None]
    features.update(_edges(share))
    features["spectral_entropy"] = -(share * np.log(share)).sum(-1) / np.float32(np.log(share.shape[-1]))
    return features


def _edges(share: np.ndarray) -> dict[str, np.ndarray]:
    """Return the log10 frequency below which a part of the power lies, interpolated between bins."""
    freqs = frequencies()[band_bins(_LOWEST, np.inf)].astype(np.float32)
    step = freqs[1] - freqs[0]
    cumulated = np.cumsum(share, axis=-1)
    features = {}
    for percent in _EDGES:
        part = np.float32(percent / 100)
        index = np.minimum((cumulated < part).sum(-1), len(freqs) - 1)[..., None]
        beyond = np.take_along_axis(cumulated, index, -1) - part
        fraction = np.clip(beyond / np.take_along_axis(share, index, -1), 0, 1)
        features[f"edge_{percent}"] = np.log10(freqs[index] + step * (np.float32(0.5) - fraction))[..., 0]
    return features
