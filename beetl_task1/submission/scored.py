"""Scores of a submission whose truth is known, recording by recording where its manifest says which rows are whose."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..data.probabilities import Probabilities, load_probabilities
from ..data.recording import RecordingKey
from ..errors import BeetlError, SubmissionError
from ..typed import json_of
from ..validation.scorecard import Scorecard, bare_scorecard, scorecard
from .answer import ACCOUNT, PROBABILITIES, answer_sha256, read_answer


def score_answer(answer: Path, truth: Path, scheme: str = "rk") -> Scorecard:
    """Score an answer against the truth (texts or zips of them), as the leaderboard does, with everything behind it.

    Per subject and night where ``submission.json`` of this very answer is beside it, with calibration where its
    ``probabilities.npz`` is.

    Raises
    ------
    BeetlError
        If a file cannot be read, or the lengths differ.
    """
    answer, labels, true = Path(answer), read_answer(answer), read_answer(truth)
    account = read_account(answer.parent, labels)
    if account is None:
        return bare_scorecard(true, labels, name=answer.name, scheme_name=scheme)
    if len(true) != len(labels):
        raise SubmissionError(
            f"{truth}: {len(true)} true labels for the {len(labels)} of {answer}; give those of its group"
        )
    return scorecard(
        by_recording(true, account),
        by_recording(labels, account),
        _probabilities(answer.parent, labels),
        name=account.get("recipe", {}).get("name") or answer.name,
        group=account.get("group", ""),
        data=account.get("data", ""),
        scheme_name=scheme,
    )


def by_recording(labels: np.ndarray, account: Mapping[str, Any]) -> dict[RecordingKey, np.ndarray]:
    """Return labels (n_rows,) by recording, as a ``submission.json`` says which rows are whose."""
    return {RecordingKey.parse(row["recording"]): labels[row["first_row"] : row["end_row"]] for row in account["rows"]}


def read_account(folder: Path, labels: np.ndarray) -> dict[str, Any] | None:
    """Return ``submission.json`` of a folder if it is about these labels, else ``None``."""
    try:
        account: dict[str, Any] = json_of((folder / ACCOUNT).read_bytes())
        matches = account["answer_sha256"] == answer_sha256(labels) and account["rows"][-1]["end_row"] == len(labels)
    except (OSError, ValueError, KeyError, IndexError, TypeError):
        return None
    return account if matches else None


def _probabilities(folder: Path, labels: np.ndarray) -> Probabilities | None:
    try:
        probabilities, meta = load_probabilities(folder / PROBABILITIES)
    except BeetlError:
        return None
    return probabilities if meta.get("answer_sha256") == answer_sha256(labels) else None
