"""What is unlike the recordings that the models were trained on."""

import numpy as np

from ..errors import DataError
from ..task import CHANNELS, EPOCH_SECONDS, SFREQ
from .reading import Epochs

SMALLEST, LARGEST = 5e-6, 8e-5
"""V; a typical epoch of the training recordings has a standard deviation of some 1.7e-5 V."""
IMPOSSIBLE = 1e-3
FLAT = 5e-7
SHORT_HOURS = 3.0
LOWPASS = 30.0


def unlike_training(epochs: Epochs) -> list[str]:
    """Return, in one line each, what is unlike the training: montage, amplitude, flat signal, filters, duration.

    Raises
    ------
    DataError
        The signal cannot be EEG in volts, or is flat throughout.
    """
    lines = list(epochs.montage.warnings)
    spread = epochs.X.std(axis=2)
    for i, channel in enumerate(CHANNELS):
        lines += _amplitude(str(epochs.montage.derivations[i]), channel, spread[:, i])
    if epochs.sfreq < SFREQ:
        lines.append(f"sampled at {epochs.sfreq:g} Hz, below the {SFREQ:g} Hz of the training")
    if 0 < epochs.lowpass < LOWPASS:
        lines.append(f"low-passed at {epochs.lowpass:g} Hz, so what tells Wake and REM apart is missing in part")
    if epochs.highpass > 1.0:
        lines.append(f"high-passed at {epochs.highpass:g} Hz, so slow waves are damped: expect too little S3 and S4")
    hours = len(epochs.X) * EPOCH_SECONDS / 3600
    if hours < SHORT_HOURS:
        lines.append(f"lasts {hours:.1f} h: the models compare each epoch with its whole night")
    return lines


def _amplitude(name: str, channel: str, spread: np.ndarray) -> list[str]:
    typical = float(np.median(spread))
    if typical > IMPOSSIBLE:
        raise DataError(
            f"{name}: a typical epoch varies by {typical:.2g} V, EEG by some 2e-05 V; this looks like "
            f"another unit, pass --unit uV (or mV)"
        )
    if spread.max() < FLAT:
        raise DataError(
            f"{name}: expected EEG of some 2e-05 V for {channel}, got a flat line (at most "
            f"{spread.max():.2g} V); name another channel with --channels, or pass --unit"
        )
    lines = []
    if not SMALLEST <= typical <= LARGEST:
        lines.append(f"amplitude: {name} varies by {typical * 1e6:.1f} uV in a typical epoch, the training by some 17")
    flat = float(np.mean(spread < FLAT))
    if flat > 0.05:
        lines.append(f"flat: {name} is a flat line in {flat:.0%} of the epochs")
    return lines
