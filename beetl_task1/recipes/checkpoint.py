"""Checkpoints: weights that run no code, beside the card that says what made them.

``checkpoints/<recipe>/<group>/`` holds ``card.json`` and the weights it lists. The card is written last, so a folder
without a card is no checkpoint.
"""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import msgspec

from ..data.files import SIMULATED, Provenance
from ..ensemble import Ensemble
from ..errors import CheckpointError
from ..models.base import Resources
from ..models.registry import make, resolve
from ..store import sha256
from ..transfer import make_transfer
from ..writing import whole_file, write_text
from .card import CARD, Card, card_digest, card_sha256, checkpoint_folder, has_checkpoint, load_card
from .card import digest_of as _digest
from .recipe import Recipe

MEMBERS = "members"
WEIGHTS_ENDING = "weights"
__all__ = [
    "Card", "card_sha256", "check_recipe", "check_simulated", "check_whole", "checkpoint_folder", "has_checkpoint",
    "load_card", "load_predictor", "load_weights", "member_cards", "remove_stale", "save_checkpoint", "save_ensemble",
]  # fmt: skip


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
    remove_stale(folder)
    return folder / CARD


def save_ensemble(folder: Path, card: Card, members: Mapping[str, Path]) -> Path:
    """Copy the checkpoints of an ensemble's members beside its card, then write the card, then remove other copies.

    The ensemble needs nothing of its members from then on: they may be trained otherwise, or removed.

    Parameters
    ----------
    folder, card
        As for :func:`save_checkpoint`; ``members`` of the card are filled in here.
    members : mapping of str to path
        Recipe of a member to the folder of its checkpoint.

    Returns
    -------
    Path
        Of the card.
    """
    digests = {}
    for name, place in members.items():
        member = load_card(place)
        digests[name] = card_digest(member)
        weights = {file.rpartition("-")[0]: content for file, content in load_weights(place, member).items()}
        save_checkpoint(_member_folder(folder, name, digests[name]), member, weights)
    return save_checkpoint(folder, msgspec.structs.replace(card, members=digests), {})


def remove_stale(folder: Path) -> None:
    """Remove what an earlier training left beside a checkpoint; one that is killed leaves it to the next."""
    card = load_card(folder)
    kept = [_member_folder(folder, name, digest) for name, digest in card.members.items()]
    for stale in (folder / MEMBERS).glob("*-" + 12 * "[0-9a-f]"):
        if stale not in kept:
            shutil.rmtree(stale)
    files = [*card.weights, *(f"history-seed{seed}.csv" for seed in card.recipe.seeds)]
    for stale in (*folder.glob(f"seed*-*.{WEIGHTS_ENDING}"), *folder.glob("history-seed*.csv")):
        if stale.name not in files:
            stale.unlink()


def _member_folder(folder: Path, name: str, digest: str) -> Path:
    return folder / MEMBERS / f"{name}-{digest[:12]}"


def member_cards(folder: Path, card: Card) -> dict[str, Card]:
    """Return the cards of an ensemble's members, by recipe; none of a single model.

    Raises
    ------
    CheckpointError
        If a copy is missing or is not of the member that the ensemble was made of.
    """
    found = {}
    for name, digest in card.members.items():
        place = _member_folder(folder, name, digest)
        try:
            found[name] = load_card(place)
        except CheckpointError as error:
            raise CheckpointError(f"{place}: a member of the ensemble is gone or damaged; train again") from error
        if card_digest(found[name]) != digest:
            raise CheckpointError(f"{place}: is not the member that the ensemble was made of; train again")
    return found


def check_whole(folder: Path, card: Card) -> None:
    """Refuse a checkpoint of which weights, or members, are missing or changed.

    Raises
    ------
    CheckpointError
        The first is named.
    """
    load_weights(folder, card)
    for name, member in member_cards(folder, card).items():
        load_weights(_member_folder(folder, name, card.members[name]), member)


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
    """Rebuild a predictor from its checkpoint alone; one that is trained anew meanwhile is read again.

    Raises
    ------
    CheckpointError
        If the checkpoint is missing, damaged, of another recipe or group, or made with other features.
    """
    folder = checkpoint_folder(checkpoints, recipe, group)
    while True:
        card = load_card(folder)
        try:
            return _loaded(folder, card, recipe, group, resources), card
        except CheckpointError:
            if load_card(folder) == card:
                raise


def _loaded(folder: Path, card: Card, recipe: str, group: str, resources: Resources) -> Ensemble:
    if (card.recipe.name, card.group) != (recipe, group):
        raise CheckpointError(
            f"{folder}: the checkpoint is of {card.recipe.name} for {card.group}; expected {recipe} for {group}"
        )
    members = member_cards(folder, card).items()
    if members:
        loaded = [_rebuilt(_member_folder(folder, name, card.members[name]), each, resources) for name, each in members]
        return Ensemble(loaded, card.recipe.mean, card.recipe.similar, resources, card.recipe.weights)
    return _rebuilt(folder, card, resources)


def _rebuilt(folder: Path, card: Card, resources: Resources) -> Ensemble:
    """Return the models of a single model's checkpoint, one for each seed."""
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
    return Ensemble(models, similar=card.recipe.similar, resources=resources)


def check_recipe(card: Card, recipe: Recipe, folder: Path) -> None:
    """Refuse a checkpoint whose recipe is no longer the one of that name, but for what the command line overrides.

    Raises
    ------
    CheckpointError
        Naming the keys that differ.
    """
    free = ("seeds", "younger_target", "rules", "description")
    keys = [key for key in Recipe.__struct_fields__ if key not in free]
    differing = [key for key in keys if getattr(recipe, key) != getattr(card.recipe, key)]
    if differing:
        raise CheckpointError(
            f"{folder}: the recipe has changed since training ({', '.join(differing)}); train it again"
        )


def check_rules(card: Card, recipe: Recipe, provenance: Provenance, folder: Path) -> None:
    """Refuse, for competition data, a checkpoint that was trained under open rules, unless they are open here too.

    Raises
    ------
    CheckpointError
        If it was.
    """
    if card.recipe.rules == "open" and recipe.rules != "open" and provenance.kind != SIMULATED:
        raise CheckpointError(
            f"{folder}: trained under --rules open, so perhaps with labels of people who are to be predicted; "
            "train it again without, or add --rules open"
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
