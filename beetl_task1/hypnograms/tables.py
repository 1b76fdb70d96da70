"""Hypnograms as text: one stage per line, or a table, as programs, spreadsheets and shells write them."""

import csv
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from ..errors import DataError
from ..task import EPOCH_SECONDS
from .names import is_known
from .spans import HALF_DAY, Hypnogram, Span
from .visbrain import read_visbrain

DAY = 2 * HALF_DAY
_STAGE = (
    "stage", "sleepstage", "stages", "sleepstages", "stagename", "hypnogram", "hypno", "stadium", "schlafstadium",
    "stade", "stadedesommeil", "stadio", "estadio", "scoring", "score", "sleepstate", "state", "trialtype", "label",
    "labels", "description", "annotation", "annotations", "class",
)  # fmt: skip
_ONSET = (
    "onset", "onsets", "onsetsec", "onsetseconds", "start", "starts", "starttime", "startsec", "begin", "begins",
    "beginn", "time", "clock", "clocktime", "timestamp", "datetime", "seconds", "sec", "t", "zeit", "uhrzeit",
    "heure", "hora", "elapsed", "elapsedtime",
)  # fmt: skip
_DURATION = ("duration", "durations", "durationsec", "durationseconds", "dur", "length", "dauer", "duree")
_END = ("stop", "stops", "stoptime", "end", "ends", "endtime", "offset", "ende", "fin")
_EPOCH = ("epoch", "epochs", "no", "nr", "number", "index", "epochnumber", "epochno", "epochid", "epoche", "n", "")
_CLOCK = re.compile(r"(\d{1,2}):(\d\d)(?::(\d\d(?:[.,]\d+)?))?\s*([AP]M)?", re.IGNORECASE)
_DOTTED = re.compile(r"(\d{1,2})\.(\d\d)\.(\d\d)()")
_LENGTHS = (1, 2, 4, 5, 6, 10, 15, 20, 60)
"""Seconds that epochs of other scorings may have."""
_SLACK = 2
"""Epochs by which a list may be longer than its recording, whose last epoch may not be whole."""
_PREAMBLE, _MOST_LINES = 100, 200_000


@dataclass(frozen=True)
class Timing:
    """What is known of the recording that a scoring is for: its start, and its duration in s."""

    start: datetime | None = None
    seconds: float | None = None

    def about(self, begins: datetime | None) -> tuple[str, ...]:
        """Return what to say where a scoring, or its recording, does not tell when it began."""
        if begins is None and self.start is not None:
            return ("its header does not say when it began: taken to begin with the recording",)
        if begins is not None and self.start is None and self.seconds is not None:
            return ("the recording does not say when it began: the scoring is taken to begin with it",)
        return ()


def read_text(path: Path, timing: Timing, own: Callable[[str], bool]) -> Hypnogram | None:
    """Return what a list or a table of stages says, or None where the text is neither.

    ``own`` tells which names a user has explained.

    Raises
    ------
    DataError
        Times cannot be read, or a list does not fit the recording.
    """
    lines = [line.strip("\r\n ") for line in decoded(path.read_bytes()).splitlines()]
    lines = [line for line in lines if line.strip() and not line.startswith(("#", "//")) and line[:4] != "sep="]
    if len(lines) > _MOST_LINES:
        raise DataError(
            f"{path}: {len(lines):,} lines, at most {_MOST_LINES:,} expected; give the scoring of one recording"
        )
    if len(lines) == 1 and len(cells := re.split(r"[,;\t ]+", lines[0])) > 1 and all(map(is_known, cells)):
        lines = cells
    known = read_visbrain(path, lines)
    if known is not None:
        return known
    bare = [line.strip(",;\t \"'") for line in lines]
    if bare and _column(bare[0]) in _STAGE:
        bare = bare[1:]
    if bare and (all(is_known(line) or own(line) for line in bare) or not any(re.search(r"[,;\t]", x) for x in bare)):
        return evenly(path, bare, timing)
    try:
        table = _table(lines)
    except csv.Error as error:
        raise DataError(f"{path}: not a table of stages ({error}); give a CSV with a column 'stage'") from error
    return None if table is None else _from_table(path, *table, timing)


