"""Checkpoints: weights that run no code, beside the card that says what made them.

``checkpoints/<recipe>/<group>/`` holds ``card.json`` and the weights it lists. The card is written last, so a folder
without a card is no checkpoint.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from ..data.files import SIMULATED, Provenance
from ..ensemble import Ensemble
from ..errors import BeetlError, CheckpointError
from ..models.base import Resources
from ..models.registry import make, resolve
from ..store import sha256
from ..transfer import make_transfer
from ..typed import Settings, text_of, typed
from ..writing import whole_file, write_text
from .recipe import Recipe

CARD = "card.json"
WEIGHTS_ENDING = "weights"
Table = dict[str, Any]


class Card(Settings, frozen=True):
    """What made a checkpoint.

    Attributes
    ----------
    recipe : Recipe
        The whole recipe, as the command line varied it.
    group : str
        Age group that it was trained for.
    data : dict
        Kind of the data (competition, simulated, open) and what their marker says.
    training : dict
        Role (source, target, unlabelled) to recordings and the digests of their signals and labels.
    versions : dict
        Versions of this package, its libraries, the features and the commit.
    fingerprint : str
        Key of the experiment: two trainings with the same one are the same experiment.
    weights : dict
        File name to sha256, in the order of the recipe's seeds.
    parameters : dict
        All settings of the model, defaults included; the checkpoint is rebuilt with these.
    members : dict
        For an ensemble: recipe of a member to the sha256 of its card.
    """

    recipe: Recipe
    group: str
    data: Table
    training: dict[str, dict[str, list[str]]]
    versions: dict[str, str]
    fingerprint: str
    weights: dict[str, str] = msgspec.field(default_factory=dict)
    parameters: Table = msgspec.field(default_factory=dict)
    members: dict[str, str] = msgspec.field(default_factory=dict)


def checkpoint_folder(checkpoints: Path, recipe: str, group: str) -> Path:
    """Return where a recipe's checkpoint for a group is kept."""
    return Path(checkpoints) / recipe / group


def save_checkpoint(folder: Path, card: Card, weights: Mapping[str, bytes]) -> Path:
    """Write weights beside the old ones, then the card, then remove what no card lists.

    Killed at any moment, the folder holds the old checkpoint or the new one.

    Parameters
    ----------
    folder : path
        Made if needed.
    card : Card
        Its ``weights`` are filled in here.
    weights : mapping of str to bytes
        Name to content, in an order that is kept; the file's name gets a part of the digest.

    Returns
    -------
    Path
        Of the card.
    """
    listed = {}
    for name, content in weights.items():
        digest = sha256(content)
        file_name = f"{name}-{digest[:12]}.{WEIGHTS_ENDING}"
        listed[file_name] = digest
        with whole_file(folder / file_name) as file:
            file.write(content)
    plain = msgspec.to_builtins(card) | {"weights": listed}
    write_text(folder / CARD, json.dumps(plain | {"digest": _digest(plain)}, indent=1) + "\n")
    for stale in folder.glob(f"*.{WEIGHTS_ENDING}"):
        if stale.name not in listed:
            stale.unlink()
    return folder / CARD


def load_card(folder: Path) -> Card:
    """Read a card.

    Raises
    ------
    CheckpointError
        If there is none, or it is damaged or changed.
    """
    path = folder / CARD
    try:
        content = json.loads(text_of(path.read_bytes()))
        digest = content.pop("digest")
        if digest != _digest(content):
            raise ValueError("it changed since training")
        return typed(Card, content, "card")
    except FileNotFoundError as error:
        raise CheckpointError(f"{folder}: no checkpoint there; make it with: beetl-task1 train") from error
    except (OSError, ValueError, TypeError, KeyError, AttributeError, BeetlError) as error:
        raise CheckpointError(f"{path}: not a card as it was written ({error}); train again") from error


def has_checkpoint(folder: Path) -> bool:
    """Whether a finished checkpoint is there."""
    return (folder / CARD).exists()


def card_sha256(folder: Path) -> str:
    """Return the digest of the card's file."""
    return sha256((folder / CARD).read_bytes())


def load_weights(folder: Path, card: Card) -> dict[str, bytes]:
    """Read the weights that a card lists.

    Raises
    ------
    CheckpointError
        If a file is missing or a byte of it changed.
    """
    contents = {}
    for name, expected in card.weights.items():
        path = folder / name
        try:
            contents[name] = path.read_bytes()
        except OSError as error:
            raise CheckpointError(f"{path}: weights named by the card are missing; train again") from error
        found = sha256(contents[name])
        if found != expected:
            raise CheckpointError(
                f"{path}: changed since training (sha256 {found[:12]}, the card says {expected[:12]}); train again"
            )
    return contents


def load_predictor(checkpoints: Path, recipe: str, group: str, resources: Resources) -> tuple[Ensemble, Card]:
    """Rebuild a predictor from its checkpoint alone.

    Raises
    ------
    CheckpointError
        If the checkpoint is missing, damaged, of another recipe or group, or made with other features.
    """
    folder = checkpoint_folder(checkpoints, recipe, group)
    card = load_card(folder)
    if (card.recipe.name, card.group) != (recipe, group):
        raise CheckpointError(
            f"{folder}: the checkpoint is of {card.recipe.name} for {card.group}; expected {recipe} for {group}"
        )
    if card.members:
        loaded = [_load_member(checkpoints, name, digest, group, resources) for name, digest in card.members.items()]
        return Ensemble(loaded), card
    values = dict(card.parameters)
    transfers = [make_transfer(table) for table in values.pop("transfer", ())]
    settings = resolve(card.recipe.model, values, f"{folder / CARD}")
    models = []
    for seed, (name, content) in zip(card.recipe.seeds, load_weights(folder, card).items(), strict=True):
        model = make(card.recipe.model, settings, seed=seed, resources=resources, transfers=transfers)
        _check_versions(folder, card, model.versions())
        try:
            models.append(model.from_bytes(content))
        except CheckpointError as error:
            raise CheckpointError(f"{folder / name}: {error}") from error
    return Ensemble(models), card


def _load_member(checkpoints: Path, name: str, digest: str, group: str, resources: Resources) -> Ensemble:
    folder = checkpoint_folder(checkpoints, name, group)
    if not has_checkpoint(folder) or card_sha256(folder) != digest:
        raise CheckpointError(f"{folder}: changed or gone since the ensemble was made; train the ensemble again")
    return load_predictor(checkpoints, name, group, resources)[0]


def check_recipe(card: Card, recipe: Recipe, folder: Path) -> None:
    """Refuse a checkpoint whose recipe is no longer the one of that name, but for what the command line overrides.

    Raises
    ------
    CheckpointError
        Naming the keys that differ.
    """
    free = ("seeds", "younger_target", "description")
    keys = [key for key in Recipe.__struct_fields__ if key not in free]
    differing = [key for key in keys if getattr(recipe, key) != getattr(card.recipe, key)]
    if differing:
        raise CheckpointError(
            f"{folder}: the recipe has changed since training ({', '.join(differing)}); train it again"
        )


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


def _check_versions(folder: Path, card: Card, current: Mapping[str, str]) -> None:
    for name, version in current.items():
        if card.versions.get(name) != version:
            trained = card.versions.get(name)
            raise CheckpointError(f"{folder}: trained with version {trained} of the {name}, now {version}; train again")


def _digest(content: Table) -> str:
    return sha256(json.dumps(content, sort_keys=True).encode())
