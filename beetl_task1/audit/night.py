"""One night under the magnifying glass: amplitudes, flat, clipped, wild and repeated epochs, spectra, order."""

import hashlib
from dataclasses import dataclass

import numpy as np
from scipy.signal import welch

from ..data.pickles import load_array
from ..data.recording import Recording, check_labels, check_length
from ..errors import DataError
from ..task import CHANNELS, N_CHANS, N_OUTPUTS, SFREQ, STAGES
from .findings import ERROR, WARNING, Finding, NightRow
from .inventory import Entry
from .order import judge_order

BANDS = {"delta": (0.5, 4), "theta": (4, 8), "alpha": (8, 12), "sigma": (12, 16), "beta": (16, 30), "gamma": (30, 45)}
"""Edges in Hz, the upper one left out."""
MEASURES = tuple(f"{band} {channel}" for channel in CHANNELS for band in BANDS)
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


@dataclass(frozen=True)
class Examined:
    """What one night left behind.

    Attributes
    ----------
    row : NightRow
        For people.
    findings : list of Finding
        About this night alone.
    digests : numpy.ndarray (n_epochs,), uint64
        One per epoch, 0 for flat ones, to find repeats across nights.
    bands : numpy.ndarray (n_epochs, 12), float32
        log10 of V^2 per band and channel, in the order of :data:`MEASURES`; flat epochs left out.
    spectra : numpy.ndarray (7, 2, n_frequencies)
        Mean dB (1 uV^2/Hz) per stage and, last, over all epochs; NaN where there is none.
    """

    row: NightRow
    findings: list[Finding]
    digests: np.ndarray | None = None
    bands: np.ndarray | None = None
    spectra: np.ndarray | None = None


def frequencies() -> np.ndarray:
    """Return the frequencies of the spectra in Hz."""
    return np.fft.rfftfreq(_WINDOW, 1 / SFREQ)


def examine(entry: Entry, unit: str = "V", seed: int = 0) -> Examined:
    """Read one night and describe it; a file that cannot be read is a finding.

    Parameters
    ----------
    entry : Entry
        Its files.
    unit : {"V", "mV", "uV"}
        Unit of the signal.
    seed : int
        For the random pairs of the verdict on order.
    """
    try:
        X = Recording.from_files(entry.key, entry.x_path, unit=unit).X
    except DataError as error:
        return Examined(NightRow(entry.key, entry.role, str(entry.x_path)), [_broken(entry.x_path, error)])
    y, findings = _labels(entry, len(X))
    spread = X.std(axis=2, dtype=np.float64)
    flat = spread < _flat_limit(spread)
    digests = _digests(X, flat.all(axis=1))
    repeats = _repeats(digests)
    power = _power(X)
    row = NightRow(
        key=entry.key,
        role=entry.role,
        path=str(entry.x_path),
        n_epochs=len(X),
        counts=None if y is None else tuple(int(n) for n in np.bincount(y, minlength=N_OUTPUTS)),
        duplicates=int(repeats.sum()),
        order=judge_order(X, y, seed),
        **_amplitudes(X, spread, flat),
    )
    findings += _signal_findings(row, repeats)
    alive = ~flat.any(axis=1)
    return Examined(row, findings, digests, _bands(power[alive]), _spectra(power, y, alive))


def _flat_limit(spread: np.ndarray) -> float:
    """Return the spread below which an epoch is flat; in a night that is not in volts, nearly nothing."""
    typical = float(np.median(spread, axis=0).max())
    return FLAT if typical >= SMALLEST_STD else max(1e-3 * typical, np.finfo(float).tiny)


def _broken(path, error: DataError) -> Finding:
    text = str(error)
    codes = {
        "another unit": "unit",
        "drop --unit": "unit",
        "NaN or infinite": "non-finite",
        "expected shape": "shape",
        "holds no epoch": "empty",
        "is empty": "empty",
        "is refused": "refused-pickle",
        "float32 or float64": "dtype",
    }
    code = next((code for words, code in codes.items() if words in text), "unreadable")
    return Finding(ERROR, code, str(path), text.removeprefix(f"{path}: "))


def _labels(entry: Entry, n_epochs: int) -> tuple[np.ndarray | None, list[Finding]]:
    if entry.y_path is None:
        return None, []
    try:
        y = check_labels(load_array(entry.y_path), str(entry.y_path))
        check_length(y, n_epochs, str(entry.x_path), str(entry.y_path))
    except DataError as error:
        message = str(error).removeprefix(f"{entry.y_path}: ")
        return None, [Finding(ERROR, "labels", str(entry.y_path), message)]
    present = np.flatnonzero(np.bincount(y, minlength=N_OUTPUTS))
    if len(present) == 1 and len(y) > 1:
        message = f"every one of the {len(y)} epochs is {STAGES[present[0]]}; compare with the download"
        return y, [Finding(WARNING, "labels", str(entry.y_path), message)]
    return y, []


