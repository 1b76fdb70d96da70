"""Pairs of channels of one recording, what is unlike the training in them, and how they vote on its epochs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.signal import welch

from ..data.recording import UNITS
from ..errors import DataError
from ..task import CHANNELS, EPOCH_SECONDS, SFREQ
from .reading import FLAT, Epochs, PathOrRaw, read_epochs

VOTES = ("mean", "surest")
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

    What cannot be EEG in volts is an error.
    """
    names, lines = [str(one) for one in epochs.montage.derivations], [*epochs.montage.warnings]
    unusable = np.asarray(epochs.flat.any(axis=1))
    for i, (name, channel) in enumerate(zip(names, CHANNELS, strict=True)):
        X, flat, mains = epochs.X[:, i], epochs.flat[:, i], epochs.mains[i]
        lines += _amplitude(name, channel, X.std(axis=1), epochs.unit)
        if flat.any():
            lines.append(f"flat: {name} is a flat line in {flat.mean():.0%} of the epochs ({flat.sum()})")
        fast = _fast(X)
        typical = float(np.nanmedian(fast))
        if mains > MUCH_MAINS:
            text = f"mains: {mains:.0%} of the power of {name} lies at 50 or 60 Hz: an electrode may be off"
            lines, unusable = [*lines, f"{text}; {CHOOSE}"], np.ones_like(unusable)
        elif typical > MUCH_FAST:  # in a night that is well, muscle over some epochs is a sign of Wake
            text = (
                f"noise: {typical:.0%} of the power of {name} lies above {FAST:g} Hz in a typical epoch, in sleep some "
            )
            text += f"5%: this looks like noise or muscle, not like a sleeper's EEG; {CHOOSE}"
            lines, unusable = [*lines, text], np.asarray(unusable | (fast > MUCH_FAST))
    lines += _about_filters(epochs)
    signal, hours = bool(lines), len(epochs.X) * EPOCH_SECONDS / 3600
    if hours < SHORT_HOURS:
        lines.append(f"lasts {hours:.1f} h: the models compare each epoch with its whole night")
    artefact = np.asarray(_artefact(epochs.X) & ~unusable)
    if artefact.any():
        both = " and ".join(dict.fromkeys(names))
        lines.append(f"artefact: {artefact.sum()} epochs of {both} swing as EEG does not; they are marked in the table")
    return Unlike(tuple(lines), signal, unusable, artefact)


def _about_filters(epochs: Epochs) -> Iterator[str]:
    one, other = epochs.montage.derivations
    if one != other and np.allclose(epochs.X[:, 0], epochs.X[:, 1], rtol=1e-3, atol=1e-8):
        yield "same signal: both channels hold the same, so one says nothing beyond the other"
    if epochs.sfreq < SFREQ:
        yield f"sampled at {epochs.sfreq:g} Hz, below the {SFREQ:g} Hz of the training"
    if 0 < epochs.lowpass < LOWPASS:
        yield f"low-passed at {epochs.lowpass:g} Hz, so what tells Wake and REM apart is missing in part"
    if epochs.highpass > 1.0:
        yield f"high-passed at {epochs.highpass:g} Hz, so slow waves are damped: expect too little S3 and S4"


def _artefact(X: np.ndarray) -> np.ndarray:
    """Return which epochs (n_epochs, 2, 3000) are far outside of what EEG does for some part of a second."""
    centred = np.abs(X - np.median(X, axis=2, keepdims=True))
    limit = np.maximum(SWING, _TIMES * np.median(X.std(axis=2), axis=0))[:, None]
    return np.asarray(((centred > limit).sum(axis=2) >= _SAMPLES).any(axis=1))


def _fast(X: np.ndarray) -> np.ndarray:
    """Return the share of the power of each epoch (n_epochs, 3000) that is too fast for sleep, NaN where none is."""
    frequencies, power = welch(X, SFREQ, nperseg=400, axis=1)
    seen = (frequencies >= 0.5) & (frequencies <= 45)
    total = power[:, seen].sum(axis=1)
    return np.asarray(power[:, seen & (frequencies >= FAST)].sum(axis=1) / np.where(total > 0, total, np.nan))


def _amplitude(name: str, channel: str, spread: np.ndarray, unit: str) -> Iterator[str]:
    typical = float(np.median(spread))
    if typical > IMPOSSIBLE:
        small, large = SMALLEST / 5, 5 * LARGEST
        fitting = [other for other, factor in UNITS.items() if small <= typical / UNITS[unit] * factor <= large]
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
    if not SMALLEST <= typical <= LARGEST:
        yield f"amplitude: {name} varies by {typical * 1e6:.1f} uV in a typical epoch, the training by some 17"


@dataclass
class Voters:
    """What each pair of channels gives of a recording, and what is unlike the training in it.

    ``left`` are pairs that cannot be had, one line each.
    """

    epochs: list[Epochs] = field(default_factory=list)
    unlike: list[Unlike] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    alike: float = 1.0

    @classmethod
    def read(cls, recording: PathOrRaw, pairs: Sequence[Sequence[str] | None], unit: str) -> "Voters":
        """Return the pairs of a recording that can be read; an error where none can."""
        found, errors = cls(), []
        for pair in pairs:
            try:
                epochs = read_epochs(recording, pair, unit=unit)
                found.unlike.append(unlike_training(epochs))
                found.epochs.append(epochs)
            except DataError as error:
                errors.append(error)
        if not found.epochs:
            raise errors[0]
        found.left = [f"left out of the vote: {error}" for error in errors]
        return found

    @property
    def unusable(self) -> np.ndarray:
        """Epochs that hold no EEG in any pair, or are marked as bad, (n_epochs,)."""
        return np.asarray(np.all([one.unusable for one in self.unlike], axis=0) | self.epochs[0].bad)

    @property
    def artefact(self) -> np.ndarray:
        """Other epochs in which no pair is clean, (n_epochs,)."""
        return np.asarray(~self._clean.any(axis=0) & ~self.unusable)

    @property
    def channels(self) -> tuple[str, ...]:
        """The channels of all pairs in order."""
        return tuple(str(one) for epochs in self.epochs for one in epochs.montage.derivations)

    @property
    def lines(self) -> list[str]:
        """What is unlike the training and what to know of the file, once each."""
        said = [*self.left, *(line for one in self.unlike for line in one.lines)]
        return list(dict.fromkeys([*said, *(line for one in self.epochs for line in one.notes)]))

    @property
    def _clean(self) -> np.ndarray:
        return np.array([~(one.unusable | one.artefact) for one in self.unlike])

    def decide(self, said: np.ndarray, part: slice, vote: str) -> np.ndarray:
        """Return the probabilities (n_epochs, 6) of a part of the recording from those of all pairs, (n, n_epochs, 6).

        The mean, or those of the pair that is surest of its stage; pairs that are not clean in an epoch only where none
        is.
        """
        clean = self._clean[:, part]
        voting = np.where(clean.any(axis=0), clean, True)
        if vote == "surest":
            voting = np.arange(len(said))[:, None] == np.where(voting, said.max(axis=2), -1).argmax(axis=0)
        stages = said.argmax(axis=2)
        self.alike = float((stages == stages[0]).all(axis=0).mean())
        weights = np.broadcast_to(voting[..., None], said.shape)
        return np.asarray(np.average(said, axis=0, weights=weights))
