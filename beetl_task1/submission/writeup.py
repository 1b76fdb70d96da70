"""The method document that the competition asks for, filled from the cards: two pages of Markdown."""

import inspect
from collections import Counter
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

from ..decision import DEFAULT_STRENGTH
from ..errors import BeetlError
from ..models.registry import model_class
from ..recipes.checkpoint import Card, checkpoint_folder, has_checkpoint, load_card
from ..recipes.recipe import Recipe
from ..task import CHANNELS, SFREQ, STAGES
from ..validation.crossval import load_summary
from ..writing import write_text
from .verify import load_account

WRITEUP = "writeup.md"


def writeup(folder: Path, checkpoints: Path, out: Path | None = None) -> Path:
    """Write the method document of a submission.

    Parameters
    ----------
    folder : path
        Holds ``submission.json``.
    checkpoints : path
        Where the cards and validations of its recipe stand; what is missing there is said to be missing.
    out : path, optional
        ``writeup.md`` in the folder by default.

    Returns
    -------
    Path
        Of the document.
    """
    path = Path(out) if out else Path(folder) / WRITEUP
    write_text(path, compose(load_account(folder), Path(checkpoints)))
    return path


def compose(account: dict, checkpoints: Path) -> str:
    """Return the document as Markdown.

    Parameters
    ----------
    account : dict
        A ``submission.json``.
    checkpoints : path
        Where the cards and validations stand.
    """
    group, recipe = account["group"], account.get("recipe") or {}
    cards = _cards(account, checkpoints)
    summary = _summary(checkpoints, recipe.get("name", ""), group)
    parts = [
        f"# Sleep staging carried over to people of {group}\n\nTeam: (name)\n",
        _task(account, group),
        _data(account, cards),
        _method(account, recipe, cards),
        _validation(summary, group),
        _submission(account),
        _reproduce(account, recipe, cards),
    ]
    return "\n".join(parts)


def _cards(account: dict, checkpoints: Path) -> dict[str, Card]:
    """Return the cards of the models that were trained, by recipe; an ensemble's own card names no model."""
    found = {}
    for name in account.get("cards", {}):
        place = checkpoint_folder(checkpoints, name, account["group"])
        if has_checkpoint(place):
            card = load_card(place)
            if not card.members:
                found[name] = card
    return found


def _summary(checkpoints: Path, recipe: str, group: str) -> dict | None:
    try:
        return load_summary(checkpoints, recipe, group) if recipe else None
    except BeetlError:
        return None


def _task(account: dict, group: str) -> str:
    return (
        "## Task\n\n"
        f"Six stages ({', '.join(STAGES)}) of 30 s epochs with two EEG channels ({', '.join(CHANNELS)}, {SFREQ:g} Hz), "
        f"learned from people of 25-64 and carried over to people of {group}, of whom a few are labelled. The score is "
        "100 x the mean recall of the stages over the pooled test epochs. Epochs are shuffled within a recording, so "
        "their order is not used.\n"
    )


def _data(account: dict, cards: Mapping[str, Card]) -> str:
    lines = [f"## Data\n\nTest set: {account['data']}" + (", partial.\n" if account.get("partial") else ".\n")]
    if not cards:
        return lines[0] + "\nThe cards of the models are not at hand, so the training data cannot be listed here.\n"
    described = dict.fromkeys(card.data["description"] for card in cards.values())
    lines.append(f"Trained on: {'; '.join(described)}. No other data, weights or priors.\n")
    card = next(iter(cards.values()))
    lines += ["| role | group | subjects | recordings |", "|---|---|---|---|"]
    for role, nights in card.training.items():
        subjects: dict[str, set[str]] = {}
        for night in nights:
            of_group, who = night.split("/")
            subjects.setdefault(of_group, set()).add(who.split("r")[0])
        count = Counter(night.split("/")[0] for night in nights)
        lines += [f"| {role} | {name} | {len(subjects[name])} | {count[name]} |" for name in subjects]
    return "\n".join(lines) + "\n"


def _method(account: dict, recipe: dict, cards: Mapping[str, Card]) -> str:
    lines = [f"## Method\n\nRecipe `{recipe.get('name') or account.get('labels_from', 'unknown')}`"]
    lines[0] += f": {recipe['description']}.\n" if recipe.get("description") else ".\n"
    for item in account.get("inputs", ()):
        lines.append(f"- `{item['file']}` ({item['recipe']}) with weight {item['weight']:.3f}")
    for name, card in cards.items():
        lines.append(_model(name, card))
    if len(cards) > 1:
        lines.append("The probabilities of the models are averaged.\n")
    lines.append(_decision(recipe))
    return "\n".join(lines)


