"""What is unlike the recordings that the models were trained on."""

from dataclasses import dataclass

import numpy as np
from scipy.signal import welch

from ..data.recording import UNITS
from ..errors import DataError
from ..task import CHANNELS, EPOCH_SECONDS, SFREQ
from .reading import FLAT, Epochs

SMALLEST, LARGEST = 5e-6, 8e-5
"""V; a typical epoch of the training recordings has a standard deviation of some 1.7e-5 V."""
IMPOSSIBLE = 1e-3
SHORT_HOURS = 3.0
LOWPASS = 30.0
FAST, MUCH_FAST = 15.0, 0.5
"""Hz, and a share of the power above it that EEG does not reach in a typical epoch; white noise has two thirds."""
MUCH_MAINS = 0.3
SWING, _TIMES, _SAMPLES = 3e-4, 10, 30
"""V, and standard deviations of a typical epoch, that EEG hardly exceeds for so many samples (0.3 s) of an epoch."""
CHOOSE = "choose another with --channels"


@dataclass(frozen=True)
class Unlike:
    """What is unlike the training.

    ``lines`` say it, ``signal`` is whether the signal is; ``unusable`` and ``artefact`` (n_epochs,) are the epochs that
    hold no EEG, and those that swing as EEG does not.
    """

    lines: tuple[str, ...]
    signal: bool
    unusable: np.ndarray
    artefact: np.ndarray


def unlike_training(epochs: Epochs) -> Unlike:
    """Return what is unlike the training: montage, amplitude, flat signal, noise, mains, filters, duration.

    Raises
    ------
    DataError
        The signal cannot be EEG in volts, or is flat throughout.
    """
    lines, unusable = list(epochs.montage.warnings), epochs.flat.any(axis=1)
    spread = epochs.X.std(axis=2)
    for i, channel in enumerate(CHANNELS):
        name = str(epochs.montage.derivations[i])
        lines += _amplitude(name, channel, spread[:, i], epochs.unit) + _flat(name, epochs.flat[:, i])
        found, hidden = _noise(name, epochs.X[:, i], epochs.mains[i])
        lines, unusable = lines + found, unusable | hidden
    if epochs.montage.derivations[0] != epochs.montage.derivations[1] and _same(epochs.X):
        lines.append("same signal: both channels hold the same, so one says nothing beyond the other")
    if epochs.sfreq < SFREQ:
        lines.append(f"sampled at {epochs.sfreq:g} Hz, below the {SFREQ:g} Hz of the training")
    if 0 < epochs.lowpass < LOWPASS:
        lines.append(f"low-passed at {epochs.lowpass:g} Hz, so what tells Wake and REM apart is missing in part")
    if epochs.highpass > 1.0:
        lines.append(f"high-passed at {epochs.highpass:g} Hz, so slow waves are damped: expect too little S3 and S4")
    signal, hours = bool(lines), len(epochs.X) * EPOCH_SECONDS / 3600
    if hours < SHORT_HOURS:
        lines.append(f"lasts {hours:.1f} h: the models compare each epoch with its whole night")
    artefact = _artefact(epochs.X) & ~unusable
    if artefact.any():
        names = " and ".join(dict.fromkeys(map(str, epochs.montage.derivations)))
        lines.append(
            f"artefact: {artefact.sum()} epochs of {names} swing as EEG does not; they are marked in the table"
        )
    return Unlike(tuple(lines), signal, np.asarray(unusable), artefact)


def _artefact(X: np.ndarray) -> np.ndarray:
    """Return which epochs (n_epochs, 2, 3000) are far outside of what EEG does for some part of a second."""
    centred = np.abs(X - np.median(X, axis=2, keepdims=True))
    limit = np.maximum(SWING, _TIMES * np.median(X.std(axis=2), axis=0))[:, None]
    return np.asarray(((centred > limit).sum(axis=2) >= _SAMPLES).any(axis=1))


def age_of(epochs: Epochs) -> float | None:
    """Return the age in years that the header of a recording tells, or None."""
    if epochs.birthday is None or epochs.start is None:
        return None
    years = (epochs.start - epochs.birthday).days / 365.25
    return years if 0 < years < 120 else None


def _same(X: np.ndarray) -> bool:
    return bool(np.allclose(X[:, 0], X[:, 1], rtol=1e-3, atol=1e-8))


def _noise(name: str, X: np.ndarray, mains: float) -> tuple[list[str], np.ndarray]:
    """Return what to say of a channel (n_epochs, 3000) with more mains or noise than EEG, and the spoilt epochs."""
    if mains > MUCH_MAINS:
        text = f"mains: {mains:.0%} of the power of {name} lies at 50 or 60 Hz: an electrode may be off; {CHOOSE}"
        return [text], np.ones(len(X), dtype=bool)
    frequencies, power = welch(X, SFREQ, nperseg=400, axis=1)
    seen = (frequencies >= 0.5) & (frequencies <= 45)
    total = power[:, seen].sum(axis=1)
    fast = power[:, seen & (frequencies >= FAST)].sum(axis=1) / np.where(total > 0, total, 1)
    typical = float(np.median(fast[total > 0])) if (total > 0).any() else 0.0
    if typical <= MUCH_FAST:  # in a night that is well, muscle over some epochs is a sign of Wake
        return [], np.zeros(len(X), dtype=bool)
    text = (
        f"noise: {typical:.0%} of the power of {name} lies above {FAST:g} Hz in a typical epoch, in sleep some "
        f"5%: this looks like noise or muscle, not like a sleeper's EEG; {CHOOSE}"
    )
    return [text], fast > MUCH_FAST


def _amplitude(name: str, channel: str, spread: np.ndarray, unit: str) -> list[str]:
    typical = float(np.median(spread))
    if typical > IMPOSSIBLE:
        fitting = [other for other, factor in UNITS.items() if _plausible(typical / UNITS[unit] * factor)]
        hint = f"pass --unit {fitting[0]}" if fitting else "no --unit makes it EEG: name another with --channels"
        raise DataError(
            f"{name}: a typical epoch varies by {typical:.2g} V, EEG by some 2e-05 V; "
            f"this looks like another unit, {hint}"
        )
    if spread.max() < FLAT:
        raise DataError(
            f"{name}: expected EEG of some 2e-05 V for {channel}, got a flat line (at most "
            f"{spread.max():.2g} V); name another channel with --channels, or pass --unit"
        )
    lines = []
    if not SMALLEST <= typical <= LARGEST:
        lines.append(f"amplitude: {name} varies by {typical * 1e6:.1f} uV in a typical epoch, the training by some 17")
    return lines


def _flat(name: str, flat: np.ndarray) -> list[str]:
    return [f"flat: {name} is a flat line in {flat.mean():.0%} of the epochs ({flat.sum()})"] if flat.any() else []


def _plausible(spread: float) -> bool:
    return SMALLEST / 5 <= spread <= 5 * LARGEST
