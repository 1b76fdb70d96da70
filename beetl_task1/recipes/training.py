"""From a recipe and a data folder to a checkpoint, and back to a predictor."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..data.files import SIMULATED, DataFolder, Provenance, check_distinct
from ..data.recording import Recording
from ..decision import BalancedDecision
from ..ensemble import Ensemble
from ..errors import BeetlError, CheckpointError
from ..models.base import Resources
from ..models.checkpoints import Card, card_sha256, has_checkpoint, load_card, load_weights, save_checkpoint
from ..models.registry import make, model_class, parameter_names, resolved
from ..task import SOURCE_GROUP, TARGET_GROUPS
from ..transfer import make_transfer, put_into, transfer_class
from ..writing import write_text
from .recipe import Recipe, load_recipe
from .versions import versions


@dataclass(frozen=True)
class Roles:
    """The labelled nights of a group's training, by role.

    Attributes
    ----------
    source, target : list of Recording
        Labelled nights.
    provenance : Provenance
        What the data are.
    unlabelled : list of Recording
        The test nights, where a transfer learns from them.
    """

    source: list[Recording]
    target: list[Recording]
    provenance: Provenance
    unlabelled: list[Recording] = field(default_factory=list)


def gather(data: DataFolder, group: str, *, younger_target: bool, unlabelled: bool = False) -> Roles:
    """Return the nights that may train a group's models.

    Parameters
    ----------
    data : DataFolder
        The competition.
    group : {"65-79", "80-95"}
        Target group.
    younger_target : bool
        For 80-95: the labelled nights of 65-79 join the source.
    unlabelled : bool
        Whether the test nights train as well, without labels.

    Raises
    ------
    DataError
        If a part is missing or a night is there twice.
    """
    source = data.recordings(SOURCE_GROUP, "source")
    if younger_target and group == TARGET_GROUPS[1]:
        source = source + data.recordings(TARGET_GROUPS[0], "target")
    target = data.recordings(group, "target")
    test = data.recordings(group, "test") if unlabelled else []
    check_distinct([*source, *target, *test])
    return Roles(source, target, data.provenance, test)


def gathered(recipe: Recipe, group: str, data: DataFolder) -> Roles:
    """Return the nights that train a recipe."""
    return gather(data, group, younger_target=recipe.younger_target, unlabelled=uses_unlabelled(recipe))


def uses_target(recipe: Recipe) -> bool:
    """Whether labelled target nights change what a recipe learns: a model says no, and a transfer yes, by its class."""
    own = getattr(model_class(recipe.model), "uses_target", True)
    return own or any(transfer_class(table["name"]).uses_target for table in recipe.transfer)


def uses_unlabelled(recipe: Recipe) -> bool:
    """Whether the unlabelled nights that are to be predicted change what a recipe learns."""
    return any(transfer_class(table["name"]).uses_unlabelled for table in recipe.transfer)


def build(recipe: Recipe, resources: Resources) -> Ensemble:
    """Return the unfitted predictor of a recipe: one model per seed, members one after the other."""
    if recipe.members:
        return Ensemble([build(member, resources) for member in members(recipe)])
    return Ensemble([_model(recipe, seed, resources) for seed in recipe.seeds])


def _model(recipe: Recipe, seed: int, resources: Resources):
    """Return an unfitted model with the transfers of its recipe."""
    model = make(recipe.model, settings_of(recipe), seed=seed, resources=resources)
    put_into(model, recipe.transfer, recipe.name)
    return model


def settings_of(recipe: Recipe) -> dict:
    """Return the keywords of a recipe's model: its parameters, loss and training.

    Raises
    ------
    BeetlError
        If the model has no loss or training to set.
    """
    tables = {name: table for name in ("loss", "training") if (table := getattr(recipe, name))}
    for name in tables:
        if name not in parameter_names(recipe.model):
            raise BeetlError(f"recipe {recipe.name}: model {recipe.model} has no [{name}]; remove that table")
    return recipe.parameters | tables


def members(recipe: Recipe) -> list[Recipe]:
    """Return the recipes of an ensemble's members; what the ensemble's recipe overrides is passed on."""
    found = [load_recipe(name) for name in recipe.members]
    found = [replace(member, younger_target=member.younger_target and recipe.younger_target) for member in found]
    return [member.varied(seed=recipe.seeds[0]) for member in found] if recipe.seeds != (0,) else found


def all_settings(recipe: Recipe) -> dict:
    """Return everything that a recipe sets of its model and its transfers, and their defaults, as plain values."""
    found = resolved(recipe.model, settings_of(recipe))
    transfers = [{"name": t.name} | vars(t) for t in map(make_transfer, recipe.transfer)]
    return found | ({"transfer": transfers} if transfers else {})


def decision_of(recipe: Recipe) -> BalancedDecision:
    """Return the recipe's decision."""
    return BalancedDecision(**recipe.decision)


