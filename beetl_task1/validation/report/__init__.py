"""One self-contained HTML page per validation: readable on a phone and a wide screen, in light and dark."""

from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from statistics import mean, stdev

from ... import __version__
from ...errors import BeetlError
from ...writing import write_text
from ..comparison import Comparison, compare_all
from ..crossval import Validation
from ..scorecard import Scorecard
from ..shift import Shift
from . import charts

_MOST_CURVES = 5


def write_report(path: Path, validations: Sequence[Validation], scheme: str = "rk") -> Path:
    """Write the report of one or several recipes that were validated on the same nights.

    Parameters
    ----------
    path : path
        An ``.html`` file; it needs no network and no other file.
    validations : sequence of Validation
        At least one, all of one group.
    scheme : {"rk", "aasm"}
        Six stages, or five with S3 and S4 as N3.

    Raises
    ------
    BeetlError
        If there is none, or they are of different groups.
    """
    if len({v.group for v in validations}) != 1:
        raise BeetlError("a report is of one group; validate recipes of the same group")
    write_text(path, render(validations, scheme))
    return Path(path)


def render(validations: Sequence[Validation], scheme: str = "rk") -> str:
    """Return the report as HTML text; the same validations give the same text."""
    from jinja2 import Environment, select_autoescape

    environment = Environment(autoescape=select_autoescape(default=True), trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"percent": _percent, "one": lambda value: "-" if value is None else f"{value:.1f}"}
    template = environment.from_string((resources.files(__package__) / "page.html.jinja").read_text(encoding="utf-8"))
    return template.render(_context(validations, scheme))


def _context(validations: Sequence[Validation], scheme: str) -> dict:
    cards = [v.card(scheme) for v in validations]
    first = validations[0]
    return {
        "version": __version__,
        "group": first.group,
        "data": first.data,
        "simulated": first.data.startswith("simulated"),
        "scheme": scheme,
        "cards": cards,
        "names": [card.name for card in cards],
        "score_rows": [_score_row(v, card) for v, card in zip(validations, cards, strict=True)],
        "scoreboard": _scoreboard(cards),
        "subjects": charts.dots(_series(cards, "subjects"), "Score of each subject", "score"),
        "recall": charts.dots(_recall(cards), "Recall of each stage", "recall, %"),
        "legend": charts.legend([card.name for card in cards]),
        "absent": [f"{unit.name} has no {', '.join(unit.absent)}" for unit in cards[0].subjects if unit.absent],
        "pairs": [_pair(pair) for pair in compare_all(cards)],
        "pairs_chart": _pairs_chart(compare_all(cards), "Differences between recipes"),
        "transfers": _transfers(validations, scheme),
        "seeds": [v.seeds.describe() for v in validations],
        "confusions": [(card, _shares(card)) for card in cards],
        "reliability": _reliability(cards),
        "shifts": [_shift(v) for v in validations if v.shift],
        "features": _features([v.shift for v in validations if v.shift]),
    }


def _score_row(validation: Validation, card: Scorecard) -> dict:
    scores = list(card.subject_scores.values())
    return {
        "card": card,
        "argmax": validation.summary["score_argmax"],
        "mean": mean(scores),
        "sd": stdev(scores) if len(scores) > 1 else None,
    }


def _scoreboard(cards: Sequence[Scorecard]) -> str:
    rows = [
        charts.Row(
            card.name,
            card.score,
            card.interval and card.interval.low,
            card.interval and card.interval.high,
            list(card.subject_scores.items()),
            f"{card.score:.1f}",
        )
        for card in cards
    ]
    return charts.forest(rows, "Pooled score of each recipe, its interval over subjects, and every subject", "score")


def _series(cards: Sequence[Scorecard], what: str) -> dict:
    names = [unit.name + ("*" if unit.absent else "") for unit in getattr(cards[0], what)]
    return {name: {card.name: getattr(card, what)[i].score for card in cards} for i, name in enumerate(names)}


def _recall(cards: Sequence[Scorecard]) -> dict:
    return {
        stage: {
            card.name: None if card.pooled.recall[stage] is None else 100 * card.pooled.recall[stage] for card in cards
        }
        for stage in cards[0].stages
    }


def _pair(pair: Comparison) -> dict:
    return {"pair": pair, "text": pair.describe()}


def _pairs_chart(pairs: Sequence[Comparison], title: str, short: bool = False) -> str:
    if not pairs:
        return ""
    rows = [
        charts.Row(
            pair.first if short else f"{pair.first} less {pair.second}",
            pair.pooled,
            pair.interval and pair.interval.low,
            pair.interval and pair.interval.high,
            list(pair.differences.items()),
            f"{pair.pooled:+.1f}",
        )
        for pair in pairs
    ]
    return charts.forest(rows, f"{title}: pooled, interval over subjects, and every subject", "points", zero=True)


def _transfers(validations: Sequence[Validation], scheme: str) -> dict:
    found = [(v, v.transfer(scheme)) for v in validations]
    pairs = [transfer for _, transfer in found if transfer]
    return {
        "rows": [(v.recipe, v.card_without(scheme), v.card(scheme), transfer) for v, transfer in found if transfer],
        "none": [v.recipe for v, transfer in found if not transfer],
        "chart": _pairs_chart(pairs, "With less without transfer", short=True),
    }


def _shares(card: Scorecard) -> list[dict]:
    """Return the rows of a confusion matrix with the share of each cell in its row."""
    rows = []
    for stage, row in zip(card.stages, card.pooled.confusion, strict=True):
        total = sum(row)
        rows.append({"stage": stage, "cells": [(n, n / total if total else 0) for n in row]})
    return rows


def _reliability(cards: Sequence[Scorecard]) -> list[dict]:
    """Return one chart of the most probable stage over all recipes, and one of the stages for each recipe."""
    calibrated = [card for card in cards if card.calibration]
    if not calibrated:
        return []
    top = {card.name: _curve(card.calibration.top) for card in calibrated[:_MOST_CURVES]}
    title = "The most probable stage"
    found = [
        {"title": title, "svg": charts.reliability(top, f"Reliability: {title}"), "legend": charts.legend(list(top))}
    ]
    for card in calibrated:
        for part in (card.stages[:3], card.stages[3:]):
            curves = {stage: _curve(card.calibration.stages[stage]) for stage in part}
            chart = charts.reliability(curves, f"Reliability of {', '.join(part)}, {card.name}")
            found.append({"title": card.name, "svg": chart, "legend": charts.legend(part)})
    return found


def _curve(curve) -> tuple:
    return curve.confidence, curve.frequency, curve.count


def _shift(validation: Validation) -> dict:
    shift = validation.shift
    classes = shift.classes
    names = ("target, true", "target, predicted", "test, predicted")
    sides = dict(zip(names, (classes.true, classes.target, classes.test), strict=True))
    shares = {stage: {name: 100 * side[stage] for name, side in sides.items()} for stage in classes.true}
    return {
        "recipe": validation.recipe,
        "shift": shift,
        "classes": charts.bars(shares, f"Shares of the stages, {validation.recipe}", "% of the epochs"),
        "legend": charts.legend(names, bars=True),
    }


def _features(shifts: Sequence[Shift]) -> dict | None:
    """Return the chart of the features, which are the same for every recipe."""
    known = [shift.features for shift in shifts if shift.features]
    if not known:
        return None
    rows = {name: {"test less target": value} for name, value in known[0].difference.items()}
    title = "Features that differ most between test and target"
    return {"svg": charts.bars(rows, title, "SD over subjects", wide_labels=True), "by_chance": known[0].by_chance}


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}"
