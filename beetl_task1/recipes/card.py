"""The card of a checkpoint: what made it."""

import json
import re
from pathlib import Path
from typing import Any

import msgspec

from ..errors import BeetlError, CheckpointError
from ..store import key_of, sha256
from ..typed import NAME, Settings, json_of, typed
from .recipe import Recipe

CARD = "card.json"
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
        For an ensemble: recipe of a member to the :func:`card_digest` of the copy that the ensemble keeps of it.
    chosen : dict
        For each seed of a network: what held-out subjects chose, and how these scored.
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
    chosen: dict[str, list[str]] = msgspec.field(default_factory=dict)


def checkpoint_folder(checkpoints: Path, recipe: str, group: str) -> Path:
    """Return where a recipe's checkpoint for a group is kept."""
    return Path(checkpoints) / recipe / group


def load_card(folder: Path) -> Card:
    """Read a card.

    Raises
    ------
    CheckpointError
        If there is none, or it is damaged or changed.
    """
    path = folder / CARD
    try:
        content = json_of(path.read_bytes())
        digest = content.pop("digest")
        if digest != digest_of(content):
            raise ValueError("it changed since training")
        card = typed(Card, content, "card")
        strange = [name for name in (*card.weights, *card.members) if not re.fullmatch(NAME, name)]
        if strange:
            raise ValueError(f"{strange[0]!r} names no file beside it")
        return card
    except FileNotFoundError as error:
        command = f"beetl-task1 train --group {folder.name} --recipe {folder.parent.name}"
        raise CheckpointError(f"{folder}: no checkpoint there; make it with: {command}") from error
    except (OSError, ValueError, TypeError, KeyError, AttributeError, BeetlError) as error:
        raise CheckpointError(f"{path}: not a card as it was written ({error}); train again") from error


def has_checkpoint(folder: Path) -> bool:
    """Whether a finished checkpoint is there."""
    return (folder / CARD).exists()


def card_sha256(folder: Path) -> str:
    """Return the digest of the card's file."""
    return sha256((folder / CARD).read_bytes())


def card_digest(card: Card) -> str:
    """Return the digest of what a checkpoint is: its experiment and weights, whatever the versions that trained it."""
    same = ("recipe", "group", "data", "training", "fingerprint", "weights", "parameters", "members")
    return key_of({name: value for name, value in msgspec.to_builtins(card).items() if name in same})


def digest_of(content: Table) -> str:
    """Return the digest that a card ends with, of all else in it."""
    return sha256(json.dumps(content, sort_keys=True).encode())
