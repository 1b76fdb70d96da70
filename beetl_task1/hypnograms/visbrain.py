"""Hypnograms as Visbrain and ELAN write them: stages with the times of their ends, or numbers under a header."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..errors import DataError
from .names import is_known
from .spans import Hypnogram, Span

_ELAN = ("time_base", "sampling_period", "epoch_nb", "epoch_list")
_DESCRIPTION = "_description.txt"


def read_visbrain(path: Path, lines: Sequence[str]) -> Hypnogram | None:
    """Return what a text says in one of these forms, or None where it is in none of them.

    ELAN (``.hyp``): four lines of a header, then a number for each time base, 5 is REM. Visbrain: a number on each
    line, explained in ``<name>_description.txt`` beside it; or a stage and the second at which it ends, below lines
    that begin with ``*``.
    """
    try:
        return _explained(path, lines) or _ending(lines)
    except (ValueError, IndexError) as error:
        raise DataError(f"{path}: its header cannot be read ({error}); give a file as Visbrain wrote it") from error


def _explained(path: Path, lines: Sequence[str]) -> Hypnogram | None:
    """Return numbers that a header or a file beside them explains."""
    sidecar = path.with_name(path.stem + _DESCRIPTION)
    if [line.split()[0] for line in lines[:4] if line.split()] == list(_ELAN):
        return _numbered(lines[4:], float(lines[0].split()[1]), {"-1": "?", "-2": "?"})
    if sidecar.is_file() and path.name != sidecar.name:
        meanings = dict(line.split()[:2] for line in sidecar.read_text(encoding="utf-8").splitlines() if " " in line)
        seconds = float(meanings.pop("time", 30.0))
        return _numbered(lines, seconds, {f"{float(number):g}": name for name, number in meanings.items()})
    return None


def _numbered(numbers: Sequence[str], seconds: float, meanings: dict[str, str]) -> Hypnogram:
    return Hypnogram.steady((meanings.get(number.strip(), number.strip()) for number in numbers), seconds)


def _ending(lines: Sequence[str]) -> Hypnogram | None:
    """Return stages that each have the second of their end, or None; where the first has 0 it is their beginning."""
    rows = [re.split(r"[\t;, ]+", line.strip()) for line in lines if not line.startswith("*")]
    if not rows or any(len(row) != 2 or not is_known(row[0]) or not re.fullmatch(r"[\d.]+", row[1]) for row in rows):
        return None
    times = [float(row[1]) for row in rows]
    numbered = all(row[0].isdigit() for row in rows) or set(np.diff(times)) == {1.0}
    if times != sorted(times) or (numbered and not any(line.startswith("*") for line in lines)):
        return None  # or these may be numbers of epochs
    if times[0] == 0:
        return Hypnogram(tuple(Span(onset, 0.0, name) for onset, (name, _) in zip(times, rows, strict=True)))
    note = "its times are taken as the ends of the stages, as Visbrain writes them"
    spans = zip([0.0, *times], times, rows, strict=False)
    return Hypnogram(tuple(Span(a, b - a, name) for a, b, (name, _) in spans), notes=(note,))
