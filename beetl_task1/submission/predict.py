"""From a checkpoint to probabilities and an answer."""

import contextlib
from dataclasses import asdict
from pathlib import Path

import msgspec
import numpy as np
from threadpoolctl import threadpool_limits

from ..data.probabilities import Probabilities
from ..data.recording import Recording, RecordingKey
from ..ensemble import Ensemble
from ..errors import CheckpointError
from ..models.base import Resources
from ..parallel import each
from ..recipes.checkpoint import (
    Card,
    card_sha256,
    check_recipe,
    check_rules,
    check_simulated,
    checkpoint_folder,
    load_card,
    load_predictor,
)
from ..recipes.experiment import Experiment
from ..recipes.versions import versions
from .answer import answer_sha256, free_folder, write_submission
from .manifest import check_total, entries, is_partial, test_recordings


def predict(
    experiment: Experiment,
    checkpoints: Path,
    submissions: Path,
    resources: Resources,
    *,
    allow_simulated: bool = False,
    seed: int | None = None,
) -> Path:
    """Predict a group's test set; write ``probabilities.npz`` and ``answer.txt``.

    Parameters
    ----------
    experiment : Experiment
        Its recipe's name is that of the checkpoint; seeds and ``younger_target`` are the checkpoint's. The nights that
        trained are not asked for.
    checkpoints, submissions : path
        Where checkpoints stand and submissions go.
    resources : Resources
        Where features are cached, and how to compute.
    allow_simulated : bool
        Let a checkpoint trained on simulated data predict other data.
    seed : int, optional
        Refuse a checkpoint that was trained with other seeds.

    Returns
    -------
    Path
        Folder of the submission: one of its own, unless this very prediction is there.

    Raises
    ------
    DataError, CheckpointError, SubmissionError
        If the test set or the checkpoint is not as it must be.
    """
    recipe, group, data = experiment.recipe, experiment.group, experiment.data
    free_folder(submissions, recipe.name, group, "prediction")
    predictor, card = load_predictor(checkpoints, recipe.name, group, resources)
    source, provenance = checkpoint_folder(checkpoints, recipe.name, group), data.provenance
    check_simulated(card, provenance, source, allow_simulated=allow_simulated)
    check_recipe(card, recipe, source)
    check_rules(card, recipe, provenance, source)
    _check_seed(card, seed, source)
    cards = {recipe.name: card_sha256(source)}
    if load_card(source) != card:
        raise CheckpointError(f"{source}: was trained anew just now; predict again")
    recordings = test_recordings(data, group, resources.jobs)
    predictor.prepare(recordings)
    probabilities = _predict_each(predictor, recordings, resources)
    listed = entries(recordings)
    check_total(listed, group, provenance, allow_partial=data.allow_partial)
    labels = _decide(card, recordings, probabilities)
    meta = {
        "recipe": msgspec.to_builtins(card.recipe),
        "group": group,
        "experiment": card.fingerprint,
        "data": provenance.describe(),
        "trained_on": card.data["description"],
        "partial": is_partial(listed, group),
        "cards": cards,
        "files": [asdict(entry) for entry in listed],
        "answer_sha256": answer_sha256(labels),
        "versions": versions(),
    }
    return write_submission(submissions, recipe.name, "prediction", meta, probabilities, labels)


def _decide(card: Card, recordings: list[Recording], probabilities: Probabilities) -> np.ndarray:
    labels = card.recipe.decision.decide(as_stored(probabilities))
    return np.concatenate([labels[recording.key] for recording in recordings])


def _check_seed(card: Card, seed: int | None, folder: Path) -> None:
    trained = list(card.recipe.seeds)
    if seed is not None and trained[0] != seed:
        raise CheckpointError(f"{folder}: trained with seeds {trained}, not {seed}; train with --seed {seed} first")


def as_stored(probabilities: Probabilities) -> dict[RecordingKey, np.ndarray]:
    """Return probabilities as their file holds them, so that deciding again from the file gives the same labels."""
    return {key: np.asarray(p, dtype=np.float32) for key, p in probabilities.items()}


def _predict_each(
    predictor: Ensemble, recordings: list[Recording], resources: Resources
) -> dict[RecordingKey, np.ndarray]:
    """Predict nights ``jobs`` at a time; one by one with networks, whose layers may be fitted to each."""
    jobs, probabilities = 1 if predictor.is_network else resources.jobs, {}
    with contextlib.nullcontext() if jobs == 1 else threadpool_limits(1):
        nights = ((recording,) for recording in recordings)
        found = each(predictor.predict_proba, nights, jobs, threads=True, sent=False)
        for recording, p in zip(recordings, found, strict=True):
            probabilities[recording.key] = p
            if resources.progress:
                resources.progress(len(probabilities), len(recordings), str(recording.key))
    return probabilities
