"""One self-contained HTML page per validation: readable on a phone and a wide screen, in light and dark."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import stdev
from typing import Any

import msgspec

from ...errors import BeetlError
from ...recipes.recipe import Recipe
from ...recipes.versions import versions
from ...writing import write_own
from ..comparison import Comparison, compare_all
from ..crossval import Validation
from ..scorecard import Scorecard
from ..shift import Shift
from ..verdict import verdict
from . import charts

_MOST_CURVES = 5
charts.TEMPLATES.globals |= {"charts": charts}
charts.TEMPLATES.filters |= {
    "percent": lambda value: "-" if value is None else f"{100 * value:.1f}",
    "one": lambda value: "-" if value is None else f"{value:.1f}",
    "two": lambda value: "-" if value is None else f"{value:.2f}",
    "mean": lambda values: sum(values) / len(values),
    "sd": lambda values: stdev(values) if len(values) > 1 else None,
}


@dataclass(frozen=True)
class Made:
    """How a report came about."""

    date: str = ""
    command: str = ""
    """Empty from Python."""
    versions: dict[str, str] = field(default_factory=versions)


def write_report(path: Path, validations: Sequence[Validation], scheme: str = "rk", command: str = "") -> Path:
    """Write the report of one or several recipes that were validated on the same nights.

    Parameters
    ----------
    path : path
        An ``.html`` file; it needs no network and no other file.
    validations : sequence of Validation
        At least one, all of one group.
    scheme : {"rk", "aasm"}
        Six stages, or five with S3 and S4 as N3.
    command : str
        What the page says that made it.

    Raises
    ------
    BeetlError
        If there is none, they are of different groups, or the file is not a report as this wrote it.
    """
    if len({v.group for v in validations}) != 1:
        raise BeetlError("a report is of one group; validate recipes of the same group")
    write_own(path, render(validations, scheme, Made(datetime.date.today().isoformat(), command)))
    return Path(path)


def render(validations: Sequence[Validation], scheme: str = "rk", made: Made | None = None) -> str:
    """Return the report as HTML text; the same validations, made alike, give the same text."""
    cards = [v.card(scheme) for v in validations]
    pairs = compare_all(cards)
    transfers = [(v.card_without(scheme), v.card(scheme), v.transfer(scheme)) for v in validations]
    shifts = [(v.recipe, v.shift) for v in validations if v.shift]
    return charts.TEMPLATES.get_template("page.html.jinja").render(
        made=made or Made(),
        verdict=verdict(cards, [v.shift for v in validations]),
        recipes=[(v.recipe, v.made_from and v.made_from.description, _settings(v.made_from)) for v in validations],
        group=validations[0].group,
        data=validations[0].data,
        scheme=scheme,
        cards=cards,
        names=[card.name for card in cards],
        argmax=[v.summary["score_argmax"] for v in validations],
        seeds=[v.seeds.describe() for v in validations],
        scoreboard=[charts.Row(c.name, c.score, c.interval, c.subject_scores, f"{c.score:.1f}") for c in cards],
        subjects=_subjects(cards),
        recall=_recall(cards),
        pairs=pairs,
        pair_rows=[_row(f"{pair.first} less {pair.second}", pair) for pair in pairs],
        transfers=transfers,
        transfer_rows=[_row(transfer.first, transfer) for *_, transfer in transfers if transfer],
        reliability=_reliability(cards),
        shifts=[(recipe, shift, _shares(shift)) for recipe, shift in shifts],
        features=next((shift.features for _, shift in shifts if shift.features), None),
    )


def _settings(recipe: Recipe | None) -> str:
    """Return what a recipe says beside its name and description, as JSON; nothing where it is not known."""
    if recipe is None:
        return ""
    said = {k: v for k, v in msgspec.to_builtins(recipe).items() if v and k not in ("name", "description")}
    return msgspec.json.format(msgspec.json.encode(said), indent=1).decode()


def _row(label: str, pair: Comparison) -> charts.Row:
    return charts.Row(label, pair.pooled, pair.interval, pair.differences, f"{pair.pooled:+.1f}")


def _subjects(cards: Sequence[Scorecard]) -> charts.Series:
    """Return the score of each subject under each card; a star marks those that lack a stage."""
    names = [unit.name + ("*" if unit.absent else "") for unit in cards[0].subjects]
    return {name: {card.name: card.subjects[i].score for card in cards} for i, name in enumerate(names)}


def _recall(cards: Sequence[Scorecard]) -> charts.Series:
    found = {card.name: card.pooled.recall for card in cards}
    return {
        stage: {name: None if (share := recall[stage]) is None else 100 * share for name, recall in found.items()}
        for stage in cards[0].stages
    }


def _reliability(cards: Sequence[Scorecard]) -> list[dict[str, Any]]:
    """Return one chart of the most probable stage over all recipes, and two of the stages for each recipe."""
    known = [(card, card.calibration) for card in cards if card.calibration]
    title = "The most probable stage"
    top = {card.name: found.top for card, found in known[:_MOST_CURVES]}
    drawn: list[dict[str, Any]] = [{"title": title, "alt": f"Reliability: {title}", "curves": top}] if known else []
    for card, found in known:
        for part in (card.stages[:3], card.stages[3:]):
            alt = f"Reliability of {', '.join(part)}, {card.name}"
            drawn.append({"title": card.name, "alt": alt, "curves": {stage: found.stages[stage] for stage in part}})
    return drawn


def _shares(shift: Shift) -> charts.Series:
    sides = {"target, true": shift.classes.true, "target, predicted": shift.classes.target}
    sides["test, predicted"] = shift.classes.test
    return {stage: {name: 100 * side[stage] for name, side in sides.items()} for stage in shift.classes.true}
