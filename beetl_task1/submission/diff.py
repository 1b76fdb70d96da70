"""How two answers differ, per stage and subject."""

from pathlib import Path

from sklearn.metrics import confusion_matrix

from ..errors import SubmissionError
from ..scoring import kappa
from ..task import N_OUTPUTS, STAGES
from ..validation.result import Result
from .answer import ANSWER, read_answer
from .scored import by_recording, read_account


class AnswerDiff(Result, frozen=True):
    """Two answers for the same epochs."""

    first: str
    second: str
    """Where they are from."""
    n_rows: int
    n_different: int
    """Labels, and those that differ."""
    kappa: float | None
    """Cohen's kappa between them; ``None`` where both hold one and the same stage only."""
    table: list[list[int]]
    """Rows the first answer's stage, columns the second's."""
    subjects: dict[str, list[int]]
    nights: dict[str, list[int]]
    """Labels, and those that differ, of each subject and night; empty where no manifest is known."""
    stages: tuple[str, ...] = STAGES


def diff(first: Path, second: Path) -> AnswerDiff:
    """Compare two submission folders, or ``answer.txt`` or ``answer.zip`` files.

    Subjects are told apart where ``submission.json`` is beside one of them.

    Raises
    ------
    SubmissionError
        If one cannot be read, or their lengths differ.
    """
    paths = [path / ANSWER if path.is_dir() else path for path in (Path(first), Path(second))]
    a, b = (read_answer(path) for path in paths)
    if len(a) != len(b):
        raise SubmissionError(f"{second}: {len(b)} labels, {first} has {len(a)}; compare answers for the same test set")
    accounts = [found for path, y in zip(paths, (a, b), strict=True) if (found := read_account(path.parent, y))]
    rows = [[(row["recording"], row["first_row"], row["end_row"]) for row in found["rows"]] for found in accounts]
    if len(rows) == 2 and rows[0] != rows[1]:
        raise SubmissionError(f"{first} and {second} are answers for different recordings; compare those of one group")
    nights = by_recording(a != b, accounts[0]) if accounts else {}
    subjects: dict[str, list[int]] = {}
    for key, differ in nights.items():
        n, others = subjects.get(f"s{key.subject}", (0, 0))
        subjects[f"s{key.subject}"] = [n + len(differ), others + int(differ.sum())]
    return AnswerDiff(
        first=str(first),
        second=str(second),
        n_rows=len(a),
        n_different=int((a != b).sum()),
        kappa=kappa(a, b),
        table=confusion_matrix(a, b, labels=range(N_OUTPUTS)).tolist(),
        subjects=subjects,
        nights={f"s{key.subject}r{key.session}": [len(rows), int(rows.sum())] for key, rows in nights.items()},
    )
