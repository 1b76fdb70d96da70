"""From an experiment to its checkpoint."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import BeetlError, CheckpointError
from ..models.base import Resources
from ..writing import write_text
from .checkpoint import Card, card_sha256, checkpoint_folder, has_checkpoint, load_card, save_checkpoint
from .experiment import Experiment
from .versions import versions


def train(experiment: Experiment, checkpoints: Path, resources: Resources) -> Path:
    """Train an experiment and save it; members of an ensemble are trained where they are missing.

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
    recipe, folder = experiment.recipe, _folder(experiment, checkpoints)
    if experiment.members:
        for member in experiment.members:
            train_if_missing(member, checkpoints, resources)
        save_checkpoint(folder, _card(experiment, checkpoints), {})
        return folder
    nights, models = experiment.nights, experiment.models(resources)
    models[0].prepare(nights.all)
    try:
        for model in models:
            model.fit(source=nights.source, target=nights.target, unlabelled=nights.unlabelled)
    except ValueError as error:
        raise refused(recipe.name, error) from error
    weights = {f"seed{seed}": m.to_bytes() for seed, m in zip(recipe.seeds, models, strict=True)}
    save_checkpoint(folder, _card(experiment, checkpoints), weights)
    for stale in folder.glob("history-*.csv"):
        stale.unlink()
    for seed, model in zip(recipe.seeds, models, strict=True):
        _write_history(folder / f"history-seed{seed}.csv", getattr(model, "history_", []))
    return folder


def train_if_missing(experiment: Experiment, checkpoints: Path, resources: Resources) -> tuple[Path, bool]:
    """Train unless the checkpoint of this very experiment is there.

    Returns
    -------
    folder : Path
    trained : bool
        Whether it was trained now.
    """
    for member in experiment.members:
        train_if_missing(member, checkpoints, resources)
    if _is_current(experiment, checkpoints):
        return _folder(experiment, checkpoints), False
    return train(experiment, checkpoints, resources), True


def refused(recipe: str, error: ValueError) -> BeetlError:
    """Return the error of a parameter that scikit-learn refuses, which it does when it fits."""
    return BeetlError(f"recipe {recipe}: {' '.join(str(error).split())}; check [parameters] of the recipe")


def _folder(experiment: Experiment, checkpoints: Path) -> Path:
    return checkpoint_folder(checkpoints, experiment.recipe.name, experiment.group)


def _is_current(experiment: Experiment, checkpoints: Path) -> bool:
    """Whether the checkpoint is of this very experiment, and of these very members."""
    try:
        card = load_card(_folder(experiment, checkpoints))
    except CheckpointError:
        return False
    return card.fingerprint == experiment.key and card.members == _digests_of_members(experiment, checkpoints)


def _digests_of_members(experiment: Experiment, checkpoints: Path) -> dict[str, str]:
    folders = {member.recipe.name: _folder(member, checkpoints) for member in experiment.members}
    return {name: card_sha256(folder) for name, folder in folders.items() if has_checkpoint(folder)}


def _card(experiment: Experiment, checkpoints: Path) -> Card:
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
        members=_digests_of_members(experiment, checkpoints),
    )


def _write_history(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write the passes of a training as CSV, one row each; nothing where there were none."""
    if rows:
        import pandas as pd

        write_text(path, pd.DataFrame(rows).to_csv(index=False, lineterminator="\n"))
