"""One Sleep-EDF night: signal and scoring to labelled epochs."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..data.recording import LARGEST_STD
from ..errors import DataError
from ..task import CHANNELS, EPOCH_SECONDS, N_TIMES, SFREQ, STAGES

SOURCE = "Sleep-EDF Expanded 1.0.0, sleep-cassette study (PhysioNet, ODC-By 1.0)"
WAKE_MINUTES = 30.0
"""Minutes of Wake that are kept before the first and after the last epoch of sleep."""
UNSCORED = -1
_STAGE_NAMES = {f"Sleep stage {letter}": label for label, letter in enumerate("W1234R")}


@dataclass(frozen=True)
class Night:
    """A night in order.

    Attributes
    ----------
    X : numpy.ndarray (n_epochs, 2, 3000), float64
        Fpz-Cz and Pz-Oz in volts.
    y : numpy.ndarray (n_epochs,), int64
        Stages, indices into :data:`beetl_task1.task.STAGES`.
    onsets : numpy.ndarray (n_epochs,), float64
        Seconds from the beginning of the recording. There are gaps where epochs were not scored.
    """

    X: np.ndarray
    y: np.ndarray
    onsets: np.ndarray


def read_night(psg: str | Path, hypnogram: str | Path, *, wake_minutes: float = WAKE_MINUTES) -> Night:
    """Read the epochs of a night that are scored, from 30 minutes before sleep to 30 minutes after.

    Only the kept stretch of the two channels is read into memory.

    Parameters
    ----------
    psg, hypnogram : path
        The EDF file of the signals, and the EDF+ file of the scoring.
    wake_minutes : float
        Wake to keep on each side of sleep.

    Returns
    -------
    Night

    Raises
    ------
    DataError
        A file cannot be read, lacks a channel, has another sampling rate or unit, or nothing in it is scored.
    """
    raw, names = _open(Path(psg))
    n_epochs = raw.n_times // N_TIMES
    labels = epoch_labels(Path(hypnogram), n_epochs)
    kept = scored_epochs(labels, wake_minutes)
    if len(kept) == 0:
        raise DataError(f"{hypnogram}: scores none of the {n_epochs} whole epochs of {psg}; remove both files")
    first, last = kept[0], kept[-1] + 1
    signal = raw.get_data(picks=names, start=first * N_TIMES, stop=last * N_TIMES)
    raw.close()
    _check(signal, Path(psg))
    X = signal.reshape(len(names), last - first, N_TIMES).transpose(1, 0, 2)[kept - first]
    return Night(np.ascontiguousarray(X), labels[kept], kept * float(EPOCH_SECONDS))


def epoch_labels(hypnogram: Path, n_epochs: int) -> np.ndarray:
    """Return the stage of every whole epoch of the signal.

    Both files begin together, as all of the study's do. An epoch has a stage if it lies within the scored stretch of
    it; what is scored past the signal is dropped.

    Parameters
    ----------
    hypnogram : Path
        EDF+ file of the scoring.
    n_epochs : int
        Whole epochs of the signal.

    Returns
    -------
    numpy.ndarray (n_epochs,), int64
        -1 where not scored (``Sleep stage ?``, ``Movement time`` or nothing).

    Raises
    ------
    DataError
        The file cannot be read or names no stage.
    """
    import mne

    try:
        annotations = mne.read_annotations(hypnogram)
    except Exception as error:  # a damaged file can raise nearly anything
        raise DataError(f"{hypnogram}: cannot be read as an EDF+ hypnogram ({error}); fetch it again") from error
    if not any(name in _STAGE_NAMES for name in annotations.description):
        raise DataError(
            f"{hypnogram}: expected annotations such as 'Sleep stage W', got "
            f"{sorted(set(map(str, annotations.description)))[:3]}; fetch it again"
        )
    labels = np.full(n_epochs, UNSCORED, dtype=np.int64)
    for onset, duration, name in zip(annotations.onset, annotations.duration, annotations.description, strict=True):
        first = int(np.ceil(round(onset / EPOCH_SECONDS, 6)))
        last = int(np.floor(round((onset + duration) / EPOCH_SECONDS, 6)))
        labels[max(first, 0) : max(last, 0)] = _STAGE_NAMES.get(str(name), UNSCORED)
    return labels


def scored_epochs(labels: np.ndarray, wake_minutes: float = WAKE_MINUTES) -> np.ndarray:
    """Return which epochs to keep: the scored ones near sleep.

    Parameters
    ----------
    labels : numpy.ndarray (n_epochs,)
        Stages in order, -1 where not scored.
    wake_minutes : float
        Wake to keep on each side of sleep.

    Returns
    -------
    numpy.ndarray of int
        Indices, ascending. Where no sleep is scored there is nothing to crop around: all scored epochs.
    """
    kept = labels != UNSCORED
    asleep = np.flatnonzero(labels > STAGES.index("W"))
    if len(asleep):
        margin = round(wake_minutes * 60 / EPOCH_SECONDS)
        kept[: max(0, asleep[0] - margin)] = False
        kept[asleep[-1] + 1 + margin :] = False
    return np.flatnonzero(kept)


def _open(psg: Path):
    """Return the lazily opened file and its names of the two channels, in the competition's order."""
    import mne

    try:
        there = mne.io.read_raw_edf(psg, preload=False, verbose="ERROR").ch_names
        names = [next((name for name in (f"EEG {channel}", channel) if name in there), None) for channel in CHANNELS]
        if None in names:
            raise DataError(f"{psg}: expected channels {', '.join(CHANNELS)}, got {', '.join(there)}; fetch it again")
        raw = mne.io.read_raw_edf(psg, include=names, preload=False, verbose="ERROR")
    except DataError:
        raise
    except Exception as error:  # a damaged file can raise nearly anything
        raise DataError(f"{psg}: cannot be read as EDF ({error}); fetch it again") from error
    if raw.info["sfreq"] != SFREQ:
        raise DataError(f"{psg}: expected {SFREQ:g} Hz, got {raw.info['sfreq']:g} Hz; fetch it again")
    return raw, names


def _check(signal: np.ndarray, psg: Path) -> None:
    if not np.isfinite(signal).all():
        raise DataError(f"{psg}: the signal holds NaN or infinite values; fetch it again")
    spread = float(np.median(signal.std(axis=1)))
    if spread > LARGEST_STD:
        raise DataError(
            f"{psg}: expected EEG of some 2e-05 V, got a standard deviation of {spread:.2g} V; its header "
            f"names another unit than uV, fetch it again"
        )