def checkpoint_folder(checkpoints: Path, recipe: str, group: str) -> Path:
    """Return where a recipe's checkpoint for a group stands."""
    return Path(checkpoints) / recipe / group


def train(recipe: Recipe, group: str, data: DataFolder, checkpoints: Path, resources: Resources) -> Path:
    """Train a recipe for a group and save it; members of an ensemble are trained where they are missing.

    Returns
    -------
    Path
        Folder of the checkpoint.
    """
    folder = checkpoint_folder(checkpoints, recipe.name, group)
    if recipe.members:
        for member in members(recipe):
            train_if_missing(member, group, data, checkpoints, resources)
        save_checkpoint(folder, _card(recipe, group, data, checkpoints), {})
        return folder
    roles = gathered(recipe, group, data)
    predictor = build(recipe, resources)
    predictor.prepare([*roles.source, *roles.target, *roles.unlabelled])
    try:
        predictor.fit(source=roles.source, target=roles.target, unlabelled=roles.unlabelled)
    except ValueError as error:  # scikit-learn checks its parameters when it fits
        reason = " ".join(str(error).split())
        raise BeetlError(f"recipe {recipe.name}: {reason}; check [parameters] of the recipe") from error
    weights = {f"seed{seed}": m.to_bytes() for seed, m in zip(recipe.seeds, predictor.members, strict=True)}
    save_checkpoint(folder, _card(recipe, group, data, checkpoints), weights)
    for stale in folder.glob("history-*.csv"):
        stale.unlink()
    for seed, model in zip(recipe.seeds, predictor.members, strict=True):
        write_history(folder / f"history-seed{seed}.csv", getattr(model, "history_", []))
    return folder


def write_history(path: Path, rows: Sequence[dict]) -> None:
    """Write the passes of a training as CSV, one row each; nothing where there were none."""
    if rows:
        import pandas as pd

        write_text(path, pd.DataFrame(rows).to_csv(index=False, lineterminator="\n"))


def train_if_missing(
    recipe: Recipe, group: str, data: DataFolder, checkpoints: Path, resources: Resources
) -> tuple[Path, bool]:
    """Train unless the checkpoint of this very experiment is there.

    Returns
    -------
    folder : Path
    trained : bool
        Whether it was trained now.
    """
    folder = checkpoint_folder(checkpoints, recipe.name, group)
    for member in members(recipe):
        train_if_missing(member, group, data, checkpoints, resources)
    if _is_current(folder, recipe, group, data, checkpoints):
        return folder, False
    return train(recipe, group, data, checkpoints, resources), True


def _is_current(folder: Path, recipe: Recipe, group: str, data: DataFolder, checkpoints: Path) -> bool:
    """Whether the checkpoint is of this very experiment, and of these very members."""
    if not has_checkpoint(folder):
        return False
    try:
        card = load_card(folder)
    except CheckpointError:
        return False
    return card.fingerprint == fingerprint(recipe, group, data) and card.members == _member_digests(
        recipe, group, checkpoints
    )


def _member_digests(recipe: Recipe, group: str, checkpoints: Path) -> dict[str, str]:
    return {name: card_sha256(checkpoint_folder(checkpoints, name, group)) for name in recipe.members}


def fingerprint(recipe: Recipe, group: str, data: DataFolder) -> str:
    """Return the digest of an experiment: the recipe, the nights that train and the version of the features."""
    if recipe.members:
        parts = [fingerprint(member, group, data) for member in members(recipe)]
        return _digest([recipe.to_dict(), group, parts])
    model = _model(recipe, 0, Resources())
    nights = listing(gathered(recipe, group, data))
    return _digest([recipe.to_dict(), group, nights, all_settings(recipe), model.versions()])


