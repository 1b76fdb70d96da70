"""Prints results: for people as text and tables, for programs as JSON."""

import json
from collections.abc import Sequence
from pathlib import Path

import click

from ..task import STAGES, TARGET_GROUPS


def show_json(value: object) -> None:
    """Print a value as JSON."""
    click.echo(json.dumps(value, indent=1, allow_nan=False))


def show_training(path: Path, card, as_json: bool) -> None:
    """Print what was trained."""
    nights = {role: len(keys) for role, keys in card.training.items()}
    if as_json:
        show_json({"checkpoint": str(path), "data": card.data["description"], "nights": nights})
        return
    trained_on = ", ".join(f"{count} {role} nights" for role, count in nights.items()) or "its members"
    click.echo(f"trained {card.recipe.name} for {card.group} on {trained_on} of {card.data['description']}")
    click.echo(f"checkpoint: {path}")


def show_validation(result, as_json: bool) -> None:
    """Print the leaderboard's score over the held-out target subjects, and each subject's."""
    summary = result.summary
    if as_json:
        show_json(summary | {"cached": result.cached})
        return
    click.echo(f"data: {summary['data']}")
    click.echo(
        f"{summary['recipe']} on {summary['group']}: {summary['score']:.2f} over {summary['n_epochs']} held-out epochs "
        f"(plain argmax {summary['score_argmax']:.2f})" + (", read from the last validation" if result.cached else "")
    )
    table = _table("", *summary["recall"])
    table.add_row("recall", *(_percent(r) for r in summary["recall"].values()))
    _print(table)
    table = _table("held-out subject", *summary["subjects"])
    table.add_row("score", *(f"{score:.1f}" for score in summary["subjects"].values()))
    _print(table)


def show_prediction(path: Path, as_json: bool) -> None:
    """Print where a prediction stands and what it counts."""
    from ..submission.answer import ANSWER, read_answer
    from ..submission.predict import PROBABILITIES

    counts = _counts(read_answer(path / ANSWER))
    if as_json:
        show_json({"answer": str(path / ANSWER), "probabilities": str(path / PROBABILITIES), "label_counts": counts})
        return
    click.echo(f"wrote {path / PROBABILITIES} and {path / ANSWER}")
    click.echo("labels: " + ", ".join(f"{stage} {count}" for stage, count in counts.items()))


def show_package(result, as_json: bool) -> None:
    """Print what was packed."""
    if as_json:
        show_json({"zip": str(result.zip_path)} | result.account)
        return
    account = result.account
    click.echo(f"data: {account['data']}" + (" - PARTIAL, not for upload" if account["partial"] else ""))
    click.echo("labels: " + ", ".join(f"{stage} {count}" for stage, count in account["label_counts"].items()))
    click.echo(f"{account['n_rows']} rows checked; upload {result.zip_path}")


def show_submission(result, as_json: bool) -> None:
    """Print the validation and the package."""
    if as_json:
        show_json({
            "trained": result.trained,
            "validation": result.validation.summary,
            "zip": str(result.submission.zip_path),
            "submission": result.submission.account,
            "report": str(result.report),
        })  # fmt: skip
        return
    click.echo("trained now" if result.trained else "the checkpoint of this very recipe and data was there")
    show_validation(result.validation, False)
    show_package(result.submission, False)
    click.echo(f"report: {result.report}")


def show_simulation(out: Path, marker: dict, as_json: bool) -> None:
    """Print what was simulated."""
    if as_json:
        show_json({"data": str(out)} | marker)
        return
    click.echo(f"simulated a {marker['size']} competition with seed {marker['seed']} in {out}")


def show_zoo(rows: Sequence[dict], measured_on: str, as_json: bool) -> None:
    """Print the zoo; ``measured_on`` are the data of the reference scores."""
    if as_json:
        show_json(rows)
        return
    data = list(dict.fromkeys(text for row in rows for state in row["groups"].values() for text in _data_of(state)))
    table = _table("recipe", "reference", *TARGET_GROUPS, "what it is")
    for row in rows:
        reference = " / ".join(f"{row['reference'][g]:.1f}" for g in TARGET_GROUPS if g in row["reference"]) or "-"
        here = (_state(row["groups"][g], data) for g in TARGET_GROUPS)
        table.add_row(row["recipe"], reference, *here, row["description"])
    _print(table)
    click.echo(f"reference: {' / '.join(TARGET_GROUPS)}, leaving one target subject out, on {measured_on}")
    for number, text in enumerate(data, 1):
        click.echo(f"[{number}] {text}")


def _data_of(state: dict) -> list[str]:
    return [text for text in (state["validated_on"], state["trained_on"]) if text]


def _state(state: dict, data: Sequence[str]) -> str:
    """Return the score and whether a checkpoint is there, with the numbers of the data in the list below the table."""
    score = "" if state["score"] is None else f"{state['score']:.1f} on [{data.index(state['validated_on']) + 1}]"
    trained = "" if state["trained_on"] is None else f"trained on [{data.index(state['trained_on']) + 1}]"
    return ", ".join(filter(None, [score, trained])) or "-"


def _counts(labels) -> dict[str, int]:
    return {stage: int((labels == k).sum()) for k, stage in enumerate(STAGES)}


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}"


def _table(*columns: str):
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column)
    return table


def _print(table) -> None:
    import sys

    from rich.console import Console

    Console(width=None if sys.stdout.isatty() else 140, highlight=False).print(table)