def decoded(content: bytes) -> str:
    """Return text whatever wrote it: UTF-8 or UTF-16 with or without a mark, or a Western code page."""
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return content.decode("utf-16", errors="replace")
    if content[1:20:2].count(0) > 5:
        return content.decode("utf-16-le", errors="replace")
    if content[:20:2].count(0) > 5:
        return content.decode("utf-16-be", errors="replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


def _column(cell: str) -> str:
    """Return the name of a column without units, case and signs."""
    letters = unicodedata.normalize("NFKD", re.sub(r"[\[(].*?[\])]", "", cell.lower()))
    return re.sub(r"[^a-z]", "", letters)


def _table(lines: Sequence[str]) -> tuple[list[str], list[list[str]]] | None:
    """Return names of columns and rows, below whatever comes before the header."""
    for i, line in enumerate(lines[:_PREAMBLE]):
        for delimiter in "\t;,|":
            names = [_column(cell) for cell in line.split(delimiter)]
            if len(names) > 1 and set(names) & set(_STAGE):
                rows = list(csv.reader(lines[i + 1 :], delimiter=delimiter))
                return names, [row + [""] * (len(names) - len(row)) for row in rows]
    return None


def _from_table(path: Path, names: list[str], rows: list[list[str]], timing: Timing) -> Hypnogram:
    def column(known: Sequence[str]) -> list[str] | None:
        found = next((name for name in known if name in names), None)
        return None if found is None or not rows else [row[names.index(found)].strip() for row in rows]

    stages = [stage or "?" for stage in column(_STAGE) or []]
    onset, duration = column(_ONSET), column(_DURATION)
    lasting = None if duration is None else _numbers(path, duration, "duration", blank=0.0)
    if onset is None:
        numbers = column(_EPOCH)
        if lasting is not None and all(value > 0 for value in lasting):
            begins = np.concatenate([[0.0], np.cumsum(lasting)[:-1]]).tolist()
        elif numbers is None or not all(re.fullmatch(r"\d+", n) for n in numbers):
            return evenly(path, stages, timing)
        else:
            return _numbered(path, stages, [int(n) for n in numbers], timing)
        notes: tuple[str, ...] = ()
    else:
        begins, notes = _begins(path, onset, timing)
        ends = column(_END)
        if lasting is None and ends is not None:
            lasting = [_between(path, *both) for both in zip(onset, ends, strict=True)]
    spans = zip(begins, lasting or [0.0] * len(begins), stages, strict=True)
    return Hypnogram(tuple(Span(*span) for span in spans), notes=notes)


def _between(path: Path, begin: str, end: str) -> float:
    """Return the seconds from one cell to another, by the clock or as numbers; 0 where one says nothing."""
    clocks = _clock(begin), _clock(end)
    if clocks[0] is not None and clocks[1] is not None:
        return (clocks[1] - clocks[0]) % DAY
    numbers = _numbers(path, [begin, end], "stop", blank=float("nan"))
    return max(0.0, numbers[1] - numbers[0]) if np.isfinite(numbers).all() else 0.0


def has_durations(hypnogram: Hypnogram) -> bool:
    """Whether spans last as long as the file says, so that events may lie among them."""
    return any(span.duration > 0 for span in hypnogram.spans)


def _numbers(path: Path, cells: Sequence[str], name: str, blank: float | None = None) -> list[float]:
    try:
        return [blank if blank is not None and cell.lower() in ("", "n/a") else float(cell.replace(",", "."))
                for cell in cells]  # fmt: skip
    except ValueError as error:
        raise DataError(
            f"{path}: expected seconds in the column {name!r} ({error}); write seconds such as 30.5, or clock times"
        ) from error


def _begins(path: Path, cells: Sequence[str], timing: Timing) -> tuple[list[float], tuple[str, ...]]:
    """Return onsets in s from the recording's start, and notes."""
    clocks = [_clock(cell) for cell in cells]
    if all(clock is None for clock in clocks):
        begins = _numbers(path, cells, "onset")
        step = float(np.median(np.diff(np.unique(begins)))) if len(set(begins)) > 1 else EPOCH_SECONDS
        if step < 1:
            raise DataError(f"{path}: expected onsets in seconds, got steps of {step:g}; write them in seconds")
        return begins, ()
    if None in clocks:
        raise DataError(f"{path}: row {clocks.index(None) + 1} has no clock time as others have; fill or remove it")
    times = np.array(clocks, dtype=float)
    elapsed, end = _unwrapped(times - times[0]), timing.seconds
    if timing.start is None:
        why = "holds clock times, but the recording does not say when it began: its first row is taken as the beginning"
        return (elapsed + (times[0] if times[0] == 0 else 0)).tolist(), () if times[0] == 0 else (why,)
    began = timing.start.hour * 3600 + timing.start.minute * 60 + timing.start.second
    by_clock = (times - began) % DAY
    if end is not None:
        by_clock = np.where((by_clock > end) & (DAY - by_clock < by_clock - end), by_clock - DAY, by_clock)
        outside = (by_clock >= end) | (by_clock < 0)
        if times[0] == 0 and outside.mean() > 0.1 and elapsed.max() <= end:
            return elapsed.tolist(), ("its times count from 0:00:00, taken as time since the recording's start",)
    return by_clock.tolist(), ()


def _clock(cell: str) -> float | None:
    """Return the seconds since midnight of a cell that has a clock time, also with dots as CAP's texts have it."""
    found = _CLOCK.search(cell) or _DOTTED.fullmatch(cell)
    if found is None:
        return None
    hours, minutes, rest, half = found.groups()
    whole = int(hours) % 12 + (12 if half.lower() == "pm" else 0) if half else int(hours)
    return whole * 3600.0 + int(minutes) * 60 + float((rest or "0").replace(",", "."))


def _unwrapped(seconds: np.ndarray) -> np.ndarray:
    """Return times that pass midnight as ones that go on."""
    return np.asarray(np.unwrap(seconds, period=DAY))


def _numbered(path: Path, stages: Sequence[str], numbers: Sequence[int], timing: Timing) -> Hypnogram:
    """Return the spans of numbered epochs, which may be unsorted or have gaps."""
    first = min(numbers)
    if sorted(numbers) == list(range(first, first + len(numbers))) and first <= 1:
        return evenly(path, [stage for _, stage in sorted(zip(numbers, stages, strict=True))], timing)
    base = min(first, 1)
    spans = tuple(Span(EPOCH_SECONDS * float(n - base), EPOCH_SECONDS, s) for n, s in zip(numbers, stages, strict=True))
    return Hypnogram(spans, notes=(f"its epochs are numbered from {first}, with gaps: number {base} is the first",))


def evenly(path: Path, stages: Sequence[str], timing: Timing) -> Hypnogram:
    """Return the spans of stages that follow each other without times of their own.

    Raises
    ------
    DataError
        They are more than the recording's epochs, whatever length they have.
    """
    step = float(EPOCH_SECONDS)
    n, seconds = len(stages), timing.seconds
    if seconds is None or abs(n - seconds // step) <= _SLACK:
        return Hypnogram.steady(stages, step)
    expected = f"{int(seconds // step)} epochs of {step:g} s in the recording"
    other = next((length for length in _LENGTHS if abs(seconds / length - n) <= max(_SLACK, 30 / length)), None)
    if other and other != 6:
        note = f"its {n} lines for {expected} are taken as epochs of {other} s"
        return Hypnogram.steady(stages, float(other), (note,))
    if n * step > seconds:
        raise DataError(
            f"{path}: expected {expected}, got {n} lines of stages; give the scoring of this recording, or a table "
            f"with the columns onset,stage in seconds"
        )
    return Hypnogram.steady(stages, step, (f"its {n} lines are fewer than the {expected}: taken to begin with it",))
