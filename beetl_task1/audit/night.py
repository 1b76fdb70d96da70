"""One night under the magnifying glass: amplitudes, flat, clipped, wild and repeated epochs, spectra, order."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.signal import welch

from ..data.recording import Recording, check_length
from ..errors import DataError
from ..task import CHANNELS, N_OUTPUTS, SFREQ, STAGES
from .findings import ERROR, WARNING, Finding, NightRow
from .order import judge_order

AUDITED_BANDS = {
    "delta": (0.5, 4), "theta": (4, 8), "alpha": (8, 12), "sigma": (12, 16), "beta": (16, 30), "gamma": (30, 45),
}  # fmt: skip
"""Edges in Hz, the upper one left out."""
MEASURES = tuple(f"{band} {channel}" for channel in CHANNELS for band in AUDITED_BANDS)
"""Log powers that one epoch is described by."""
FLAT = 0.1e-6
"""An epoch that varies less than this (V) holds no EEG."""
SMALLEST_STD = 0.5e-6
"""A night whose typical epoch varies less than this (V) is not in volts."""
CLIPPED_SAMPLES = 5
"""Samples at the recording's own limit that make an epoch a clipped one."""
WILD = 10
"""Times the usual amplitude that make an epoch a wild one."""
OFTEN = 0.01
"""Share of clipped or wild epochs that is worth a warning; real nights have a few."""
DEAD = 0.95
"""Share of flat epochs above which a channel is dead, not a lost electrode."""
_CHUNK = 128
_WINDOW = 200
FREQUENCIES = np.fft.rfftfreq(_WINDOW, 1 / SFREQ)
"""Frequencies of the spectra in Hz."""


@dataclass(frozen=True)
class Signal:
    """What the signal of a night leaves behind to be set beside other nights'."""

    digests: np.ndarray
    """One uint64 per epoch, 0 for flat ones, to find repeats across nights."""
    bands: np.ndarray
    """(n_epochs, 12): log10 of uV^2/Hz per band and channel, in the order of :data:`MEASURES`; flat epochs left out."""
    spectra: np.ndarray
    """(7, 2, n_frequencies): mean dB (1 uV^2/Hz) per stage and, last, over all epochs; NaN where there is none."""


@dataclass(frozen=True)
class Examined:
    """One night after a look at it: a row for people, what is wrong with it, and its signal if it could be read."""

    row: NightRow
    findings: list[Finding]
    signal: Signal | None = None


def examine(recording: Recording, role: str, seed: int = 0) -> Examined:
    """Read one night of a role and describe it; a file that cannot be read is a finding. ``seed`` as for the audit."""
    try:
        X = recording.without_labels().X
    except DataError as error:
        broken = Finding(ERROR, error.code, recording.name, str(error).removeprefix(f"{recording.name}: "))
        return Examined(NightRow(recording.key, role, recording.name), [broken])
    y, findings = _labels(recording, len(X))
    spread = X.std(axis=2, dtype=np.float64)
    flat = spread < _flat_limit(spread)
    digests = _digests(X, flat.all(axis=1))
    repeats = _repeats(digests)
    row = NightRow(
        key=recording.key,
        role=role,
        path=recording.name,
        n_epochs=len(X),
        counts=None if y is None else tuple(np.bincount(y, minlength=N_OUTPUTS).tolist()),
        duplicates=int(repeats.sum()),
        order=judge_order(X, y, seed),
        **_amplitudes(X, spread, flat),
    )
    power, alive = _power(X), ~flat.any(axis=1)
    signal = Signal(digests, _bands(power[alive]), _spectra(power, y, alive))
    return Examined(row, [*findings, *_signal_findings(row, repeats)], signal)


def _flat_limit(spread: np.ndarray) -> float:
    """Return the spread below which an epoch is flat; in a night that is not in volts, nearly nothing."""
    typical = float(np.median(spread, axis=0).max())
    return FLAT if typical >= SMALLEST_STD else max(1e-3 * typical, float(np.finfo(float).tiny))


def _labels(recording: Recording, n_epochs: int) -> tuple[np.ndarray | None, list[Finding]]:
    where = str(recording.y_path)
    try:
        y = recording.y
        if y is None:
            return None, []
        check_length(y, n_epochs, recording.name, where)
    except DataError as error:
        return None, [Finding(ERROR, "labels", where, str(error).removeprefix(f"{where}: "))]
    if len(y) > 1 and (y == y[0]).all():
        message = f"every one of the {len(y)} epochs is {STAGES[y[0]]}; compare with the download"
        return y, [Finding(WARNING, "labels", where, message)]
    return y, []


