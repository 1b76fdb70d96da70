"""Readers of hypnograms. Each parses its format into spans and does nothing else."""

import shutil
import tempfile
import warnings
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import mne

from ..errors import DataError
from .edf import EdfHeader, read_header, read_tals
from .exports import EXPORTS, read_export
from .spans import Hypnogram, Span
from .tables import Timing, has_durations, read_text

_TEXT = (".csv", ".txt", ".tsv", ".dat", ".hyp", ".hypno", "")


def read_hypnogram(
    path: str | Path,
    start: datetime | None = None,
    *,
    seconds: float | None = None,
    names: Mapping[str, str] | None = None,
) -> Hypnogram:
    """Read EDF+ annotations, any others that mne reads, a table with a column ``stage``, or one stage per line.

    Also XML of NSRR and Compumedics, text of RemLogic, ``events.tsv`` of BIDS and JSON of Dreem (numbers: 4 is REM).

    Names such as ``Sleep stage 2``, ``N2``, ``S2``, ``NREM2``, ``Stadium II``, ``W``, ``REM`` are known; ``?``,
    ``Movement time`` and the like are not scored. Events such as ``Arousal`` may lie among stages that have durations.

    A table has a column ``stage`` and, unless there is one row per epoch, ``onset`` in seconds or by the clock; with a
    column ``duration``, or each row holds until the next. Times by a clock, in a table or in the header of a file, are
    placed by the recording's start.

    Parameters
    ----------
    start, seconds : datetime, float, optional
        When the recording began, and how long it lasts: without, times count from the file's own beginning, and a list
        is not compared with its recording.
    names : mapping, optional
        What names of the scorer's own mean; see :func:`beetl_task1.hypnograms.names.read_stage_names`.

    Raises
    ------
    DataError
        The file is missing, cannot be read, does not fit the recording, or has names that are not known.
    """
    path, own = Path(path), dict(names or {})
    if not path.is_file():
        raise DataError(f"{path}: no such file; --hypnogram takes annotations that mne reads, a CSV, or a text file")
    header = read_header(path)
    events = True
    if header is not None:
        found = _read_edf(path, header, Timing(start, seconds))
    elif path.suffix.lower() in EXPORTS:
        found = read_export(path, Timing(start, seconds))
    else:
        text = None
        if path.suffix.lower() in _TEXT:
            text = read_text(path, Timing(start, seconds), lambda name: name.strip().casefold() in own)
            events = text is None or (has_durations(text) and len({span.duration for span in text.spans}) > 1)
        found = text or _read_annotations(path)
    return found.renamed(own).without_marks().checked(str(path), events=events).held().timed_from(start, seconds)


def _read_edf(path: Path, header: EdfHeader, timing: Timing) -> Hypnogram:
    """Return the annotations of an EDF+ or BDF+ file."""
    spans = tuple(Span(tal.onset, tal.duration, text) for tal in read_tals(path, header) for text in tal.texts)
    if not spans:
        raise DataError(f"{path}: cannot be read as annotations: it has none; give EDF+ with annotations of stages")
    begins, start = header.start, timing.start
    notes: list[str] = []
    if begins is not None and start is not None and header.clock is not None:
        same_day = header.day is None or header.day == start.date()
        if begins.time() == datetime.min.time() and same_day and start.time() != datetime.min.time():
            begins = None  # midnight stands for a time that is not told
    if begins is None and start is not None:
        notes = ["its header does not say when it began: taken to begin with the recording"]
    elif begins is not None and start is None and timing.seconds is not None:
        notes = ["the recording does not say when it began: the scoring is taken to begin with it"]
    return Hypnogram(spans, begins, tuple(notes))


def _read_annotations(path: Path) -> Hypnogram:
    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
        warnings.simplefilter("ignore")
        try:
            readable = path
            if path.suffix != path.suffix.lower():  # mne knows .vmrk, not .VMRK
                readable = Path(shutil.copy(path, Path(folder) / f"hypnogram{path.suffix.lower()}"))
            found = mne.read_annotations(readable)
        except Exception as error:  # a damaged file can raise nearly anything
            reason = " ".join(str(error).split())[:200]
            if path.suffix.lower() in _TEXT:
                reason = "it has neither a stage on each line nor a column of that name"
            raise DataError(
                f"{path}: mne cannot read it as annotations ({reason}); give EDF+ annotations, a CSV with "
                f"a column 'stage', or one stage per line"
            ) from error
    spans = zip(found.onset.tolist(), found.duration.tolist(), map(str, found.description), strict=True)
    return Hypnogram(tuple(Span(*span) for span in spans), found.orig_time)
