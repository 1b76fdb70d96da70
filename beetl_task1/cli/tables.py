"""Rich tables of scorecards, comparisons and shifts, for ``validate`` and ``score`` alike."""

import sys
from collections.abc import Iterable, Sequence

COLOURS = {"error": "bold red", "warning": "yellow", "info": "dim"}


def console():
    """Return a console on the standard output; 160 columns wide where that is not a terminal."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else 160, highlight=False, markup=False)


def table(title: str, *columns: str, rows: Iterable[Sequence[str]] = (), left: int = 1):
    """Return a plain table under a title; all columns but the first ``left`` are aligned to the right."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    made = Table(box=None, pad_edge=False)
    for i, column in enumerate(columns):
        made.add_column(column, justify="left" if i < left else "right", overflow="fold")
    for row in rows:
        made.add_row(*row)
    return Group(Text(title, style="bold"), made)


def show_scorecards(out, cards: Sequence) -> None:
    """Print the scoreboard, then what stands behind it: stages, subjects, nights, confusion, calibration."""
    out.print(_scoreboard(cards))
    for card in cards:
        if card.interval:
            out.print(f"{card.name}: {card.interval.describe()}", soft_wrap=True)
    out.print(_stages(cards))
    for what in ("subjects", "nights"):
        if getattr(cards[0], what):
            out.print(_units(cards, what))
    _show_absent(out, cards[0])
    for card in cards:
        out.print(_confusion(card))
    if any(card.calibration for card in cards):
        out.print(_reliability([card for card in cards if card.calibration]))


def show_lines(out, title: str, lines: Iterable[str]) -> None:
    """Print sentences under a title, if there are any."""
    lines = list(lines)
    if lines:
        out.print(title, style="bold")
    for line in lines:
        out.print(f"  {line}", soft_wrap=True)


def show_classes(out, classes) -> None:
    """Print the classes predicted for the test set beside the target's."""
    rows = [
        (name, *(f"{100 * share:.1f}" for share in shares.values()))
        for name, shares in (
            ("target, true", classes.true),
            ("target, predicted", classes.target),
            ("test, predicted", classes.test),
        )
    ]
    rows.append(("test, epochs", *(f"{count:,}" for count in classes.counts.values())))
    out.print(table("share of the stages, %", "", *classes.true, rows=rows))


def _scoreboard(cards):
    columns = ("score", "interval", "subjects (SD)", "accuracy", "macro F1", "kappa", "ECE", "epochs")
    return table("scoreboard", "", *columns, rows=[_score_row(card) for card in cards])


def _score_row(card):
    from statistics import mean, stdev

    scores = list(card.subject_scores.values())
    spread = f"{mean(scores):.1f} ({stdev(scores):.1f})" if len(scores) > 1 else "-"
    interval = f"{card.interval.low:.1f} to {card.interval.high:.1f}" if card.interval else "-"
    error = f"{card.calibration.ece:.3f}" if card.calibration else "-"
    unit = card.pooled
    return (card.name, f"{card.score:.2f}", interval, spread, percent(unit.accuracy), percent(unit.macro_f1),
            "-" if unit.kappa is None else f"{unit.kappa:.3f}", error, f"{unit.n_epochs:,}")  # fmt: skip


def _stages(cards):
    rows = [
        (card.name, measure, *(percent(value) for value in getattr(card.pooled, measure).values()))
        for card in cards
        for measure in ("recall", "precision", "f1")
    ]
    for measure in ("support", "predicted"):
        rows += [
            (card.name, measure, *(f"{n:,}" for n in getattr(card.pooled, measure).values()))
            for card in (cards if measure == "predicted" else cards[:1])
        ]
    return table("stages, %", "", "", *cards[0].stages, rows=rows, left=2)


def _units(cards, what):
    units = [getattr(card, what) for card in cards]
    rows = [
        (first.name + ("*" if first.absent else ""), f"{first.n_epochs:,}",
         *(text for unit in row for text in (f"{unit.score:.1f}", "-" if unit.kappa is None else f"{unit.kappa:.2f}")))
        for row in zip(*units, strict=True) for first in row[:1]
    ]  # fmt: skip
    columns = [text for card in cards for text in (f"{card.name} score", "kappa")]
    return table(what, "", "epochs", *columns, rows=rows)


def _show_absent(out, card):
    absent = [f"{unit.name} has no {', '.join(unit.absent)}" for unit in card.subjects if unit.absent]
    if card.pooled.absent:
        out.print(f"{', '.join(card.pooled.absent)} absent from the truth: the mean is over the other stages")
    if any(unit.absent for unit in (*card.subjects, *card.nights)):
        out.print(
            f"* lacks a stage, scored over those present{': ' if absent else ''}{'; '.join(absent)}", soft_wrap=True
        )


def _confusion(card):
    rows = [
        (stage, *(f"{n:,}" for n in row), percent(card.pooled.recall[stage]))
        for stage, row in zip(card.stages, card.pooled.confusion, strict=True)
    ]
    return table(f"confusion of {card.name}: rows the truth", "", *card.stages, "recall %", rows=rows)


def _reliability(cards):
    rows = [
        (card.name, f"{p:.2f}", f"{share:.2f}", f"{n:,}")
        for card in cards
        for p, share, n in zip(
            card.calibration.top.confidence, card.calibration.top.frequency, card.calibration.top.count, strict=True
        )
    ]
    return table("reliability of the most probable stage", "", "it says", "it is right", "epochs", rows=rows)


def percent(value: float | None) -> str:
    """Return a share as per cent, or a dash."""
    return "-" if value is None else f"{100 * value:.1f}"
