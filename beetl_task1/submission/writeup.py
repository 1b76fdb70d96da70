"""The method document that the competition asks for, filled from the cards: two pages of Markdown."""

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2

from ..decision import DEFAULT_STRENGTH
from ..errors import BeetlError
from ..models.registry import model_class
from ..recipes.checkpoint import Card, card_sha256, checkpoint_folder, has_checkpoint, load_card, member_cards
from ..task import CHANNELS, SFREQ, STAGES
from ..validation.crossval import load_summary
from ..writing import check_own, write_own
from .verify import load_account

WRITEUP = "writeup.md"


def writeup(folder: Path, checkpoints: Path, out: Path | None = None) -> Path:
    """Write the method document of a submission folder, by default to ``writeup.md`` in it, and return its path.

    Cards and validations are looked for in ``checkpoints``; what is missing there is said to be missing.

    Raises
    ------
    BeetlError
        If there is no submission, or the document holds what somebody else wrote: it stays as it is.
    """
    path = Path(out) if out else Path(folder) / WRITEUP
    check_own(path)
    write_own(path, compose(load_account(folder), Path(checkpoints)))
    return path


def compose(account: Mapping[str, Any], checkpoints: Path) -> str:
    """Return the document of a ``submission.json`` as Markdown."""
    recipe, cards = account.get("recipe") or {}, _cards(account, checkpoints)
    trained = {name: card for name, card in cards.items() if not card.members}  # an ensemble's own names no model
    return _TEMPLATES.get_template("writeup.md.jinja").render(
        account=account,
        recipe=recipe,
        inputs=account.get("inputs", ()),
        versions=account.get("versions", {}),
        cards=trained,
        nights=_nights(next(iter(trained.values()))) if trained else [],
        strength=(recipe.get("decision") or {}).get("strength", DEFAULT_STRENGTH) if recipe else None,
        validation=_validation(account, recipe.get("name", ""), checkpoints),
    )


def _cards(account: Mapping[str, Any], checkpoints: Path) -> dict[str, Card]:
    """Return the cards that made the submission, by recipe, without those of a later training."""
    found: dict[str, Card] = {}
    for name, digest in account.get("cards", {}).items():
        place = checkpoint_folder(checkpoints, name, account["group"])
        if has_checkpoint(place) and card_sha256(place) == digest:
            card = load_card(place)
            found |= {name: card} | member_cards(place, card)
    return found


def _nights(card: Card) -> list[tuple[str, str, int, int]]:
    """Return role, age group, and how many subjects and recordings trained."""
    found = []
    for role, nights in card.training.items():
        for group in dict.fromkeys(night.split("/")[0] for night in nights):
            of_group = [night for night in nights if night.startswith(f"{group}/")]
            found.append((role, group, len({night.rpartition("r")[0] for night in of_group}), len(of_group)))
    return found


def _validation(account: Mapping[str, Any], name: str, checkpoints: Path) -> Any:
    """Return the summary of the validation of this very training, or a sentence that says why there is none."""
    if not name or account.get("inputs"):
        return "Labels of a blend or from elsewhere are not validated; the documents of its recipes say how they score."
    command = f"`beetl-task1 validate --group {account['group']} --recipe {name}`"
    try:
        summary = load_summary(checkpoints, name, account["group"])
    except BeetlError:
        summary = None
    if summary is None:
        return f"Not validated yet: {command}."
    same = "experiment" in account and account["experiment"] == summary.get("experiment")
    return summary if same else f"None was made for this training: {command}."


def _model(name: str) -> str:
    """Return the first sentence of a model's docstring."""
    try:
        return (inspect.getdoc(model_class(name)) or name).split("\n\n")[0].replace("\n", " ")
    except BeetlError:
        return name


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "(" + ", ".join(f"{key} {_value(v)}" for key, v in value.items()) + ")"
    if isinstance(value, list | tuple):
        return ", ".join(map(_value, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent),
    autoescape=False,  # Markdown, not HTML
    keep_trailing_newline=True,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.globals |= {"stages": STAGES, "channels": CHANNELS, "sfreq": SFREQ}
_TEMPLATES.filters |= {
    "model": _model,
    "parameters": lambda found: ", ".join(f"{key} {_value(value)}" for key, value in found.items()) or "none",
    "one": lambda value: f"{value:.1f}",
    "percent": lambda value: "-" if value is None else f"{100 * value:.1f}",
    "thousands": lambda value: f"{value:,}",
}
