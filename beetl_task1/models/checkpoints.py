"""Checkpoints: weights that run no code, beside the card that says what made them.

``checkpoints/<recipe>/<group>/`` holds ``card.json`` and the weights it lists. The card is written last, so a folder
without a card is no checkpoint.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ..errors import CheckpointError
from ..writing import whole_file, write_text

CARD = "card.json"
WEIGHTS_ENDING = "weights"


@dataclass(frozen=True)
class Card:
    """What made a checkpoint.

    Attributes
    ----------
    recipe : dict
        The whole recipe, as resolved.
    group : str
        Age group that it was trained for.
    data : dict
        Kind of the data (competition, simulated, open) and what their marker says.
    training : dict
        Role (source, target, unlabelled) to recordings and the sha256 of their signals and labels.
    versions : dict
        Versions of this package, its libraries, the features and the commit.
    fingerprint : str
        Digest of the above without the versions of libraries: two trainings with the same one are the same experiment.
    weights : dict
        File name to sha256, in the order of the recipe's seeds.
    parameters : dict
        All parameters of the model, defaults included; the checkpoint is rebuilt with these.
    members : dict
        For an ensemble: recipe of a member to the sha256 of its card.
    """

    recipe: dict
    group: str
    data: dict
    training: dict
    versions: dict
    fingerprint: str
    weights: dict = field(default_factory=dict)
    parameters: dict = field(default_factory=dict)
    members: dict = field(default_factory=dict)


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
        digest = _sha256(content)
        file_name = f"{name}-{digest[:12]}.{WEIGHTS_ENDING}"
        listed[file_name] = digest
        with whole_file(folder / file_name) as file:
            file.write(content)
    content = asdict(card) | {"weights": listed}
    write_text(folder / CARD, json.dumps(content | {"digest": _digest(content)}, indent=1) + "\n")
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
        content = json.loads(path.read_text(encoding="utf-8"))
        digest = content.pop("digest")
        if digest != _digest(content):
            raise ValueError("it changed since training")
        return Card(**content)
    except FileNotFoundError as error:
        raise CheckpointError(f"{folder}: no checkpoint there; make it with: beetl-task1 train") from error
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise CheckpointError(f"{path}: not a card as it was written ({error}); train again") from error


def has_checkpoint(folder: Path) -> bool:
    """Whether a finished checkpoint is there."""
    return (folder / CARD).exists()


def card_sha256(folder: Path) -> str:
    """Return the digest of the card's file."""
    return _sha256((folder / CARD).read_bytes())


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
        found = _sha256(contents[name])
        if found != expected:
            raise CheckpointError(
                f"{path}: changed since training (sha256 {found[:12]}, the card says {expected[:12]}); train again"
            )
    return contents


def _digest(content: dict) -> str:
    return _sha256(json.dumps(content, sort_keys=True).encode())


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
