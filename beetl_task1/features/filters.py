"""Band-pass filters of a night's epochs, in the frequency domain."""

import functools

import numpy as np
from scipy import fft

from ..task import N_TIMES, SFREQ
from .counting import mean_of_rows

FILTERS = {
    "slow": (0.5, 2.0, 5),
    "eye": (0.5, 5.0, 5),
    "delta": (0.5, 4.0, 5),
    "saw": (2.0, 6.0, 5),
    "theta": (4.0, 8.0, 5),
    "alpha": (8.0, 12.0, 2),
    "spindle": (11.0, 16.0, 2),
    "beta": (16.0, 30.0, 1),
    "muscle": (30.0, 45.0, 1),
}
"""Pass band in Hz (half amplitude at the edges), and by what the output's sampling rate is divided."""
BIN_SECONDS = 0.2
"""Length of a bin of :func:`binned_power`."""

_PAD = 120


def filter_bank(x: np.ndarray) -> dict[str, np.ndarray]:
    """Split signals into bands, without phase shift.

    Both ends are continued by odd reflection for 1.2 s, so an epoch's end does not run into its beginning.

    Parameters
    ----------
    x : array, shape (n_epochs, n_chans, 3000), float32
        Signals in uV.

    Returns
    -------
    bands : dict of name to array, shape (n_epochs, n_chans, 3000 / division), float32
        One per :data:`FILTERS`, at ``SFREQ`` divided as it says there.
    """
    before = 2 * x[..., :1] - x[..., _PAD:0:-1]
    after = 2 * x[..., -1:] - x[..., -2 : -_PAD - 2 : -1]
    spectrum = fft.rfft(np.concatenate([before, x, after], axis=-1))
    return {name: _inverse(spectrum, name) for name in FILTERS}


def sampling_rate(band: str) -> float:
    """Return the sampling rate in Hz of a band of :func:`filter_bank`."""
    return SFREQ / FILTERS[band][2]


def binned_power(signal: np.ndarray, band: str) -> np.ndarray:
    """Return the mean square in uV^2 of a band of :func:`filter_bank` in bins of 0.2 s, (n_epochs, n_chans, 150)."""
    size = round(BIN_SECONDS * sampling_rate(band))
    return mean_of_rows(np.square(signal).reshape(*signal.shape[:-1], -1, size))


def _inverse(spectrum: np.ndarray, name: str) -> np.ndarray:
    """Return one band of a spectrum as a signal at its own sampling rate."""
    gain, size = _gain(name)
    signal = fft.irfft(spectrum[..., : len(gain)] * gain, n=size)
    pad = _PAD // FILTERS[name][2]
    return np.asarray(signal[..., pad : size - pad])


@functools.cache
def _gain(name: str) -> tuple[np.ndarray, int]:
    """Return the gain of every bin up to the new Nyquist frequency, and the length of the output."""
    low, high, division = FILTERS[name]
    n_padded = N_TIMES + 2 * _PAD
    size = n_padded // division
    freqs = fft.rfftfreq(n_padded, 1 / SFREQ)[: size // 2 + 1]
    gain = _step(freqs, low, min(0.5, low)) * (1 - _step(freqs, high, 1.0))
    return (gain / division).astype(np.float32), size


def _step(freqs: np.ndarray, edge: float, width: float) -> np.ndarray:
    """Return a raised-cosine step from 0 to 1 around ``edge`` (Hz), ``width`` Hz wide."""
    position = np.clip((freqs - edge) / width + 0.5, 0, 1)
    return (1 - np.cos(np.pi * position)) / 2
