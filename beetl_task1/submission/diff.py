"""How two answers differ, per stage and subject."""

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from sklearn.metrics import cohen_kappa_score, confusion_matrix

from ..errors import SubmissionError
from ..task import N_OUTPUTS, STAGES
from .answer import ANSWER, read_answer
from .scored import by_recording, read_account


@dataclass(frozen=True)
class AnswerDiff:
    """Two answers for the same epochs.

    Attributes
    ----------
    first, second : str
        Where they are from.
    n_rows, n_different : int
        Labels, and those that differ.
    kappa : float or None
        Cohen's kappa between them; ``None`` where both hold one and the same stage only.
    table : list of list of int
        Rows the first answer's stage, columns the second's.
    subjects, nights : dict of str to list of int
        Labels, and those that differ, of each; empty where no manifest is known.
    """

    first: str
    second: str
    n_rows: int
    n_different: int
    kappa: float | None
    table: list[list[int]]
    subjects: dict[str, list[int]]
    nights: dict[str, list[int]]

    def to_dict(self) -> dict:
        """Return plain values, ready for JSON."""
        return asdict(self) | {"stages": list(STAGES)}


def diff(first: Path, second: Path) -> AnswerDiff:
    """Compare two answers.

    Parameters
    ----------
    first, second : path
        Submission folders, or ``answer.txt`` or ``answer.zip`` files. Subjects are told apart where ``submission.json``
        stands beside one of them.

    Raises
    ------
    SubmissionError
        If one cannot be read, or their lengths differ.
    """
    paths = [path / ANSWER if Path(path).is_dir() else Path(path) for path in (Path(first), Path(second))]
    a, b = (read_answer(path) for path in paths)
    if len(a) != len(b):
        raise SubmissionError(f"{second}: {len(b)} labels, {first} has {len(a)}; compare answers for the same test set")
    accounts = [read_account(path.parent, labels) for path, labels in zip(paths, (a, b), strict=True)]
    _check_same_rows(accounts, first, second)
    account = accounts[0] or accounts[1]
    kappa = cohen_kappa_score(a, b, labels=np.arange(N_OUTPUTS)) if len(np.unique([a, b])) > 1 else None
    subjects, nights = _by_unit(a != b, account) if account else ({}, {})
    return AnswerDiff(
        first=str(first),
        second=str(second),
        n_rows=len(a),
        n_different=int((a != b).sum()),
        kappa=None if kappa is None else float(kappa),
        table=confusion_matrix(a, b, labels=np.arange(N_OUTPUTS)).tolist(),
        subjects=subjects,
        nights=nights,
    )


def _check_same_rows(accounts, first: Path, second: Path) -> None:
    rows = [[(r["recording"], r["first_row"], r["end_row"]) for r in a["rows"]] for a in accounts if a]
    if len(rows) == 2 and rows[0] != rows[1]:
        raise SubmissionError(f"{first} and {second} are answers for different recordings; compare those of one group")


def _by_unit(different: np.ndarray, account: dict) -> tuple[dict, dict]:
    subjects: dict[str, list[int]] = {}
    nights: dict[str, list[int]] = {}
    for key, rows in by_recording(different, account).items():
        for units, name in ((subjects, f"s{key.subject}"), (nights, f"s{key.subject}r{key.session}")):
            n, differ = units.get(name, [0, 0])
            units[name] = [n + len(rows), differ + int(rows.sum())]
    return subjects, nights
