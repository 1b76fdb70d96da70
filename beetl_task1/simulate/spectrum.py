"""From log powers to a continuous signal: noise shaped by overlap-add, measured, and evened out."""

import numpy as np
import scipy.fft

from .. import task
from .tables import Floats

Bands = tuple[tuple[float, float], ...]
POWER_BANDS: Bands = ((0.5, 4.0), (4.0, 8.0), (8.0, 12.0), (12.0, 16.0), (16.0, 30.0), (30.0, 50.0))
"""Bands of the fitted log powers, in Hz."""
FRAME = 256
"""Samples of a frame (2.56 s)."""
HOP = FRAME // 2
FREQUENCIES: Floats = np.fft.rfftfreq(FRAME, 1 / task.SFREQ)
_HANN = np.hanning(FRAME + 1)[:-1]
_CENTRES = np.array([0.3, 1.6, 5.8, 10.0, 14.0, 22.0, 39.0])


def _spread() -> Floats:
    logs = np.log(np.maximum(FREQUENCIES, 0.15))
    return np.array([np.interp(logs, np.log(_CENTRES), unit) for unit in np.eye(len(_CENTRES))])


SPREAD = _spread()
"""Spreads seven log powers (drift, then the bands) over the frequencies, linear in log frequency."""


def n_frames(n_times: int) -> int:
    """Return the frames that cover a signal of ``n_times`` samples."""
    return n_times // HOP + 2


def on_frames(levels: Floats, basis: Floats, seconds: float, n_times: int) -> Floats:
    """Spread levels, given every so many seconds, over frames and frequencies, (n_frames, n_frequencies) float32."""
    middles = (np.arange(len(levels)) + 0.5) * seconds
    frames = np.arange(n_frames(n_times)) * HOP / task.SFREQ
    columns = np.stack([np.interp(frames, middles, column) for column in levels.T], axis=1)
    return np.asarray(np.einsum("tk,kf->tf", columns.astype(np.float32), basis.astype(np.float32)))


def shape(signal: Floats, gains: Floats) -> Floats:
    """Filter one channel, (n_times,) float32, by amplitude gains of every frame, (n_frames, n_frequencies) float32."""
    total = (len(gains) + 1) * HOP
    padded = np.zeros(total, dtype=np.float32)
    padded[HOP : HOP + len(signal)] = signal
    window = np.sqrt(_HANN).astype(np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(padded, FRAME)[::HOP] * window
    frames = scipy.fft.irfft(scipy.fft.rfft(frames) * gains, FRAME) * window
    out = np.zeros(total, dtype=np.float32)
    out[:-HOP] += frames[:, :HOP].ravel()
    out[HOP:] += frames[:, HOP:].ravel()
    return out[HOP : HOP + len(signal)]


def band_powers(epochs: Floats, bands: Bands = POWER_BANDS) -> Floats:
    """Measure the log powers of one channel, (n_epochs, 3000) in microvolts, as the tables have them.

    Returns
    -------
    (n_epochs, 1 + bands) : log of the drift's variance (uV^2), then log mean Welch density of the bands (uV^2/Hz).
    """
    density = _welch(epochs)
    inside = [slice(*np.searchsorted(FREQUENCIES, [low, high + 1e-9])) for low, high in bands]
    levels = np.stack([density[:, each].mean(1) for each in inside], axis=1)
    variance = epochs.var(axis=1)
    widths = np.array([high - low for low, high in bands], dtype=epochs.dtype)
    drift = np.maximum(variance - (levels * widths).sum(1), 0.02 * variance)
    return np.log(np.column_stack([drift, levels]) + 1e-6)


def _welch(epochs: Floats) -> Floats:
    """Welch density (Hann, half overlap, constant detrend), (n_epochs, n_frequencies)."""
    window = _HANN.astype(epochs.dtype)
    scale = 2 / (task.SFREQ * (window**2).sum())
    frames = np.lib.stride_tricks.sliding_window_view(epochs, FRAME, axis=1)[:, ::HOP]
    density = np.zeros((len(epochs), len(FREQUENCIES)), dtype=epochs.dtype)
    for i in range(frames.shape[1]):
        spectrum = scipy.fft.rfft((frames[:, i] - frames[:, i].mean(1, keepdims=True)) * window)
        density += spectrum.real**2 + spectrum.imag**2
    density[:, [0, -1]] *= 0.5
    return np.asarray(density * (scale / frames.shape[1]))