def _model(name: str, card: Card) -> str:
    """Return what a model is, with every parameter: those of the recipe and the defaults."""
    made = card.recipe
    try:
        cls = model_class(made["model"])
        what = (inspect.getdoc(cls) or made["model"]).split("\n\n")[0].replace("\n", " ")
    except BeetlError:
        what = made["model"]
    listed = ", ".join(f"{key} {_value(value)}" for key, value in card.parameters.items()) or "none"
    seeds = ", ".join(map(str, made.get("seeds", ())))
    extra = {k: v for k, v in made.items() if k not in _KNOWN and v not in (None, "", {}, [], ())}
    more = "".join(f"\n  {key}: {_value(value)}." for key, value in extra.items())
    return f"- **{name}** (`{made['model']}`): {what}\n  Parameters: {listed}. Seeds: {seeds}.{more}\n"


_KNOWN = {f.name for f in fields(Recipe)}


def _decision(recipe: dict) -> str:
    strength = (recipe.get("decision") or {}).get("strength", DEFAULT_STRENGTH) if recipe else None
    if strength is None:
        return "The labels come from elsewhere.\n"
    if not strength:
        return "Each epoch gets its most probable stage.\n"
    power = "" if strength == 1 else f"^{strength:g}"
    return (
        f"The score weighs stages alike, so each epoch gets the stage of the largest p(k) / pi(k){power}, with pi the "
        "mean posterior over the whole test set.\n"
    )


def _validation(summary: dict | None, group: str) -> str:
    head = "## Validation, with and without transfer\n"
    if summary is None:
        return f"{head}\nNot validated yet: `beetl-task1 validate --group {group}`.\n"
    card = summary.get("scorecard") or {}
    lines = [
        head,
        f"Leave one target subject out ({summary['data']}): both nights of a subject are held out together, the source "
        "and the other target subjects train. What is decided on top of the probabilities rests on predictions by "
        f"models that knew neither the subject nor those it is decided with. {summary['n_epochs']:,} epochs.\n",
        "| | score | " + " | ".join(summary["subjects"]) + " |",
        "|---|" + "---|" * (1 + len(summary["subjects"])),
        _scores("with transfer", summary["score"], summary["subjects"].values()),
    ]
    without = summary.get("without_transfer")
    if without:
        units = [unit["score"] for unit in without["subjects"]]
        lines.append(_scores("without: source only", without["pooled"]["score"], units))
    lines.append("\n| | " + " | ".join(summary["recall"]) + " |\n|---|" + "---|" * len(summary["recall"]))
    lines.append(
        "| recall, % | " + " | ".join("-" if r is None else f"{100 * r:.1f}" for r in summary["recall"].values()) + " |"
    )
    lines += ["", *_remarks(summary, card)]
    return "\n".join(lines) + "\n"


def _scores(name: str, score: float, subjects) -> str:
    return f"| {name} | {score:.2f} | " + " | ".join(f"{value:.1f}" for value in subjects) + " |"


def _remarks(summary: dict, card: dict) -> list[str]:
    lines = [f"- The plain argmax scores {summary['score_argmax']:.2f}."]
    if card.get("interval"):
        low, high, n = (card["interval"][key] for key in ("low", "high", "n_subjects"))
        lines.append(f"- 95 % interval by resampling the {n} subjects: {low:.1f} to {high:.1f}, or wider.")
    transfer = summary.get("transfer")
    if transfer:
        lines.append(
            f"- Transfer changes the score by {transfer['pooled']:+.2f}, for the better in {transfer['better']} of "
            f"{len(transfer['differences'])} subjects (sign-flip test p = {transfer['p_value']:.3g})."
        )
    if summary.get("shift"):
        lines.append(f"- {summary['shift']['statement'][-1]}")
    return lines


def _submission(account: dict) -> str:
    counts = " | ".join(f"{count:,}" for count in account["label_counts"].values())
    return (
        f"## Submission\n\n{account['n_rows']:,} labels in the order of subject number and session.\n\n"
        f"| {' | '.join(account['label_counts'])} |\n|{'---|' * len(account['label_counts'])}\n| {counts} |\n"
    )


def _reproduce(account: dict, recipe: dict, cards: Mapping[str, Card]) -> str:
    found = account.get("versions", {})
    name, group = recipe.get("name", ""), account["group"]
    lines = ["## How to reproduce\n", "```"]
    if found.get("commit"):
        lines.append(f"git checkout {found['commit'].removesuffix('-dirty')}")
    if account.get("inputs"):
        lines.append(
            f"beetl-task1 blend {' '.join(item['file'] for item in account['inputs'])} --data DATA --group {group}"
        )
    elif name:
        lines.append(f"beetl-task1 submit --data DATA --group {group} --recipe {name}")
        lines.append(f"beetl-task1 verify submissions/{name}-{group} --data DATA --retrain")
    lines += ["```", ""]
    if found.get("commit", "").endswith("-dirty"):
        lines.append("The checkout differed from its commit when the labels were made.\n")
    lines.append("Versions: " + ", ".join(f"{key} {value}" for key, value in found.items() if key != "commit") + ".")
    lines.append(f"sha256 of `answer.txt`: `{account['answer_sha256']}`")
    return "\n".join(lines) + "\n"


def _value(value) -> str:
    if isinstance(value, dict):
        return "(" + ", ".join(f"{key} {_value(v)}" for key, v in value.items()) + ")"
    if isinstance(value, list | tuple):
        return ", ".join(map(_value, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