def listing(roles: Roles) -> dict[str, dict[str, list[str]]]:
    """Return the training nights by role: the digests of the signal and of the labels."""
    found = {
        role: {str(r.key): [r.fingerprint, hashlib.sha256(r.y.tobytes()).hexdigest()] for r in nights}
        for role, nights in (("source", roles.source), ("target", roles.target))
    }
    hidden = {str(r.key): [r.fingerprint] for r in roles.unlabelled}
    return found | ({"unlabelled": hidden} if hidden else {})


def check_recipe(card: Card, recipe: Recipe, folder: Path) -> None:
    """Refuse a checkpoint whose recipe is no longer the one of that name, but for what the command line overrides.

    Raises
    ------
    CheckpointError
        Naming the keys that differ.
    """
    free = ("seeds", "younger_target", "description")
    now, then = recipe.to_dict(), card.recipe
    differing = [key for key in now if key not in free and now[key] != then.get(key)]
    if differing:
        raise CheckpointError(
            f"{folder}: the recipe has changed since training ({', '.join(differing)}); train it again"
        )


def load_predictor(checkpoints: Path, recipe: str, group: str, resources: Resources) -> tuple[Ensemble, Card]:
    """Rebuild a predictor from its checkpoint alone.

    Raises
    ------
    CheckpointError
        If the checkpoint is missing, damaged, of another recipe or group, or made with other features.
    """
    folder = checkpoint_folder(checkpoints, recipe, group)
    card = load_card(folder)
    _check_card(folder, card, recipe, group)
    if card.members:
        loaded = [_load_member(checkpoints, name, sha, group, resources) for name, sha in card.members.items()]
        return Ensemble(loaded), card
    parameters = dict(card.parameters)
    transfer = tuple(parameters.pop("transfer", ()))
    made = replace(Recipe.from_dict(card.recipe), parameters=parameters, transfer=transfer, loss={}, training={})
    contents = load_weights(folder, card)
    models = build(made, resources).members
    for model, (name, content) in zip(models, contents.items(), strict=True):
        _check_versions(folder, card, model.versions())
        try:
            model.from_bytes(content)
        except CheckpointError as error:
            raise CheckpointError(f"{folder / name}: {error}") from error
    return Ensemble(models), card


def check_simulated(card: Card, provenance: Provenance, folder: Path, *, allow_simulated: bool) -> None:
    """Refuse a checkpoint trained on simulated data for other data.

    Raises
    ------
    CheckpointError
        Unless ``allow_simulated``.
    """
    if card.data["kind"] == SIMULATED and provenance.kind != SIMULATED and not allow_simulated:
        raise CheckpointError(
            f"{folder}: trained on simulated data, but {provenance.kind} data are to be predicted; "
            "train on the same kind of data, or pass --allow-simulated"
        )


def _load_member(checkpoints: Path, name: str, sha256: str, group: str, resources: Resources) -> Ensemble:
    folder = checkpoint_folder(checkpoints, name, group)
    if not has_checkpoint(folder) or card_sha256(folder) != sha256:
        raise CheckpointError(f"{folder}: changed or gone since the ensemble was made; train the ensemble again")
    return load_predictor(checkpoints, name, group, resources)[0]


def _card(recipe: Recipe, group: str, data: DataFolder, checkpoints: Path) -> Card:
    provenance = data.provenance
    if recipe.members:
        training, versions_of_model = {}, {}
    else:
        training = listing(gathered(recipe, group, data))
        versions_of_model = make(recipe.model, recipe.parameters, seed=0, resources=Resources()).versions()
    return Card(
        recipe=recipe.to_dict(),
        group=group,
        data={
            "kind": provenance.kind,
            "details": provenance.details,
            "description": provenance.describe(),
            "allow_partial": data.allow_partial,
        },
        training=training,
        versions=versions() | versions_of_model,
        fingerprint=fingerprint(recipe, group, data),
        parameters=all_settings(recipe) if recipe.model else {},
        members=_member_digests(recipe, group, checkpoints),
    )


def _check_card(folder: Path, card: Card, recipe: str, group: str) -> None:
    found = (card.recipe.get("name"), card.group)
    if found != (recipe, group):
        raise CheckpointError(
            f"{folder}: the checkpoint is of {found[0]} for {found[1]}; expected {recipe} for {group}"
        )


def _check_versions(folder: Path, card: Card, current: dict[str, str]) -> None:
    for name, version in current.items():
        if card.versions.get(name) != version:
            trained = card.versions.get(name)
            raise CheckpointError(f"{folder}: trained with version {trained} of the {name}, now {version}; train again")


def _digest(values: Sequence) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
