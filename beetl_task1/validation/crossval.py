"""Leave-one-target-subject-out: each labelled target night is predicted by models that never saw its subject."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from ..data.files import DataFolder
from ..data.folds import Fold, leave_one_subject_out, load_folds, save_folds
from ..data.probabilities import load_probabilities, save_probabilities
from ..data.recording import Recording, RecordingKey
from ..decision import BalancedDecision
from ..errors import BeetlError
from ..models.base import Resources
from ..recipes.recipe import Recipe
from ..recipes.training import build, checkpoint_folder, decision_of, fingerprint, gather, members
from ..scoring import leaderboard_score, stage_recall
from ..task import STAGES
from ..writing import write_text

SUMMARY, OUT_OF_FOLD = "validation.json", "validation.npz"


@dataclass(frozen=True)
class Validation:
    """A recipe's cross-validation over the target subjects of a group.

    Attributes
    ----------
    recipe, group : str
        What was validated.
    probabilities : dict of RecordingKey to numpy.ndarray (n_epochs, 6)
        Out-of-fold.
    truth : dict of RecordingKey to numpy.ndarray (n_epochs,)
        Labels of the same nights.
    summary : dict
        Scores, as in ``validation.json``.
    cached : bool
        Whether it was read from disk.
    """

    recipe: str
    group: str
    probabilities: dict[RecordingKey, np.ndarray]
    truth: dict[RecordingKey, np.ndarray]
    summary: dict
    cached: bool


def validate(recipe: Recipe, group: str, data: DataFolder, checkpoints: Path, resources: Resources) -> Validation:
    """Cross-validate a recipe, or read what was found before for the same recipe, data and folds.

    Parameters
    ----------
    recipe : Recipe
        A single model or an ensemble; members are validated, and cached, one by one.
    group : {"65-79", "80-95"}
        Target group.
    data : DataFolder
        The competition.
    checkpoints : path
        Results stand in ``<recipe>/<group>/`` below it, folds in ``folds-<group>.json``.
    resources : Resources
        Where features are cached, and how to compute.

    Returns
    -------
    Validation
    """
    folds = shared_folds(data.recordings(group, "target"), group, checkpoints)
    folder = checkpoint_folder(checkpoints, recipe.name, group)
    key = _key(fingerprint(recipe, group, data), folds)
    truth = {r.key: r.y for r in data.recordings(group, "target")}
    probabilities = _cached(folder, key)
    cached = probabilities is not None
    if not cached:
        probabilities = _out_of_fold(recipe, group, data, checkpoints, resources, folds)
        save_probabilities(folder / OUT_OF_FOLD, probabilities, {"key": key})
    summary = _summary(recipe, group, data, probabilities, truth) | {"key": key}
    write_text(folder / SUMMARY, json.dumps(summary, indent=1) + "\n")
    return Validation(recipe.name, group, probabilities, truth, summary, cached)


def shared_folds(target: list[Recording], group: str, checkpoints: Path) -> list[Fold]:
    """Return the saved folds of these subjects, or make and save them, so that recipes meet the same splits."""
    path = Path(checkpoints) / f"folds-{group}.json"
    subjects = sorted({r.key.subject for r in target})
    if path.exists():
        folds = load_folds(path)
        if sorted(s for fold in folds for s in fold.held_out) == subjects:
            return folds
    folds = leave_one_subject_out(target)
    save_folds(folds, path)
    return folds


def load_summary(checkpoints: Path, recipe: str, group: str) -> dict | None:
    """Return the summary of the last validation, if there is one."""
    path = checkpoint_folder(checkpoints, recipe, group) / SUMMARY
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise BeetlError(f"{path}: cannot be read ({error}); validate again") from error


def score_decided(
    probabilities: dict[RecordingKey, np.ndarray], truth: dict[RecordingKey, np.ndarray], decision: BalancedDecision
) -> tuple[float, np.ndarray, np.ndarray]:
    """Return the pooled score, the true and the decided labels, recordings in order of their keys."""
    labels = decision.decide(probabilities)
    true = np.concatenate([truth[key] for key in sorted(truth)])
    decided = np.concatenate([labels[key] for key in sorted(truth)])
    return leaderboard_score(true, decided), true, decided


def _out_of_fold(recipe, group, data, checkpoints, resources, folds) -> dict[RecordingKey, np.ndarray]:
    if recipe.members:
        found = [validate(m, group, data, checkpoints, resources).probabilities for m in members(recipe)]
        return {key: np.mean([p[key] for p in found], axis=0) for key in found[0]}
    roles = gather(data, group, younger_target=recipe.younger_target)
    build(recipe, resources).prepare([*roles.source, *roles.target])
    probabilities = {}
    for done, fold in enumerate(folds):
        if resources.progress:
            resources.progress(done, len(folds), f"{recipe.name}, subject {fold.held_out[0]} held out")
        train, held_out = fold.split(roles.target)
        predictor = build(recipe, resources).fit(source=roles.source, target=train)
        probabilities |= {r.key: predictor.predict_proba(r).astype(np.float32) for r in held_out}
    if resources.progress:
        resources.progress(len(folds), len(folds), recipe.name)
    return probabilities


def _cached(folder: Path, key: str) -> dict[RecordingKey, np.ndarray] | None:
    if not (folder / OUT_OF_FOLD).exists():
        return None
    try:
        probabilities, meta = load_probabilities(folder / OUT_OF_FOLD)
    except BeetlError:
        return None
    return probabilities if meta.get("key") == key else None


def _summary(recipe, group, data, probabilities, truth) -> dict:
    score, true, decided = score_decided(probabilities, truth, decision_of(recipe))
    plain = score_decided(probabilities, truth, BalancedDecision(strength=0))[0]
    recall = stage_recall(true, decided)
    labels = decision_of(recipe).decide(probabilities)
    subjects = {}
    for subject in sorted({key.subject for key in truth}):
        keys = sorted(key for key in truth if key.subject == subject)
        of_subject = np.concatenate([truth[k] for k in keys]), np.concatenate([labels[k] for k in keys])
        subjects[f"s{subject}"] = leaderboard_score(*of_subject)
    return {
        "recipe": recipe.name,
        "group": group,
        "data": data.provenance.describe(),
        "score": score,
        "score_argmax": plain,
        "recall": {stage: None if np.isnan(r) else float(r) for stage, r in zip(STAGES, recall, strict=True)},
        "subjects": subjects,
        "n_epochs": len(true),
    }


def _key(experiment: str, folds: list[Fold]) -> str:
    return hashlib.sha256(json.dumps([experiment, [asdict(fold) for fold in folds]]).encode()).hexdigest()
