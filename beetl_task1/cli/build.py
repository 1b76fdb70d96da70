"""``beetl-task1 build``."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..task import SOURCE_GROUP, STAGES, TARGET_GROUPS
from . import options
from .progress import progress_bar
from .show import show, table

if TYPE_CHECKING:
    from ..sleep_edf.rebuild import Rebuilt

_SHOWN_LEFT_OUT = 10


@options.command()
@click.option("--sleep-edf", "sleep_edf", type=click.Path(path_type=Path), required=True,
              help="Folder of Sleep-EDF Expanded's EDF files, at any depth.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path), required=True,
              help="Folder to make; an earlier build in it is replaced.")  # fmt: skip
@click.option("--group", "groups", multiple=True, type=click.Choice([SOURCE_GROUP, *TARGET_GROUPS]),
              help="Age group to build; may be repeated.  [default: all three]")  # fmt: skip
@click.option("--fetch", is_flag=True, help="First fetch what is missing from PhysioNet (8 GB for all groups).")
@click.option("--single-nights", is_flag=True, help="Also take the subjects of whom the study has one night only.")
@click.option("--telemetry", is_flag=True, help="Also take the placebo nights of the sleep-telemetry study.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Shuffles the epochs of a night.")
@options.jobs
@options.json_output
def build(
    sleep_edf: Path, out: Path, groups: tuple[str, ...], fetch: bool, single_nights: bool, telemetry: bool,
    seed: int, jobs: int,
) -> None:  # fmt: skip
    """Build the competition's folders from PhysioNet's Sleep-EDF Expanded: real data that anybody can have.

    A local leaderboard with truth files, not the competition's own split: some subjects and epochs differ, and the
    counts are printed beside the competition's. Sleep-EDF is licensed ODC-By 1.0.

    \b
    Example:
      beetl-task1 build --sleep-edf physionet --fetch --out open
      beetl-task1 submit --data open --group 65-79
    """
    from .. import sleep_edf as library

    groups = groups or (SOURCE_GROUP, *TARGET_GROUPS)
    if fetch:
        with progress_bar("fetch (subjects)") as progress:
            library.fetch(sleep_edf, groups, progress=progress, telemetry=telemetry)
    with progress_bar("build (nights)") as progress:
        built = library.rebuild(sleep_edf, out, groups, seed=seed, jobs=jobs, progress=progress,
                                single_nights=single_nights, telemetry=telemetry)  # fmt: skip
    counts = library.counts_beside_competition(built)
    for line in built.warnings:
        click.echo(f"  warning: {line}", err=True)
    values = {"out": str(built.out), "counts": counts, "left_out": built.assignment.left_out,
              "warnings": built.warnings}  # fmt: skip
    show(values, _lines(built, counts))


def _lines(built: "Rebuilt", counts: list[dict[str, Any]]) -> Iterator[Any]:
    names, left_out = ("nights", "subjects", "(BEETL)", "epochs", "(BEETL)"), built.assignment.left_out
    keys = ("recordings", "subjects", "competition_subjects", "epochs", "competition_epochs")
    rows = [
        (row["group"], row["role"], *(f"{row[key]:,}" for key in keys), *(f"{n:,}" for n in row["stages"]))
        for row in counts
    ]
    yield table("parts", "group", "role", *names, *STAGES, rows=rows, left=2)
    yield from (f"left out: {line}" for line in left_out[:_SHOWN_LEFT_OUT])
    if len(left_out) > _SHOWN_LEFT_OUT:
        yield f"left out: {len(left_out) - _SHOWN_LEFT_OUT} more, see provenance.json"
    yield "a local leaderboard on open recordings, not the competition's split; (BEETL) is what that had"
    yield f"wrote {built.out}"
