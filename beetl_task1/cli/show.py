"""Prints results: for people as text and tables, for programs as JSON."""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..task import STAGES, TARGET_GROUPS
from .options import asked

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.text import Text

    from ..recipes.checkpoint import Card
    from ..submission.diff import AnswerDiff
    from ..submission.log import Logged
    from ..submission.package import Submission
    from ..validation.crossval import Validation
    from ..validation.scorecard import Scorecard, Unit

COLOURS = {"error": "bold red", "warning": "yellow", "info": "dim"}
Lines = Iterable["RenderableType"]


def show(values: Any, lines: Lines) -> None:
    """Print a result: its plain values as JSON where ``--json`` asks for it, else texts and tables."""
    if asked("json"):
        import msgspec

        click.echo(json.dumps(msgspec.to_builtins(values), indent=1, allow_nan=False))
        return
    from rich.console import Group
    from rich.measure import measure_renderables

    out = console()
    width = out.width
    for line in lines:
        is_table = isinstance(line, Group)
        if is_table:  # never narrower than its names and numbers
            out.width = max(width, measure_renderables(out, out.options.update(width=10_000), [line]).minimum)
        out.print(line, soft_wrap=not is_table)


def console() -> "Console":
    """Return a console on the standard output; 160 columns wide where that is not a terminal."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else 160, highlight=False, markup=False, emoji=False)


def text(words: str, style: str = "bold") -> "Text":
    """Return words in a style of rich."""
    from rich.text import Text

    return Text(words, style=style)


def table(title: str, *columns: str, rows: Iterable[Sequence[object]] = (), left: int = 1) -> "RenderableType":
    """Return a plain table under a title; all columns but the first ``left`` are aligned to the right.

    Names (the first column) and numbers are never broken; other texts are, between words.
    """
    from rich.console import Group
    from rich.table import Table

    made = Table(box=None, pad_edge=False)
    for i, column in enumerate(columns):
        made.add_column(column, justify="left" if i < left else "right", no_wrap=not 0 < i < left)
    for row in rows:
        made.add_row(*map(_cell, row))
    return Group(text(title), made)


def _cell(value: object) -> str:
    """Return a count with separators, a measure with one digit, nothing as a dash."""
    if isinstance(value, float):
        return f"{value:.1f}"
    return "-" if value is None else f"{value:,}" if isinstance(value, int) else str(value)


def percent(shares: Iterable[float | None]) -> list[float | None]:
    """Return shares as per cent."""
    return [None if share is None else 100 * share for share in shares]


def stage_counts(counts: Mapping[str, int]) -> str:
    """Say how many labels each stage has."""
    return "labels: " + ", ".join(f"{stage} {count}" for stage, count in counts.items())


def trained_lines(card: "Card", path: Path, seconds: float, following: str) -> Lines:
    """Say what was trained on what, what held-out subjects chose, how long it took and what comes next."""
    of_members = f"its members: {', '.join(card.members)}"
    nights = ", ".join(f"{len(keys)} {role} nights" for role, keys in card.training.items()) or of_members
    yield f"trained {card.recipe.name} for {card.group} on {nights} of {card.data['description']}"
    yield from (f"{seed}, {line}" for seed, lines in card.chosen.items() for line in lines)
    if not card.members and not card.chosen:
        yield "no held-out subjects: nothing to choose, all that was asked for is kept; validate says how it scores"
    yield f"checkpoint: {path}, after {timedelta(seconds=round(seconds))}"
    yield f"next: {following}"


def package_lines(packed: "Submission") -> Lines:
    """Say what was packed."""
    account = packed.account
    yield f"data: {account['data']}" + (" - PARTIAL" if account["partial"] else "")
    yield stage_counts(account["label_counts"])
    what = "a trial, not for upload:" if account["partial"] else "upload"
    yield f"{account['n_rows']} rows checked; {what} {packed.zip_path}"


def score_line(found: "Validation") -> str:
    """Say how a validation scored."""
    summary, cached = found.summary, ", read from the last validation" if found.cached else ""
    return (
        f"{found.recipe} on {found.group}: {summary['score']:.2f} over {summary['n_epochs']} held-out epochs "
        f"(plain argmax {summary['score_argmax']:.2f}){cached}"
    )


def validation_lines(found: "Validation") -> Lines:
    """Say how one validation scored, by stage and subject."""
    summary = found.summary
    yield f"data: {summary['data']}"
    yield score_line(found)
    yield table("recall, %", *summary["recall"], rows=[percent(summary["recall"].values())], left=0)
    yield table("score", *summary["subjects"], rows=[[*summary["subjects"].values()]], left=0)


def comparison_lines(found: Sequence["Validation"], scheme: str) -> Lines:
    """Show everything about validations of the same nights, unless ``--brief`` asks for the scores alone."""
    from ..validation.comparison import compare_all
    from ..validation.verdict import verdict

    cards = [v.card(scheme) for v in found]
    yield f"data: {found[0].data}"
    if not asked("brief"):
        yield text(verdict(cards, [v.shift for v in found]))
    yield from map(score_line, found)
    if asked("brief"):
        return
    yield from scorecard_lines(cards)
    yield from _titled("differences", [pair.describe() for pair in compare_all(cards)])
    transfers = [t.describe() if (t := v.transfer(scheme)) else f"{v.recipe}: learns nothing from the target"
                 for v in found]  # fmt: skip
    yield from _titled("with and without transfer", transfers)
    yield from _titled("seeds", [v.seeds.describe() for v in found])
    for v in found:
        if v.shift is None:
            yield "the test set is missing or incomplete: nothing is said of it"
            continue
        classes = v.shift.classes
        shares = {"target, true": classes.true, "target, predicted": classes.target, "test, predicted": classes.test}
        rows = [(name, *percent(of.values())) for name, of in shares.items()]
        rows.append(("test, epochs", *map(round, classes.counts.values())))
        yield table("share of the stages, %", "", *classes.true, rows=rows)
        yield from _titled(f"the test set, as {v.recipe} sees it", v.shift.statement)


def _titled(title: str, lines: Sequence[str]) -> Lines:
    if lines:
        yield text(title)
    yield from (f"  {line}" for line in lines)


def scorecard_lines(cards: Sequence["Scorecard"]) -> Lines:
    """Show the scoreboard, then what is behind it: stages, subjects, nights, confusion, calibration."""
    columns = ("score", "interval", "subjects (SD)", "accuracy", "macro F1", "kappa", "ECE", "epochs")
    yield table("scoreboard", "", *columns, rows=[_score_row(card) for card in cards])
    yield from (f"{card.name}: {card.interval.describe()}" for card in cards if card.interval)
    yield table("stages, %", "", "", *cards[0].stages, rows=_stage_rows(cards), left=2)
    for what in ("subjects", "nights"):
        units = list(zip(*(getattr(card, what) for card in cards), strict=True))
        if units:
            measures = [measure for card in cards for measure in (f"{card.name} score", "kappa")]
            yield table(what, "", "epochs", *measures, rows=map(_unit_row, units))
    yield from _absent_lines(cards[0])
    for card in cards:
        recall = percent(card.pooled.recall.values())
        rows = [[stage, *row, r] for stage, row, r in zip(card.stages, card.pooled.confusion, recall, strict=True)]
        yield table(f"confusion of {card.name}: rows the truth", "", *card.stages, "recall %", rows=rows)
    curves = [
        (card.name, f"{p:.2f}", f"{share:.2f}", n)
        for card in cards
        if card.calibration and (top := card.calibration.top)
        for p, share, n in zip(top.confidence, top.frequency, top.count, strict=True)
    ]
    if curves:
        yield table("reliability of the most probable stage", "", "it says", "it is right", "epochs", rows=curves)


def _score_row(card: "Scorecard") -> tuple[object, ...]:
    from statistics import mean, stdev

    scores, unit = list(card.subject_scores.values()), card.pooled
    spread = f"{mean(scores):.1f} ({stdev(scores):.1f})" if len(scores) > 1 else "-"
    interval = f"{card.interval.low:.1f} to {card.interval.high:.1f}" if card.interval else "-"
    error = f"{card.calibration.ece:.3f}" if card.calibration else "-"
    kappa = None if unit.kappa is None else f"{unit.kappa:.3f}"
    return (card.name, f"{card.score:.2f}", interval, spread, *percent([unit.accuracy, unit.macro_f1]), kappa, error,
            unit.n_epochs)  # fmt: skip


def _stage_rows(cards: Sequence["Scorecard"]) -> Iterator[tuple[object, ...]]:
    for card in cards:
        for measure in ("recall", "precision", "f1"):
            yield card.name, measure, *percent(getattr(card.pooled, measure).values())
    yield cards[0].name, "support", *cards[0].pooled.support.values()
    yield from ((card.name, "predicted", *card.pooled.predicted.values()) for card in cards)


def _unit_row(units: Sequence["Unit"]) -> list[object]:
    row: list[object] = [units[0].name + ("*" if units[0].absent else ""), units[0].n_epochs]
    for unit in units:
        row += [unit.score, None if unit.kappa is None else f"{unit.kappa:.2f}"]
    return row


def _absent_lines(card: "Scorecard") -> Lines:
    absent = [f"{unit.name} has no {', '.join(unit.absent)}" for unit in card.subjects if unit.absent]
    if card.pooled.absent:
        yield f"{', '.join(card.pooled.absent)} absent from the truth: the mean is over the other stages"
    if any(unit.absent for unit in (*card.subjects, *card.nights)):
        yield f"* lacks a stage, scored over those present{': ' if absent else ''}{'; '.join(absent)}"


def diff_lines(found: "AnswerDiff") -> Lines:
    """Show how two answers differ."""
    kappa = "" if found.kappa is None else f"; kappa {found.kappa:.3f}"
    share = found.n_different / found.n_rows
    yield f"{found.n_different:,} of {found.n_rows:,} labels differ ({share:.1%}){kappa}"
    rows = [
        (stage, *row, sum(row), sum(column), f"{sum(column) - sum(row):+,}")
        for stage, row, column in zip(STAGES, found.table, zip(*found.table, strict=True), strict=True)
    ]
    title = f"stages: rows {found.first}, columns {found.second}"
    yield table(title, "", *STAGES, "first", "second", "change", rows=rows)
    for title, units in (("subjects", found.subjects), ("nights", found.nights)):
        if units:
            shares = [(name, n, k, 100 * k / n) for name, (n, k) in units.items()]
            yield table(title, "", "labels", "differ", "%", rows=shares)


def log_lines(lines: Sequence["Logged"]) -> Lines:
    """Show the submission log."""
    columns = ("packed", "submission", "group", "recipe", "seeds", "commit", "rows", "partial", "local", "leaderboard",
               "data", "note")  # fmt: skip
    rows = [
        (line.packed, line.submission, line.group, line.recipe, line.seeds or "-",
         line.commit[:10] + line.commit[40:], line.rows, line.partial, line.local_score or "-",
         line.leaderboard_score or "-", line.data.split(" (")[0], line.note)
        for line in lines
    ]  # fmt: skip
    yield table("submissions", *columns, rows=rows, left=6)


def zoo_lines(rows: Sequence[Mapping[str, Any]], measured_on: str) -> Lines:
    """Show the zoo; ``measured_on`` are the data of the reference scores."""
    states = [state for row in rows for state in row["groups"].values()]
    data = list(dict.fromkeys(t for state in states for t in (state["validated_on"], state["trained_on"]) if t))

    def here(state: Mapping[str, Any]) -> str:
        """Return the score and whether a checkpoint is there, with the numbers of the data below the table."""
        score = "" if state["score"] is None else f"{state['score']:.1f} on [{data.index(state['validated_on']) + 1}]"
        trained = f"trained on [{data.index(state['trained_on']) + 1}]" if state["trained_on"] else ""
        return ", ".join(filter(None, [score, trained])) or "-"

    made = []
    for row in rows:
        reference = " / ".join(f"{row['reference'][g]:.1f}" for g in TARGET_GROUPS if g in row["reference"]) or "-"
        made.append((row["recipe"], reference, *(here(row["groups"][g]) for g in TARGET_GROUPS), row["description"]))
    yield table("zoo", "recipe", "reference", *TARGET_GROUPS, "what it is", rows=made, left=5)
    yield f"reference: {' / '.join(TARGET_GROUPS)}, leaving one target subject out, on {measured_on}"
    yield from (f"[{number}] {words}" for number, words in enumerate(data, 1))
    yield from (text(f"damaged: {problem}", COLOURS["warning"]) for state in states for problem in state["problems"])