def _digests(X: np.ndarray, flat: np.ndarray) -> np.ndarray:
    found = [int.from_bytes(hashlib.blake2b(epoch, digest_size=8).digest(), "little") for epoch in X]
    return np.where(flat, 0, np.array(found, dtype=np.uint64)).astype(np.uint64)


def _repeats(digests: np.ndarray) -> np.ndarray:
    """Return which epochs repeat an earlier one; flat ones do not count."""
    first = np.zeros(len(digests), dtype=bool)
    first[np.unique(digests, return_index=True)[1]] = True
    return ~first & (digests != 0)


def _amplitudes(X: np.ndarray, spread: np.ndarray, flat: np.ndarray) -> dict:
    limit = np.stack([X.max(axis=(0, 2)), X.min(axis=(0, 2))])
    at_limit = ((limit[0][None, :, None] <= X) | (limit[1][None, :, None] >= X)).sum(axis=2)
    usual = _usual(spread, flat)
    return {
        "std_uv": _rounded(usual * 1e6),
        "peak_uv": _rounded(np.abs(limit).max(axis=0) * 1e6),
        "flat": _counted(flat),
        "clipped": _counted((at_limit >= CLIPPED_SAMPLES) & ~flat),
        "wild": _counted(spread > WILD * usual),
    }


def _usual(spread: np.ndarray, flat: np.ndarray) -> np.ndarray:
    """Return the median standard deviation per channel over epochs that are not flat (0 if all are)."""
    return np.array([np.median(spread[~flat[:, c], c]) if (~flat[:, c]).any() else 0.0 for c in range(N_CHANS)])


def _rounded(values: np.ndarray) -> tuple[float, ...]:
    return tuple(float(f"{value:.4g}") for value in values)


def _counted(mask: np.ndarray) -> tuple[int, ...]:
    return tuple(int(n) for n in mask.sum(axis=0))


def _power(X: np.ndarray) -> np.ndarray:
    """Return Welch's power density (n_epochs, 2, n_frequencies) in V^2/Hz, in pieces to spare memory."""
    pieces = [X[i : i + _CHUNK] for i in range(0, len(X), _CHUNK)]
    return np.concatenate([welch(piece * 1e6, SFREQ, nperseg=_WINDOW)[1].astype(np.float32) for piece in pieces])


def _bands(power: np.ndarray) -> np.ndarray:
    f = frequencies()
    density = [power[:, :, (f >= low) & (f < high)].mean(axis=2) for low, high in BANDS.values()]
    return np.log10(np.stack(density, axis=2) + 1e-12).reshape(len(power), len(MEASURES)).astype(np.float32)


def _spectra(power: np.ndarray, y: np.ndarray | None, alive: np.ndarray) -> np.ndarray:
    decibel = 10 * np.log10(power + 1e-12)
    means = np.full((N_OUTPUTS + 1, *power.shape[1:]), np.nan)
    for stage in range(N_OUTPUTS + 1):
        chosen = alive if stage == N_OUTPUTS else alive & (y == stage if y is not None else False)
        if chosen.any():
            means[stage] = decibel[chosen].mean(axis=0)
    return means


def _signal_findings(row: NightRow, repeats: np.ndarray) -> list[Finding]:
    findings = []
    if repeats.any():
        message = f"{row.duplicates} epochs repeat another of the night (first: row {np.flatnonzero(repeats)[0]}); "
        findings.append(Finding(ERROR, "duplicate-epochs", row.path, message + "take the file from the download again"))
    alive = [std for std, flat in zip(row.std_uv, row.flat, strict=True) if flat < DEAD * row.n_epochs]
    if alive and max(alive) * 1e-6 < SMALLEST_STD:
        message = f"a typical epoch varies by {max(alive):.3g} uV where EEG varies by some 20 uV: another unit?"
        findings.append(Finding(ERROR, "unit", row.path, f"{message} pass --unit to convert it"))
    for c, channel in enumerate(CHANNELS):
        findings += _channel_findings(row, c, channel)
    return findings


def _channel_findings(row: NightRow, c: int, channel: str) -> list[Finding]:
    if row.flat[c] >= DEAD * row.n_epochs:
        message = f"{channel} is flat in {row.flat[c]} of {row.n_epochs} epochs: no signal; compare with the download"
        return [Finding(ERROR, "dead-channel", row.path, message)]
    often = max(1, OFTEN * row.n_epochs)
    kinds = {
        "flat": (row.flat[c], 1, "are flat, as with a lost electrode"),
        "clipped": (row.clipped[c], often, "are clipped at the recording's limits"),
        "wild": (row.wild[c], often, f"have more than {WILD} times the usual amplitude"),
    }
    return [
        Finding(WARNING, code, row.path, f"{channel}: {n} of {row.n_epochs} epochs ({n / 2:g} min) {what}")
        for code, (n, fewest, what) in kinds.items()
        if n >= fewest
    ]
