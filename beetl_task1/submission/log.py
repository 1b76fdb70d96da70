"""The submission log: what was packed when, with which recipe and commit, and how it scored."""

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from ..errors import SubmissionError
from ..typed import text_of
from ..validation.result import Result
from ..writing import alone, write_rows
from .answer import ANSWER, answer_sha256, read_answer

LOG = "log.csv"


class Logged(Result, frozen=True):
    """One line of the log; every value is text, empty where nothing is known."""

    packed: str
    """UTC time, ISO 8601."""
    submission: str
    """Name of the folder."""
    group: str = ""
    recipe: str = ""
    seeds: str = ""
    data: str = ""
    commit: str = ""
    rows: str = ""
    partial: str = ""
    answer_sha256: str = ""
    """From ``submission.json``; the last is the digest of the labels."""
    local_score: str = ""
    """Cross-validated score of the recipe."""
    leaderboard_score: str = ""
    note: str = ""
    """What the user enters."""


def read_log(submissions: Path) -> list[Logged]:
    """Return the lines of ``log.csv``, the oldest first; none where there is no log.

    Raises
    ------
    SubmissionError
        If the file is not a log.
    """
    path = Path(submissions) / LOG
    if not path.exists():
        return []
    columns = Logged.__struct_fields__
    try:
        rows = [row for row in csv.DictReader(io.StringIO(text_of(path.read_bytes()))) if row["submission"]]
    except (OSError, UnicodeDecodeError, csv.Error, KeyError) as error:
        raise SubmissionError(f"{path}: not a submission log ({error!r}); move it away to begin a new one") from error
    return [Logged(**{name: row.get(name) or "" for name in columns}) for row in rows]


def lines_of(lines: Sequence[Logged], folder: Path) -> list[Logged]:
    """Return the lines of one submission.

    Raises
    ------
    SubmissionError
        If there are none.
    """
    found = [line for line in lines if line.submission == Path(folder).name]
    if not found:
        raise _unlogged(lines, Path(folder).name)
    return found


def _unlogged(lines: Sequence[Logged], name: str) -> SubmissionError:
    names = ", ".join(dict.fromkeys(line.submission for line in lines)) or "nothing yet"
    return SubmissionError(f"{name}: this answer is not in the log (packed: {names}); package it first")


def log_package(
    submissions: Path,
    folder: Path,
    account: Mapping[str, Any],
    *,
    local_score: float | None = None,
    now: datetime | None = None,
) -> Logged:
    """Add a package and its ``submission.json`` to the log of a folder of submissions.

    The same answer of the same commit packed again only gains a cross-validated score, if one is given.
    """
    recipe = account.get("recipe") or {}
    new = Logged(
        packed=(now or datetime.now(UTC)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        submission=Path(folder).name,
        group=account.get("group", ""),
        recipe=recipe.get("name") or account.get("labels_from", ""),
        seeds=" ".join(map(str, recipe.get("seeds", ()))),
        data=account.get("data", ""),
        commit=account.get("versions", {}).get("commit", ""),
        rows=str(account.get("n_rows", "")),
        partial="yes" if account.get("partial") else "no",
        answer_sha256=account.get("answer_sha256", ""),
        local_score="" if local_score is None else f"{local_score:.2f}",
    )
    with alone(submissions):
        lines = read_log(submissions)
        same = [i for i, line in enumerate(lines) if _identity(line) == _identity(new)]
        if not same:
            return _write(submissions, [*lines, new], -1)
        old = lines[same[-1]]
        lines[same[-1]] = replace(old, local_score=new.local_score or old.local_score)
        return _write(submissions, lines, same[-1])


def enter_score(submissions: Path, folder: Path, score: float | None, note: str = "") -> Logged:
    """Note what the leaderboard said of a packed answer (0 to 100), or a remark; what is not given stays.

    Raises
    ------
    SubmissionError
        If it was never packed, its answer changed since, or the score is out of range.
    """
    if score is not None and not 0 <= score <= 100:
        raise SubmissionError(f"score {score:g}: expected 0 to 100, as the leaderboard shows it")
    name = Path(folder).name
    answer = Path(submissions) / name / ANSWER
    digest = answer_sha256(read_answer(answer)) if answer.exists() else None
    with alone(submissions):
        lines = read_log(submissions)
        known = [i for i, line in enumerate(lines) if line.submission == name and digest in (None, line.answer_sha256)]
        if not known:
            raise _unlogged(lines, name)
        old = lines[known[-1]]
        shown = old.leaderboard_score if score is None else f"{score:g}"
        lines[known[-1]] = replace(old, leaderboard_score=shown, note=note or old.note)
        return _write(submissions, lines, known[-1])


def _identity(line: Logged) -> tuple[str, ...]:
    return line.submission, line.recipe, line.commit, line.answer_sha256


def _write(submissions: Path, lines: Sequence[Logged], changed: int) -> Logged:
    write_rows(Path(submissions) / LOG, Logged.__struct_fields__, (line.to_dict() for line in lines))
    return lines[changed]
