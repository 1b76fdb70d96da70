"""An ensemble of saved probabilities, ours or foreign ones in the documented format."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from ..data.content import digest
from ..data.files import DataFolder
from ..data.probabilities import Probabilities, load_probabilities
from ..decision import DEFAULT_STRENGTH, BalancedDecision
from ..errors import SubmissionError
from ..recipes.versions import versions
from .answer import PROBABILITIES, answer_sha256, free_folder, write_submission
from .manifest import Entry, check_total, entries, is_partial, test_recordings
from .package import Submission, package
from .predict import as_stored


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

    Everything is checked before anything is written; another blend of the same name stays, and this one goes to a
    numbered folder beside it.

    Parameters
    ----------
    paths : sequence of path
        ``probabilities.npz`` files, two or more, each of the whole test set.
    group : {"65-79", "80-95"}
        Target group.
    data : DataFolder
        Says which recordings and rows there must be.
    submissions, name : path and str
        The result goes to ``<name>-<group>/`` below that folder.
    weights : sequence of float, optional
        One positive number per file; equal by default.
    strength : float
        Of the decision: 0 is the plain argmax, 1 divides by the whole prior.

    Raises
    ------
    BeetlError
        If a file is no file of probabilities, or of other recordings or rows than the test set; if the name is taken.
    """
    places, share = [Path(path).resolve() for path in paths], _shares(paths, weights)
    folder = free_folder(submissions, name, group, "blend")
    if (folder / PROBABILITIES).resolve() in places:
        raise SubmissionError(f"{folder}: would be replaced by the blend of it; give the blend another --name")
    listed = entries(test_recordings(data, group, 1))
    check_total(listed, group, data.provenance, allow_partial=data.allow_partial)
    loaded = [_load(path, listed) for path in places]
    mean = {key: np.average([p[key] for p, _ in loaded], axis=0, weights=share) for key in loaded[0][0]}
    probabilities = as_stored(mean)
    decided = BalancedDecision(strength).decide(probabilities)
    labels = np.concatenate([decided[key] for key in sorted(decided)])
    meta = {
        "recipe": {"name": name, "description": f"blend of {len(paths)} files", "decision": {"strength": strength}},
        "group": group,
        "data": data.provenance.describe(),
        "partial": is_partial(listed, group),
        "inputs": [_input(path, w, about) for path, w, (_, about) in zip(places, share, loaded, strict=True)],
        "files": [asdict(entry) for entry in listed],
        "answer_sha256": answer_sha256(labels),
        "versions": versions(),
    }
    folder = write_submission(submissions, name, "blend", meta, probabilities, labels)
    return package(name, group, data, submissions, folder)


def _shares(paths: Sequence[Path], weights: Sequence[float] | None) -> list[float]:
    if len(paths) < 2:
        raise SubmissionError(f"a blend takes two or more files of probabilities, got {len(paths)}")
    given = [1.0] * len(paths) if weights is None else list(weights)
    total = sum(given)
    if len(given) != len(paths) or not all(w > 0 for w in given) or not math.isfinite(total):
        raise SubmissionError(f"weights {given}: expected one positive number for each of the {len(paths)} files")
    return [w / total for w in given]


def _input(path: Path, weight: float, about: Mapping[str, Any]) -> dict[str, Any]:
    recipe = (about.get("recipe") or {}).get("name", "unknown")
    return {"file": str(path), "sha256": digest(path), "weight": weight, "recipe": recipe}


def _load(path: Path, listed: Sequence[Entry]) -> tuple[Probabilities, dict[str, Any]]:
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
