"""The submission log: what was packed when, with which recipe and commit, and how it scored."""

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path

from ..errors import SubmissionError
from ..writing import write_text
from .answer import ANSWER, answer_sha256, read_answer

LOG = "log.csv"


@dataclass(frozen=True)
class Logged:
    """One line of the log; every value is text, empty where nothing is known.

    Attributes
    ----------
    packed : str
        UTC time, ISO 8601.
    submission : str
        Name of the folder.
    group, recipe, seeds, data, commit, rows, partial : str
        From ``submission.json``.
    answer_sha256 : str
        Digest of the labels.
    local_score : str
        Cross-validated score of the recipe.
    leaderboard_score, note : str
        What the user enters.
    """

    packed: str
    submission: str
    group: str = ""
    recipe: str = ""
    seeds: str = ""
    data: str = ""
    commit: str = ""
    rows: str = ""
    partial: str = ""
    answer_sha256: str = ""
    local_score: str = ""
    leaderboard_score: str = ""
    note: str = ""


_COLUMNS = [column.name for column in fields(Logged)]


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
    try:
        with open(path, encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        return [Logged(**{name: row.get(name) or "" for name in _COLUMNS}) for row in rows if row["submission"]]
    except (OSError, UnicodeDecodeError, csv.Error, KeyError) as error:
        raise SubmissionError(f"{path}: not a submission log ({error!r}); move it away to begin a new one") from error


def record(
    submissions: Path, folder: Path, account: dict, *, local_score: float | None = None, now: datetime | None = None
) -> Logged:
    """Add a package to the log; the same answer of the same commit packed again only gains a local score.

    Parameters
    ----------
    submissions : path
        Folder of the log.
    folder : path
        Folder of the submission.
    account : dict
        Its ``submission.json``.
    local_score : float, optional
        Cross-validated score of the recipe.
    now : datetime, optional
        Time of packing.
    """
    lines = read_log(submissions)
    new = _line(folder, account, local_score, now or datetime.now(UTC))
    same = [i for i, line in enumerate(lines) if _identity(line) == _identity(new)]
    if same:
        old = lines[same[-1]]
        new = replace(old, local_score=new.local_score or old.local_score)
        lines[same[-1]] = new
    else:
        lines.append(new)
    _write(submissions, lines)
    return new


def enter_score(submissions: Path, folder: Path, score: float | None, note: str = "") -> Logged:
    """Note what the leaderboard said of a packed answer, or a remark.

    Parameters
    ----------
    submissions : path
        Folder of the log.
    folder : path
        Folder of the submission, or its name.
    score : float or None
        0 to 100; ``None`` leaves it as it is.
    note : str
        Replaces the remark, if any.

    Raises
    ------
    SubmissionError
        If it was never packed, its answer changed since, or the score is out of range.
    """
    if score is not None and not 0 <= score <= 100:
        raise SubmissionError(f"score {score:g}: expected 0 to 100, as the leaderboard shows it")
    lines, name = read_log(submissions), Path(folder).name
    known = [i for i, line in enumerate(lines) if line.submission == name]
    answer = Path(submissions) / name / ANSWER
    if answer.exists():
        digest = answer_sha256(read_answer(answer))
        known = [i for i in known if lines[i].answer_sha256 == digest]
    if not known:
        names = ", ".join(dict.fromkeys(line.submission for line in lines)) or "nothing yet"
        raise SubmissionError(f"{name}: this answer is not in the log (packed: {names}); package it first")
    shown = lines[known[-1]].leaderboard_score if score is None else f"{score:g}"
    lines[known[-1]] = replace(lines[known[-1]], leaderboard_score=shown, note=note or lines[known[-1]].note)
    _write(submissions, lines)
    return lines[known[-1]]


def _line(folder: Path, account: dict, local_score: float | None, now: datetime) -> Logged:
    recipe = account.get("recipe") or {}
    return Logged(
        packed=now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
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


def _identity(line: Logged) -> tuple:
    return line.submission, line.recipe, line.commit, line.answer_sha256


def _write(submissions: Path, lines: Sequence[Logged]) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(line) for line in lines)
    write_text(Path(submissions) / LOG, text.getvalue())
