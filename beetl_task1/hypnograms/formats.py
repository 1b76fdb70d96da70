"""Readers of hypnograms. Each parses its format into spans and does nothing else."""

import re
import shutil
import tempfile
import warnings
from collections.abc import Mapping
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import edfio
import mne
import numpy as np

from ..errors import DataError, one_line
from .edf import EdfHeader, read_header, read_tals
from .exports import EXPORTS, read_export
from .names import is_known
from .spans import Hypnogram, Span
from .tables import Timing, has_durations, read_text

_TEXT = (".csv", ".txt", ".tsv", ".dat", ".hyp", ".hypno", ".annot", ".eannot", "")
_HYPNOGRAM = re.compile("hypno|stage|stadi", re.IGNORECASE)
"""Labels of EDF channels that hold numbers of stages."""


def read_hypnogram(
    path: str | Path,
    start: datetime | None = None,
    *,
    seconds: float | None = None,
    names: Mapping[str, str] | None = None,
) -> Hypnogram:
    """Read EDF+ annotations, any others that mne reads, a table with a column ``stage``, or one stage per line.

    Also XML of NSRR, Compumedics, Philips (Sleepware, Alice) and Embla, text of RemLogic, ELAN, Visbrain and Luna,
    ``events.tsv`` of BIDS, JSON of Dreem (numbers: 4 is REM), and EDF with a channel of numbers.

    Names such as ``Sleep stage 2``, ``N2``, ``S2``, ``NREM2``, ``Stadium II``, ``W``, ``REM`` are known; ``?``,
    ``Movement time`` and the like are not scored. Events such as ``Arousal`` may lie among stages that have durations.

    A table has a column ``stage`` and, unless there is one row per epoch, ``onset`` in seconds or by the clock; with
    a column ``duration`` or ``stop``, or each row holds until the next. Times by a clock, in a table or in the header
    of a file, are placed by the recording's start.

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


def is_hypnogram(path: Path) -> bool:
    """Whether a file may hold a scoring, by its header where it is EDF, else by its ending."""
    header = read_header(path)
    if header is not None:
        return not header.has_signals or any(map(_HYPNOGRAM.search, header.labels))
    staged = path.suffix.lower() in (".csv", ".json") and is_staged_table(path.with_suffix(".csv"))
    beside = staged or path.name.endswith(("_description.txt", "_events.json")) or path.name == "summary.csv"
    beside = beside or path.stem.lower() in ("readme", "license", "changes")
    return path.is_file() and path.suffix.lower() in (*EXPORTS, *filter(None, _TEXT)) and not beside


def is_staged_table(path: Path) -> bool:
    """Whether a file is the table of a night whose stages `stage` wrote as EDF+ too."""
    return path.suffix.lower() == ".csv" and path.with_name(f"{path.stem}-hypnogram.edf").exists()


def _read_edf(path: Path, header: EdfHeader, timing: Timing) -> Hypnogram:
    """Return the annotations of an EDF+ or BDF+ file."""
    spans = tuple(Span(tal.onset, tal.duration, text) for tal in read_tals(path, header) for text in tal.texts)
    if not any(is_known(span.name) for span in spans):
        spans = _numbers(path, header) or spans
    if not spans:
        raise DataError(f"{path}: cannot be read as annotations: it has none; give EDF+ with annotations of stages")
    begins = header.start
    if begins is not None and timing.start is not None and header.clock is not None:
        same_day = header.day is None or header.day == timing.start.date()
        if begins.time() == datetime.min.time() and same_day and timing.start.time() != datetime.min.time():
            begins = None  # midnight stands for a time that is not told
    return Hypnogram(spans, begins, timing.about(begins))


def _numbers(path: Path, header: EdfHeader) -> tuple[Span, ...]:
    """Return the stages of a channel of numbers, as the first Sleep-EDF had them (.hyp); none without one."""
    if not any(map(_HYPNOGRAM.search, header.labels)):
        return ()
    try:
        signal = next(one for one in edfio.read_edf(path).signals if _HYPNOGRAM.search(one.label))
        values, seconds = np.round(signal.data), 1 / signal.sampling_frequency
    except Exception as error:  # a damaged file can raise nearly anything
        raise DataError(f"{path}: its channel of stages cannot be read ({error}); give an intact file") from error
    edges = [0, *(np.flatnonzero(np.diff(values)) + 1).tolist(), len(values)]
    return tuple(Span(a * seconds, (b - a) * seconds, f"{values[a]:g}") for a, b in pairwise(edges))


def _read_annotations(path: Path) -> Hypnogram:
    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
        warnings.simplefilter("ignore")
        try:
            readable = path
            if path.suffix != path.suffix.lower():  # mne knows .vmrk, not .VMRK
                readable = Path(shutil.copy(path, Path(folder) / f"hypnogram{path.suffix.lower()}"))
            found = mne.read_annotations(readable)
        except Exception as error:  # a damaged file can raise nearly anything
            reason = one_line(error)
            if path.suffix.lower() in _TEXT:
                reason = "it has neither a stage on each line nor a column of that name"
            raise DataError(
                f"{path}: mne cannot read it as annotations ({reason}); give EDF+ annotations, a CSV with "
                f"a column 'stage', or one stage per line"
            ) from error
    spans = zip(found.onset.tolist(), found.duration.tolist(), map(str, found.description), strict=True)
    return Hypnogram(tuple(Span(*span) for span in spans), found.orig_time)
