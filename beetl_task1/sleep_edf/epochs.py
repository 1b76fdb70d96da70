"""One Sleep-EDF night: signal and scoring to labelled epochs."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import mne
import numpy as np

from ..data.raw import open_raw
from ..data.recording import LARGEST_STD
from ..errors import DataError
from ..hypnograms.edf import EdfHeader, read_header, record_gaps, record_onsets
from ..hypnograms.formats import read_hypnogram
from ..hypnograms.names import UNSCORED, is_aasm, is_known
from ..hypnograms.schemes import AASM
from ..hypnograms.spans import Hypnogram, near_sleep, on_grid
from ..task import CHANNELS, EPOCH_SECONDS, N_TIMES, SFREQ

Window = Callable[[np.ndarray], slice]
_SLEEP_PAST = 300.0
"""s of sleep after the signal's end that are let pass; the study's scorings run past it in Wake or unscored."""


@dataclass(frozen=True)
class LabelledEpochs:
    """The scored epochs of a night in order: X (n_epochs, 2, 3000), float64, volts; stages; and onsets (n_epochs,).

    Onsets are seconds from the beginning of the recording. There are gaps where epochs were not scored. ``notes`` are
    what the reader of the recording warned of.
    """

    X: np.ndarray
    y: np.ndarray
    onsets: np.ndarray
    notes: tuple[str, ...] = ()


def read_night(psg: str | Path, hypnogram: str | Path, window: Window = near_sleep) -> LabelledEpochs:
    """Read the epochs of a night that are scored, by default from 30 minutes before sleep to 30 minutes after.

    Only the kept stretch of the two channels is read into memory. ``window`` goes from the stage of each epoch of the
    recording, -1 where not scored, to the epochs that are kept.

    Raises
    ------
    DataError
        A file cannot be read, lacks a channel, has another sampling rate or unit, or nothing in it is scored.
    """
    raw, header, notes = _open(Path(psg))
    n_epochs = raw.n_times // N_TIMES
    labels = epoch_labels(Path(hypnogram), n_epochs, header.start if header else None)
    near = window(labels)
    kept = np.asarray(near.start + np.flatnonzero(labels[near] != UNSCORED))
    if len(kept) == 0:
        raise DataError(f"{hypnogram}: scores none of the {n_epochs} whole epochs of {psg}; remove both files")
    first, last = kept[0], kept[-1] + 1
    names = [_named(channel, raw.ch_names) for channel in CHANNELS]
    signal = raw.get_data(picks=names, start=first * N_TIMES, stop=last * N_TIMES)
    raw.close()
    _check(signal, Path(psg))
    X = signal.reshape(len(CHANNELS), last - first, N_TIMES).transpose(1, 0, 2)[kept - first]
    return LabelledEpochs(np.ascontiguousarray(X), labels[kept], kept * float(EPOCH_SECONDS), notes)


def epoch_labels(hypnogram: Path, n_epochs: int, start: datetime | None = None) -> np.ndarray:
    """Return the stage of every whole epoch of the signal.

    An epoch has a stage if it lies within the scored stretch of it; what is scored past the signal is dropped. Times
    count from ``start``, by the clock of both headers; without, both files begin together.

    Returns
    -------
    numpy.ndarray (n_epochs,), int64
        -1 where not scored (``Sleep stage ?``, ``Movement time`` or nothing).

    Raises
    ------
    DataError
        The file cannot be read, names no stage, or names what the study does not have.
    """
    return on_grid(_scoring(hypnogram, start).spans, n_epochs, whole=True)


def fault_of(psg: Path, hypnogram: Path) -> str | None:
    """Return why a night cannot be built, as far as its headers and its scoring tell, or None.

    Raises
    ------
    DataError
        The scoring cannot be read, names no stage, or names what the study does not have.
    """
    header = read_header(psg)
    if header is None:
        return None  # read_night says what is wrong with it
    if header.cut:
        return f"{psg.name} {header.cut}; fetch it again"
    onsets = record_onsets(psg, header)
    if onsets is not None and len(record_gaps(onsets, header)):
        return f"{psg.name} has gaps (EDF+D), so its epochs are not where they seem to be; remove it"
    end = header.n_there * header.record_seconds
    scored = [span for span in _scoring(hypnogram, header.start).spans if span.stage != UNSCORED]
    past = sum(min(span.duration, max(0.0, span.onset + span.duration - end)) for span in scored if span.stage > 0)
    if past <= _SLEEP_PAST:
        return None
    total = sum(span.duration for span in scored)
    return (f"{psg.name} lasts {end / 3600:.2f} h, but {past / 60:.0f} min of sleep are scored after its end, of "
            f"{total / 3600:.2f} h scored in all; fetch it again")  # fmt: skip


def _scoring(hypnogram: Path, start: datetime | None) -> Hypnogram:
    try:
        found = read_hypnogram(hypnogram, start)
    except DataError as error:
        if "expected stages" in str(error):
            why = f"expected annotations such as 'Sleep stage W' ({error})"
            raise DataError(f"{hypnogram}: {why}; fetch it again") from error
        reason = error.__cause__ or error
        raise DataError(f"{hypnogram}: cannot be read as an EDF+ hypnogram ({reason}); fetch it again") from error
    strange = [name for name in found.names if not is_known(name)]
    if found.scheme is AASM or strange:
        example = "Sleep stage 3" if found.scheme is AASM else "Sleep stage W"
        names = strange or [name for name in found.names if is_aasm(name)]
        raise DataError(
            f"{hypnogram}: expected annotations such as {example!r}, got {', '.join(names[:6])}; `build` takes the "
            f"study's six stages only: fetch it again"
        )
    return found


def as_cropped(stages: np.ndarray, minutes: float) -> slice:
    """Return the epochs that the competition kept of a night: all of one without sleep.

    From some minutes before the onset of sleep to as many after the onset of the last bout of sleep, which is the last
    stretch of one stage; a longer one is cut. ``stages`` (n_epochs,) are in order, -1 where not scored.
    """
    asleep = np.flatnonzero(np.asarray(stages) > 0)
    if not len(asleep):
        return slice(0, len(stages))
    others = np.flatnonzero(stages[: asleep[-1]] != stages[asleep[-1]])
    bout = int(others[-1]) + 1 if len(others) else 0
    margin = round(minutes * 60 / EPOCH_SECONDS)
    return slice(max(0, int(asleep[0]) - margin), min(len(stages), bout + margin))


def _named(channel: str, there: list[str]) -> str | None:
    """Return what a file calls a channel; the first one of labels that are there twice."""
    names = [f"EEG {channel}", channel, f"EEG {channel}-0", f"{channel}-0"]
    return next((name for name in names if name in there), None)


def _open(psg: Path) -> tuple[mne.io.BaseRaw, EdfHeader | None, tuple[str, ...]]:
    """Return the two channels of a file, not read yet, its header, and what its reader warns of."""
    try:
        there = open_raw(psg).raw.ch_names
        names = [_named(channel, there) for channel in CHANNELS]
        if None in names:
            raise DataError(f"{psg}: expected channels {', '.join(CHANNELS)}, got {', '.join(there)}; fetch it again")
        opened = open_raw(psg, [name for name in names if name])
    except DataError:
        raise
    except Exception as error:  # a damaged file can raise nearly anything
        raise DataError(f"{psg}: cannot be read as EDF ({error}); fetch it again") from error
    raw = opened.raw
    if raw.info["sfreq"] != SFREQ:
        raise DataError(f"{psg}: expected {SFREQ:g} Hz, got {raw.info['sfreq']:g} Hz; fetch it again")
    return raw, opened.header, opened.warnings


def _check(signal: np.ndarray, psg: Path) -> None:
    if not np.isfinite(signal).all():
        raise DataError(f"{psg}: the signal holds NaN or infinite values; fetch it again")
    spread = float(np.median(signal.std(axis=1)))
    if spread > LARGEST_STD:
        raise DataError(
            f"{psg}: expected EEG of some 2e-05 V, got a standard deviation of {spread:.2g} V; its header "
            f"names another unit than uV, fetch it again"
        )
