"""From an answer to the checked zip that Codalab takes, and the account of it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..data.files import DataFolder
from ..data.probabilities import load_probabilities
from ..errors import SubmissionError
from ..recipes.versions import versions
from ..task import STAGES
from ..writing import alone, write_text
from .answer import (
    ACCOUNT,
    ANSWER,
    PROBABILITIES,
    ZIP,
    answer_sha256,
    free_folder,
    latest_prediction,
    own_folder,
    read_answer,
    write_answer,
    write_zip,
)
from .log import log_package
from .manifest import (
    Entry,
    check_order,
    check_total,
    check_unchanged,
    entries,
    is_partial,
    row_ranges,
    test_recordings,
)

Account = dict[str, Any]


@dataclass(frozen=True)
class Submission:
    """A packaged submission.

    Attributes
    ----------
    folder : Path
        Holds ``answer.txt``, ``answer.zip`` and ``submission.json``.
    account : dict
        What ``submission.json`` says.
    """

    folder: Path
    account: Account

    @property
    def zip_path(self) -> Path:
        """The file to upload."""
        return self.folder / ZIP


def package(
    recipe: str, group: str, data: DataFolder, submissions: Path, folder: Path | None = None,
    local_score: float | None = None,
) -> Submission:  # fmt: skip
    """Check a prediction against the test files and zip it.

    Parameters
    ----------
    recipe : str
        Whose prediction.
    group : {"65-79", "80-95"}
        Target group.
    data : DataFolder
        The competition; its test files are hashed again.
    submissions : path
        Where ``predict`` wrote.
    folder : path, optional
        Which of its predictions; by default the latest.
    local_score : float, optional
        Cross-validated score of the recipe, for the log.

    Returns
    -------
    Submission

    Raises
    ------
    SubmissionError
        On a wrong number of rows, a label outside 0..5, recordings out of order or missing, or changed test files.
    """
    folder = folder or latest_prediction(submissions, recipe, group)
    if not (folder / PROBABILITIES).exists():
        command = f"beetl-task1 predict --group {group} --recipe {recipe}"
        raise SubmissionError(f"{folder}: no prediction there; make it with: {command}")
    probabilities, meta = load_probabilities(folder / PROBABILITIES)
    listed = _listed(meta, folder)
    check_order(listed, group)
    current = entries(test_recordings(data, group, 1))
    check_unchanged(listed, current)
    check_total(current, group, data.provenance, allow_partial=data.allow_partial)
    rows = {str(key): len(p) for key, p in probabilities.items()}
    for entry in listed:
        if rows.get(entry.recording) != entry.rows:
            found = rows.get(entry.recording, "no")
            raise SubmissionError(
                f"{folder / PROBABILITIES}: {entry.recording} has {found} rows, expected {entry.rows}; predict again"
            )
    labels = read_answer(folder / ANSWER)
    _check_rows(labels, listed, folder / ANSWER)
    if answer_sha256(labels) != meta.get("answer_sha256"):
        raise SubmissionError(
            f"{folder / ANSWER}: not the labels that predict wrote; predict again, or package your own with --labels"
        )
    about = {k: v for k, v in meta.items() if k not in ("files", "partial")}
    return _pack(folder, labels, listed, group, about, local_score)


def package_labels(labels_path: Path, group: str, data: DataFolder, submissions: Path, name: str = "") -> Submission:
    """Check a bare list of labels from elsewhere against the test files and zip it.

    Parameters
    ----------
    labels_path : path
        One integer per line, or a zip of it, in the organisers' order.
    group : {"65-79", "80-95"}
        Target group.
    data : DataFolder
        The competition.
    submissions : path
        The result goes to ``<name>-<group>/`` below it, or a numbered folder where other labels are.
    name : str
        By default the file's name without its ending.

    Raises
    ------
    SubmissionError
        On a wrong number of rows or a label outside 0..5.
    """
    labels = read_answer(labels_path)
    listed = entries(test_recordings(data, group, 1))
    check_total(listed, group, data.provenance, allow_partial=data.allow_partial)
    name = name or Path(labels_path).stem
    free_folder(submissions, name, group, "labels")
    about = {
        "labels_from": str(labels_path),
        "group": group,
        "data": data.provenance.describe(),
        "versions": versions(),
    }
    _check_rows(labels, listed, labels_path)
    with alone(submissions):
        folder = own_folder(submissions, name, group, "labels", {"answer_sha256": answer_sha256(labels)})
        write_answer(folder / ANSWER, labels)
        return _pack(folder, labels, listed, group, about)


def _pack(
    folder: Path, labels: np.ndarray, listed: Sequence[Entry], group: str, about: Account,
    local_score: float | None = None,
) -> Submission:  # fmt: skip
    counts = np.bincount(labels, minlength=len(STAGES)).tolist()
    account = about | {
        "partial": is_partial(listed, group),
        "answer_sha256": answer_sha256(labels),
        "n_rows": len(labels),
        "label_counts": dict(zip(STAGES, counts, strict=True)),
        "rows": row_ranges(listed),
    }
    with alone(folder.parent):
        write_zip(folder / ZIP, labels)
        write_text(folder / ACCOUNT, json.dumps(account, indent=1) + "\n")
        log_package(folder.parent, folder, account, local_score=local_score)
    return Submission(folder, account)


def _check_rows(labels: np.ndarray, listed: Sequence[Entry], path: Path) -> None:
    expected = sum(entry.rows for entry in listed)
    if len(labels) != expected:
        raise SubmissionError(f"{path}: {len(labels)} labels, the test set has {expected} epochs; predict again")


def _listed(meta: Account, folder: Path) -> list[Entry]:
    try:
        return [Entry(**entry) for entry in meta["files"]]
    except (KeyError, TypeError) as error:
        raise SubmissionError(f"{folder / PROBABILITIES}: says nothing of its test files; predict again") from error
