"""An ensemble of saved probabilities, ours or foreign ones in the documented format."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from ..data.files import DataFolder
from ..data.probabilities import Probabilities, load_probabilities, save_probabilities
from ..data.recording import digest
from ..decision import DEFAULT_STRENGTH, BalancedDecision
from ..errors import SubmissionError
from ..recipes.versions import versions
from .answer import ANSWER, answer_sha256, write_answer
from .manifest import Entry, check_total, entries, is_partial, test_recordings
from .package import Submission, package
from .predict import PROBABILITIES, as_stored, submission_folder


def blend(
    paths: Sequence[Path],
    group: str,
    data: DataFolder,
    submissions: Path,
    *,
    name: str = "blend",
    weights: Sequence[float] | None = None,
    strength: float = DEFAULT_STRENGTH,
) -> Submission:
    """Average files of probabilities, decide labels and package them.

    Parameters
    ----------
    paths : sequence of path
        ``probabilities.npz`` files, two or more, each of the whole test set.
    group : {"65-79", "80-95"}
        Target group.
    data : DataFolder
        The competition; says which recordings and rows there must be.
    submissions : path
        The result goes to ``<name>-<group>/`` below it.
    name : str
        What to call it.
    weights : sequence of float, optional
        One positive number per file; equal by default.
    strength : float
        Of the decision: 0 is the plain argmax, 1 divides by the whole prior.

    Raises
    ------
    BeetlError
        If a file is no file of probabilities, or of other recordings or rows than the test set.
    """
    share = _shares(paths, weights)
    listed = entries(test_recordings(data, group))
    check_total(listed, group, data.provenance, allow_partial=data.allow_partial)
    found = [_load(path, listed) for path in paths]
    probabilities = as_stored({
        key: sum(w * p[key].astype(np.float64) for w, (p, _) in zip(share, found, strict=True)) for key in found[0][0]
    })  # fmt: skip
    labels = _decide(probabilities, strength)
    meta = {
        "recipe": {"name": name, "description": f"blend of {len(paths)} files", "decision": {"strength": strength}},
        "group": group,
        "data": data.provenance.describe(),
        "partial": is_partial(listed, group),
        "inputs": [
            {"file": str(path), "sha256": digest(path), "weight": w, "recipe": _name(about)}
            for path, w, (_, about) in zip(paths, share, found, strict=True)
        ],
        "files": [asdict(entry) for entry in listed],
        "answer_sha256": answer_sha256(labels),
        "versions": versions(),
    }
    folder = submission_folder(submissions, name, group)
    save_probabilities(folder / PROBABILITIES, probabilities, meta)
    write_answer(folder / ANSWER, labels)
    return package(name, group, data, submissions)


def _shares(paths: Sequence[Path], weights: Sequence[float] | None) -> list[float]:
    if len(paths) < 2:
        raise SubmissionError(f"a blend takes two or more files of probabilities, got {len(paths)}")
    given = [1.0] * len(paths) if weights is None else list(weights)
    if len(given) != len(paths) or min(given) <= 0:
        raise SubmissionError(f"weights {given}: expected one positive number for each of the {len(paths)} files")
    return [w / sum(given) for w in given]


def _load(path: Path, listed: Sequence[Entry]) -> tuple[Probabilities, dict]:
    probabilities, meta = load_probabilities(path)
    rows = {str(key): len(p) for key, p in probabilities.items()}
    for entry in listed:
        if rows.pop(entry.recording, 0) != entry.rows:
            raise SubmissionError(
                f"{path}: {entry.recording} is missing or has not the {entry.rows} rows of the test set; "
                "blend predictions of this very test set"
            )
    if rows:
        raise SubmissionError(f"{path}: holds {', '.join(sorted(rows)[:4])}, which the test set does not have")
    return probabilities, meta


def _decide(probabilities: Probabilities, strength: float) -> np.ndarray:
    labels = BalancedDecision(strength).decide(probabilities)
    return np.concatenate([labels[key] for key in sorted(labels)])


def _name(meta: dict) -> str:
    return (meta.get("recipe") or {}).get("name", "unknown")
