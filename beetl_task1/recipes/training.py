"""From an experiment to its checkpoint."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from ..errors import BeetlError, CheckpointError
from ..models.base import Model, Resources, Row
from ..models.registry import model_class
from ..parallel import at_once, each, elsewhere
from ..writing import alone, check_folder, write_text
from .checkpoint import (
    Card,
    check_whole,
    checkpoint_folder,
    load_card,
    remove_stale,
    save_checkpoint,
    save_ensemble,
)
from .experiment import Experiment
from .versions import versions


def train(experiment: Experiment, checkpoints: Path, resources: Resources) -> Path:
    """Train an experiment and save it; members of an ensemble are trained where they are missing.

    Another command that trains the same is waited for.

    Parameters
    ----------
    experiment : Experiment
        What to train.
    checkpoints : path
        Where checkpoints are kept.
    resources : Resources
        Where features are cached, and how to compute.

    Returns
    -------
    Path
        Folder of the checkpoint.
    """
    folder = _folder(experiment, checkpoints)
    check_folder(folder)
    card = _card(experiment)
    with contextlib.ExitStack() as locks:
        for one in (experiment, *sorted(experiment.members, key=lambda member: member.recipe.name)):
            locks.enter_context(alone(_folder(one, checkpoints)))
        if experiment.members:
            members = {e.recipe.name: train_if_missing(e, checkpoints, resources)[0] for e in experiment.members}
            save_ensemble(folder, card, members)
        else:
            _train(experiment, folder, card, resources)
    return folder


def _train(experiment: Experiment, folder: Path, card: Card, resources: Resources) -> None:
    """Fit the model of each seed, and save them with their card and their histories."""
    experiment.models(resources)[0].prepare(experiment.nights.all)
    fitted = _fits(experiment, resources)
    chosen = {name: found.chosen for name, found in fitted.items() if found.chosen}
    for name, found in fitted.items():
        _write_history(folder / f"history-{name}.csv", found.history)
    save_checkpoint(folder, replace(card, chosen=chosen), {name: found.weights for name, found in fitted.items()})


@dataclass(frozen=True)
class _Fitted:
    """What is kept of a model of one seed."""

    weights: bytes
    chosen: list[str]
    history: list[Row]


def _fits(experiment: Experiment, resources: Resources) -> dict[str, _Fitted]:
    """Fit the models of all seeds: several of those on features at once, networks one after the other."""
    seeds, found = experiment.recipe.seeds, {}
    here = 1 if model_class(experiment.recipe.model).is_network else at_once(min(resources.jobs, len(seeds)))
    given = resources.of_worker(here) if elsewhere() or here > 1 else resources
    tasks = ((experiment.but(seeds=(seed,)), given) for seed in seeds)
    for seed, fitted in zip(seeds, each(_fitted, tasks, here), strict=True):
        found[f"seed{seed}"] = fitted
        if given is not resources and resources.progress:
            resources.progress(len(found), len(seeds), f"{experiment.recipe.name}, seed {seed}")
    return found


def _fitted(one: Experiment, resources: Resources) -> _Fitted:
    nights, [model] = one.nights, one.models(resources)
    try:
        model.fit(source=nights.source, target=nights.target, unlabelled=nights.unlabelled)
    except ValueError as error:
        raise refused(one.recipe.name, error) from error
    return _Fitted(model.to_bytes(), _chosen(model), getattr(model, "history_", []))


def train_if_missing(experiment: Experiment, checkpoints: Path, resources: Resources) -> tuple[Path, bool]:
    """Train unless the checkpoint of this very experiment is there, with all its weights.

    Returns
    -------
    folder : Path
    trained : bool
        Whether it was trained now.
    """
    folder = _folder(experiment, checkpoints)
    check_folder(folder)
    key = experiment.key
    with alone(folder):
        if not _is_current(folder, key):
            return train(experiment, checkpoints, resources), True
        remove_stale(folder)
    return folder, False


def refused(recipe: str, error: ValueError) -> BeetlError:
    """Return the error of a parameter that scikit-learn refuses, which it does when it fits."""
    return BeetlError(f"recipe {recipe}: {' '.join(str(error).split())}; check [parameters] of the recipe")


def _folder(experiment: Experiment, checkpoints: Path) -> Path:
    return checkpoint_folder(checkpoints, experiment.recipe.name, experiment.group)


def _is_current(folder: Path, key: str) -> bool:
    """Whether the checkpoint is of the experiment of that key, and whole."""
    try:
        card = load_card(folder)
        check_whole(folder, card)
    except CheckpointError:
        return False
    return card.fingerprint == key


def _chosen(model: Model) -> list[str]:
    """Say what held-out subjects chose of a network: the pass of the source stage, and of each stage on the target."""
    history = [row for row in getattr(model, "history_", []) if row.get("kept") and row.get("valid_score") is not None]
    passes = [
        f"{r['stage']}: pass {r['pass']} kept, score {r['valid_score']:.1f} on held-out subjects" for r in history
    ]
    return passes + [str(choice) for choice in getattr(model, "choices_", [])]


def _card(experiment: Experiment) -> Card:
    data, about = experiment.data, experiment.data.provenance
    told = {"details": about.details, "description": about.describe(), "allow_partial": data.allow_partial}
    return Card(
        recipe=experiment.recipe,
        group=experiment.group,
        data={"kind": about.kind, **told},
        training={} if experiment.members else experiment.nights.listing(),
        versions=versions() | experiment.versions,
        fingerprint=experiment.key,
        parameters=experiment.plain_settings,
    )


def _write_history(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write the passes of a training as CSV, one row each; no file where there were none."""
    if not rows:
        path.unlink(missing_ok=True)
        return
    import pandas as pd

    write_text(path, pd.DataFrame(rows).to_csv(index=False, lineterminator="\n"))
