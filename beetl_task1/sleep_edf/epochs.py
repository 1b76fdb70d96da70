"""One Sleep-EDF night: signal and scoring to labelled epochs."""

from dataclasses import dataclass
from pathlib import Path

import mne
import numpy as np

from ..data.recording import LARGEST_STD
from ..errors import DataError
from ..hypnograms.formats import read_hypnogram
from ..hypnograms.names import UNSCORED
from ..hypnograms.schemes import AASM
from ..hypnograms.spans import WAKE_MINUTES, near_sleep, on_grid
from ..task import CHANNELS, EPOCH_SECONDS, N_TIMES, SFREQ


@dataclass(frozen=True)
class LabelledEpochs:
    """The scored epochs of a night in order: X (n_epochs, 2, 3000), float64, volts; stages; and onsets (n_epochs,).

    Onsets are seconds from the beginning of the recording. There are gaps where epochs were not scored.
    """

    X: np.ndarray
    y: np.ndarray
    onsets: np.ndarray


def read_night(psg: str | Path, hypnogram: str | Path, *, wake_minutes: float = WAKE_MINUTES) -> LabelledEpochs:
    """Read the epochs of a night that are scored, from 30 minutes before sleep to 30 minutes after.

    Only the kept stretch of the two channels is read into memory.

    Raises
    ------
    DataError
        A file cannot be read, lacks a channel, has another sampling rate or unit, or nothing in it is scored.
    """
    raw = _open(Path(psg))
    n_epochs = raw.n_times // N_TIMES
    labels = epoch_labels(Path(hypnogram), n_epochs)
    kept = scored_epochs(labels, wake_minutes)
    if len(kept) == 0:
        raise DataError(f"{hypnogram}: scores none of the {n_epochs} whole epochs of {psg}; remove both files")
    first, last = kept[0], kept[-1] + 1
    names = [name for channel in CHANNELS for name in _spellings(channel) if name in raw.ch_names]
    signal = raw.get_data(picks=names, start=first * N_TIMES, stop=last * N_TIMES)
    raw.close()
    _check(signal, Path(psg))
    X = signal.reshape(len(CHANNELS), last - first, N_TIMES).transpose(1, 0, 2)[kept - first]
    return LabelledEpochs(np.ascontiguousarray(X), labels[kept], kept * float(EPOCH_SECONDS))


def epoch_labels(hypnogram: Path, n_epochs: int) -> np.ndarray:
    """Return the stage of every whole epoch of the signal.

    Both files begin together, as all of the study's do. An epoch has a stage if it lies within the scored stretch of
    it; what is scored past the signal is dropped.

    Returns
    -------
    numpy.ndarray (n_epochs,), int64
        -1 where not scored (``Sleep stage ?``, ``Movement time`` or nothing).

    Raises
    ------
    DataError
        The file cannot be read, names no stage, or names stages that the study does not have.
    """
    try:
        found = read_hypnogram(hypnogram)
    except DataError as error:
        reason = error.__cause__ or error
        raise DataError(f"{hypnogram}: cannot be read as an EDF+ hypnogram ({reason}); fetch it again") from error
    five = found.scheme is AASM
    if five or all(span.stage == UNSCORED for span in found.spans):
        example = "Sleep stage 3" if five else "Sleep stage W"
        raise DataError(f"{hypnogram}: expected annotations such as {example!r}, got {found.names[:3]}; fetch it again")
    return on_grid(found.spans, n_epochs, whole=True)


def scored_epochs(labels: np.ndarray, wake_minutes: float = WAKE_MINUTES) -> np.ndarray:
    """Return which epochs to keep, as ascending indices: those near sleep that are scored (labels are not -1)."""
    near = near_sleep(labels, wake_minutes)
    return np.asarray(near.start + np.flatnonzero(labels[near] != UNSCORED))


def _spellings(channel: str) -> tuple[str, str]:
    return f"EEG {channel}", channel


def _open(psg: Path) -> mne.io.BaseRaw:
    """Return the two channels of a file, not read yet."""
    try:
        there = mne.io.read_raw_edf(psg, preload=False, verbose="ERROR").ch_names
        names = [next((name for name in _spellings(channel) if name in there), None) for channel in CHANNELS]
        if None in names:
            raise DataError(f"{psg}: expected channels {', '.join(CHANNELS)}, got {', '.join(there)}; fetch it again")
        raw = mne.io.read_raw_edf(psg, include=names, preload=False, verbose="ERROR")
    except DataError:
        raise
    except Exception as error:  # a damaged file can raise nearly anything
        raise DataError(f"{psg}: cannot be read as EDF ({error}); fetch it again") from error
    if raw.info["sfreq"] != SFREQ:
        raise DataError(f"{psg}: expected {SFREQ:g} Hz, got {raw.info['sfreq']:g} Hz; fetch it again")
    return raw


def _check(signal: np.ndarray, psg: Path) -> None:
    if not np.isfinite(signal).all():
        raise DataError(f"{psg}: the signal holds NaN or infinite values; fetch it again")
    spread = float(np.median(signal.std(axis=1)))
    if spread > LARGEST_STD:
        raise DataError(
            f"{psg}: expected EEG of some 2e-05 V, got a standard deviation of {spread:.2g} V; its header "
            f"names another unit than uV, fetch it again"
        )