def _digests(X: np.ndarray, flat: np.ndarray) -> np.ndarray:
    found = [int.from_bytes(hashlib.blake2b(epoch, digest_size=8).digest(), "little") for epoch in X]
    digests = np.array(found, dtype=np.uint64)
    digests[flat] = 0
    return digests


def _repeats(digests: np.ndarray) -> np.ndarray:
    """Return which epochs repeat an earlier one; flat ones do not count."""
    repeats: np.ndarray = digests != 0
    repeats[np.unique(digests, return_index=True)[1]] = False
    return repeats


def _amplitudes(X: np.ndarray, spread: np.ndarray, flat: np.ndarray) -> dict[str, Any]:
    high, low = (extreme(axis=(0, 2), keepdims=True) for extreme in (X.max, X.min))
    at_limit = ((high <= X) | (low >= X)).sum(axis=2)
    usual = np.array([0.0 if f.all() else np.median(s[~f]) for s, f in zip(spread.T, flat.T, strict=True)])
    peak = np.maximum(abs(high), abs(low)).ravel()
    volts = {"std_uv": usual, "peak_uv": peak}
    masks = {"flat": flat, "clipped": (at_limit >= CLIPPED_SAMPLES) & ~flat, "wild": spread > WILD * usual}
    return {name: tuple(float(f"{value * 1e6:.4g}") for value in pair) for name, pair in volts.items()} | {
        name: tuple(mask.sum(axis=0).tolist()) for name, mask in masks.items()
    }


def _power(X: np.ndarray) -> np.ndarray:
    """Return Welch's power density (n_epochs, 2, n_frequencies) in uV^2/Hz, in pieces to spare memory."""
    pieces = [X[i : i + _CHUNK] for i in range(0, len(X), _CHUNK)]
    return np.concatenate([welch(piece * 1e6, SFREQ, nperseg=_WINDOW)[1].astype(np.float32) for piece in pieces])


def _bands(power: np.ndarray) -> np.ndarray:
    inside = [(low <= FREQUENCIES) & (high > FREQUENCIES) for low, high in AUDITED_BANDS.values()]
    density = np.stack([power[:, :, band].mean(axis=2) for band in inside], axis=2)
    return np.log10(density + 1e-12).reshape(len(power), len(MEASURES)).astype(np.float32, copy=False)


def _spectra(power: np.ndarray, y: np.ndarray | None, alive: np.ndarray) -> np.ndarray:
    decibel, nowhere = 10 * np.log10(power + 1e-12), np.full(power.shape[1:], np.nan)
    stages = [alive & (y == stage if y is not None else False) for stage in range(N_OUTPUTS)]
    return np.stack([decibel[rows].mean(axis=0) if rows.any() else nowhere for rows in (*stages, alive)])


def _signal_findings(row: NightRow, repeats: np.ndarray) -> Iterator[Finding]:
    if repeats.any():
        message = f"{row.duplicates} epochs repeat another of the night (first: row {np.flatnonzero(repeats)[0]}); "
        yield Finding(ERROR, "duplicate-epochs", row.path, message + "take the file from the download again")
    alive = [std for std, flat in zip(row.std_uv, row.flat, strict=True) if flat < DEAD * row.n_epochs]
    if alive and max(alive) * 1e-6 < SMALLEST_STD:
        message = f"a typical epoch varies by {max(alive):.3g} uV where EEG varies by some 20 uV: another unit?"
        yield Finding(ERROR, "unit", row.path, f"{message} pass --unit to convert it")
    for channel, flat, clipped, wild in zip(CHANNELS, row.flat, row.clipped, row.wild, strict=True):
        if flat >= DEAD * row.n_epochs:
            message = f"{channel} is flat in {flat} of {row.n_epochs} epochs: no signal; compare with the download"
            yield Finding(ERROR, "dead-channel", row.path, message)
            continue
        often = max(1, OFTEN * row.n_epochs)
        for code, n, fewest, what in (
            ("flat", flat, 1, "are flat, as with a lost electrode"),
            ("clipped", clipped, often, "are clipped at the recording's limits"),
            ("wild", wild, often, f"have more than {WILD} times the usual amplitude"),
        ):
            if n >= fewest:
                message = f"{channel}: {n} of {row.n_epochs} epochs ({n / 2:g} min) {what}"
                yield Finding(WARNING, code, row.path, message)
