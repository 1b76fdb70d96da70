"""Readers of hypnograms. Each parses its format into spans and does nothing else."""

import csv
import shutil
import tempfile
import warnings
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import mne

from ..errors import DataError
from ..task import EPOCH_SECONDS
from .names import is_known
from .spans import Hypnogram, Span

_TEXT = (".csv", ".txt", ".tsv")


def read_hypnogram(path: str | Path, start: datetime | None = None) -> Hypnogram:
    """Read annotations in any format that mne reads, a CSV with a column ``stage``, or one stage per line.

    Names such as ``Sleep stage 2``, ``N2``, ``S2``, ``NREM2``, ``W``, ``REM`` are known; anything else (``?``,
    ``Movement time``) is not scored.

    A CSV has columns ``stage`` and, unless there is one row per epoch, ``onset`` in seconds; each row holds until the
    next. Annotations with a time of their own are shifted to the start of the recording.

    Raises
    ------
    DataError
        The file is missing or cannot be read.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"{path}: no such file; --hypnogram takes annotations that mne reads, a CSV, or a text file")
    text = _read_text(path) if path.suffix.lower() in _TEXT else None
    return (text or _read_annotations(path)).timed_from(start)


def _read_text(path: Path) -> Hypnogram | None:
    """Return what a CSV or a list of stages says, or None where the text is neither."""
    text = path.read_text(encoding="utf-8-sig", errors="replace")
    lines = [line for line in text.splitlines() if line.strip()]
    if lines and all(map(is_known, lines)):
        return _until_next(range(0, len(lines) * EPOCH_SECONDS, EPOCH_SECONDS), lines)
    rows = list(csv.DictReader(lines, delimiter="\t" if path.suffix.lower() == ".tsv" else ","))
    if not rows or "stage" not in rows[0]:
        return None
    onsets: Sequence[float] = range(0, len(rows) * EPOCH_SECONDS, EPOCH_SECONDS)
    if "onset" in rows[0]:
        try:
            onsets = [float(row["onset"]) for row in rows]
        except (TypeError, ValueError) as error:
            raise DataError(f"{path}: expected seconds in the column 'onset' ({error})") from error
    return _until_next(onsets, [row["stage"] or "?" for row in rows])


def _until_next(onsets: Sequence[float], names: Sequence[str]) -> Hypnogram:
    """Return spans that each hold until the next one; the last is an epoch long."""
    ends = [*onsets[1:], onsets[-1] + EPOCH_SECONDS]
    return Hypnogram(tuple(Span(a, b - a, name) for a, b, name in zip(onsets, ends, names, strict=True)))


def _read_annotations(path: Path) -> Hypnogram:
    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
        warnings.simplefilter("ignore")
        try:
            readable = path
            if path.suffix != path.suffix.lower():  # mne knows .edf, not .EDF
                readable = Path(shutil.copy(path, Path(folder) / f"hypnogram{path.suffix.lower()}"))
            found = mne.read_annotations(readable)
        except Exception as error:  # a damaged file can raise nearly anything
            raise DataError(
                f"{path}: mne cannot read it as annotations ({error}); give EDF+ annotations, a CSV with "
                f"a column 'stage', or one stage per line"
            ) from error
    spans = zip(found.onset.tolist(), found.duration.tolist(), map(str, found.description), strict=True)
    return Hypnogram(tuple(Span(*span) for span in spans), found.orig_time)
