"""Scores of a submission whose truth is known, recording by recording where its manifest says which rows are whose."""

import json
from pathlib import Path

import numpy as np

from ..data.probabilities import load_probabilities
from ..data.recording import RecordingKey
from ..errors import BeetlError, SubmissionError
from ..validation.scorecard import Scorecard, bare_scorecard, scorecard
from .answer import answer_sha256, read_answer
from .package import ACCOUNT
from .predict import PROBABILITIES


def score_answer(answer: Path, truth: Path, scheme: str = "rk") -> Scorecard:
    """Score an answer against the truth, as the leaderboard does, with everything behind it.

    Per subject and night where ``submission.json`` of this very answer stands beside it, with calibration where its
    ``probabilities.npz`` does.

    Parameters
    ----------
    answer, truth : path
        One stage per line, or a zip of it, in submission order.
    scheme : {"rk", "aasm"}
        Six stages, or five with S3 and S4 as N3.

    Raises
    ------
    BeetlError
        If a file cannot be read, or the lengths differ.
    """
    labels, true = read_answer(answer), read_answer(truth)
    account = read_account(Path(answer).parent, labels)
    if account is None:
        return bare_scorecard(true, labels, name=Path(answer).name, scheme_name=scheme)
    if len(true) != len(labels):
        raise SubmissionError(
            f"{truth}: {len(true)} true labels for the {len(labels)} of {answer}; give those of its group"
        )
    probabilities = _probabilities(Path(answer).parent, labels)
    name = account.get("recipe", {}).get("name") or Path(answer).name
    about = {"name": name, "group": account.get("group", ""), "data": account.get("data", "")}
    return scorecard(
        by_recording(true, account), by_recording(labels, account), probabilities, **about, scheme_name=scheme
    )


def by_recording(labels: np.ndarray, account: dict) -> dict[RecordingKey, np.ndarray]:
    """Return labels by recording.

    Parameters
    ----------
    labels : array (n_rows,)
        In submission order.
    account : dict
        A ``submission.json``.
    """
    return {RecordingKey.parse(row["recording"]): labels[row["first_row"] : row["end_row"]] for row in account["rows"]}


def read_account(folder: Path, labels: np.ndarray) -> dict | None:
    """Return ``submission.json`` of a folder if it is about these labels, else ``None``."""
    try:
        account = json.loads((folder / ACCOUNT).read_text(encoding="utf-8"))
        matches = account["answer_sha256"] == answer_sha256(labels) and account["rows"][-1]["end_row"] == len(labels)
    except (OSError, ValueError, KeyError, IndexError, TypeError):
        return None
    return account if matches else None


def _probabilities(folder: Path, labels: np.ndarray) -> dict | None:
    try:
        probabilities, meta = load_probabilities(folder / PROBABILITIES)
    except BeetlError:
        return None
    return probabilities if meta.get("answer_sha256") == answer_sha256(labels) else None
