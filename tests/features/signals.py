"""Signals for the tests of the features."""

import numpy as np

TIMES = np.arange(3000) / 100


def before(seconds: float, every: float = 30) -> np.ndarray:
    """Return 1 in the first seconds of every period, else 0."""
    return np.less(TIMES % every, seconds).astype(float)


def pinned_epochs(n_epochs: int = 6) -> np.ndarray:
    """Return EEG-like epochs in volts that no version of numpy draws otherwise: coloured noise, waves and bursts."""
    raw = np.random.PCG64(20210901).random_raw(n_epochs * 2 * 3000).reshape(n_epochs, 2, 3000)
    spectrum = np.fft.rfft(raw / 2**64 - 0.5)
    freqs = np.fft.rfftfreq(3000, 0.01)
    coloured = np.fft.irfft(spectrum / np.maximum(freqs, 0.5) ** 0.75, n=3000)
    signal = 20 * coloured / coloured.std()
    for i in range(n_epochs):
        signal[i] += 12 * i * np.sin(2 * np.pi * 0.9 * TIMES) * before(5 * i)
        signal[i, i % 2] += 8 * np.sin(2 * np.pi * (9 + i) * TIMES) * before(i, every=6)
    return signal * 1e-6


def noise(n_epochs: int, seed: int = 0) -> np.ndarray:
    """Return white noise of 10 uV in volts, shape (n_epochs, 2, 3000)."""
    return np.random.default_rng(seed).standard_normal((n_epochs, 2, 3000)) * 1e-5


def both(signal: np.ndarray) -> np.ndarray:
    """Return one signal of one channel in uV as an epoch of two channels in volts, with a little noise."""
    return (signal + noise(1)[0] * 1e5)[None] * 1e-6
