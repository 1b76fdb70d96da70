"""All features of the epochs of a night."""

import functools

import numpy as np

from ..errors import DataError
from ..task import CHANNELS, N_CHANS, N_TIMES
from .aperiodic import aperiodic_features
from .channels import channel_features
from .events import event_features, eye_features
from .filters import binned_power, filter_bank
from .shape import shape_features
from .spectra import median_density, segment_power, segment_spectra, spectral_features
from .waves import slow_wave_features

FEATURE_VERSION = 1
"""Raised by hand whenever a value, a name or the order of the features changes; caches and checkpoints hold it."""

LARGEST = 1e-3
"""Signals are cut at this many volts, far above EEG and the range of the recorder."""

_WAVES = ("slow", "eye")
"""Bands that are looked at wave by wave, so that nobody asks for their power."""
_CHUNK = 64
_LANES = 16
"""Epochs are handed on in multiples of this, so that each takes the same path through vectorised code."""


def extract(X: np.ndarray) -> np.ndarray:
    """Return the hand-crafted features of every epoch.

    An epoch's features depend on that epoch alone, bit for bit.

    Parameters
    ----------
    X : array, shape (n_epochs, 2, 3000)
        Signals in volts at 100 Hz, Fpz-Cz and Pz-Oz.

    Returns
    -------
    features : array, shape (n_epochs, n_features), float32
        Columns as in ``FEATURE_NAMES``; finite for every finite input. Logs or bounded values throughout.

    Raises
    ------
    DataError
        If the shape is another, or a sample is not finite.
    """
    X = np.asarray(X)
    if X.ndim != 3 or X.shape[1:] != (N_CHANS, N_TIMES):
        raise DataError(f"features need epochs of shape (n, {N_CHANS}, {N_TIMES}), got {X.shape}; cut or resample them")
    features = np.empty((len(X), len(feature_names())), dtype=np.float32)
    for start in range(0, len(X), _CHUNK):
        features[start : start + _CHUNK] = _extract_chunk(X[start : start + _CHUNK])
    return features


@functools.cache
def feature_names() -> tuple[str, ...]:
    """Return the name of every column of :func:`extract`, such as ``"Fpz-Cz log_delta"``."""
    return tuple(_columns(np.zeros((_LANES, N_CHANS, N_TIMES), dtype=np.float32)))


def _extract_chunk(X: np.ndarray) -> np.ndarray:
    """Return the features of a few epochs."""
    if not np.isfinite(X).all():
        raise DataError("features need finite samples, got NaN or infinity; drop or mend those epochs")
    padded = np.zeros((-(-len(X) // _LANES) * _LANES, N_CHANS, N_TIMES), dtype=np.float32)
    padded[: len(X)] = np.clip(X, -LARGEST, LARGEST) * 1e6
    return np.stack(list(_columns(padded).values()), axis=-1)[: len(X)]


def _columns(x: np.ndarray) -> dict[str, np.ndarray]:
    """Return every feature of signals in uV by its full name, each of shape (n_epochs,)."""
    spectra = segment_spectra(x)
    squares = segment_power(spectra)
    density = median_density(squares)
    bands = filter_bank(x)
    power = {name: binned_power(bands[name], name) for name in bands if name not in _WAVES}
    each = {
        **spectral_features(density),
        **aperiodic_features(density),
        **shape_features(x),
        **slow_wave_features(bands["slow"]),
        **event_features(power),
    }
    columns = {f"{channel} {name}": each[name][:, i] for i, channel in enumerate(CHANNELS) for name in each}
    columns.update({f"{CHANNELS[0]} {name}": values for name, values in eye_features(bands["eye"][:, 0]).items()})
    columns.update(
        {f"both {name}": v for name, v in channel_features(spectra, squares, density, bands["slow"]).items()}
    )
    return columns
