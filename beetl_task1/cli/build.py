"""``beetl-task1 build``."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

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
@click.option("--split", type=click.Choice(["beetl", "ages", "everybody"]), default="beetl", show_default=True,
              help="The competition's own people and cropping; or whoever is of an age and has two nights; or also "
              "people of one night, and placebo nights of the telemetry study.")  # fmt: skip
@click.option("--match", "downloaded", type=click.Path(path_type=Path), metavar="DATA",
              help="Build nothing; find the record of each night of the competition's downloaded folders.")  # fmt: skip
@click.option("--fetch", is_flag=True, help="First fetch what is missing from PhysioNet (8 GB for all groups).")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Shuffles the epochs of a night.")
@options.workers
@options.json_output
def build(
    sleep_edf: Path, out: Path, downloaded: Path | None, fetch: bool, jobs: int, **wanted: Any,
) -> None:  # fmt: skip
    """Build the competition's folders from PhysioNet's Sleep-EDF Expanded: real data that anybody can have.

    The same people, cropped as the competition did, with the truth of both test sets: a benchmark on a competition that
    is over. Counts are printed beside the competition's. Sleep-EDF is licensed ODC-By 1.0.

    \b
    Example:
      beetl-task1 build --sleep-edf physionet --fetch --out open
      beetl-task1 submit --data open --group 65-79
    """
    from .. import sleep_edf as library

    if downloaded is not None:
        _refuse_unused(*(() if fetch else ("groups", "split")), "seed")
    wanted["groups"] = wanted["groups"] or (SOURCE_GROUP, *TARGET_GROUPS)
    if fetch:
        with progress_bar("fetch (subjects)") as progress:
            library.fetch(sleep_edf, wanted["groups"], progress=progress, split=wanted["split"])
    if downloaded is not None:
        return _match(sleep_edf, downloaded, out, jobs)
    with progress_bar("build (nights)") as progress:
        built = library.rebuild(sleep_edf, out, jobs=jobs, progress=progress, **wanted)
    counts = library.counts_beside_competition(built)
    for line in built.warnings:
        click.echo(f"  warning: {line}", err=True)
    values = {"out": str(built.out), "counts": counts, "left_out": built.assignment.left_out,
              "warnings": built.warnings}  # fmt: skip
    show(values, _lines(built, counts))


def _refuse_unused(*names: str) -> None:
    """Refuse options that were given and that ``--match`` has no use for."""
    ctx = click.get_current_context()
    asked = [name for name in names if ctx.get_parameter_source(name) is not ParameterSource.DEFAULT]
    given = [param.opts[0] for param in ctx.command.params if param.name in asked]
    if given:
        raise click.UsageError(f"--match takes each night as it was downloaded, got {', '.join(given)}; leave it out")


def _lines(built: "Rebuilt", counts: list[dict[str, Any]]) -> Iterator[Any]:
    from ..sleep_edf.rebuild import NOTES

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
    yield f"{NOTES[built.split]}; (BEETL) is what the competition had"
    yield f"wrote {built.out}"


def _match(sleep_edf: Path, downloaded: Path, out: Path, jobs: int) -> None:
    """Pair the competition's nights with records, and say what was found."""
    from ..data.files import DataFolder
    from ..sleep_edf import match, truths

    with progress_bar("match (records)") as progress:
        pairs = match(sleep_edf, DataFolder(downloaded, allow_partial=True), out, jobs=jobs, progress=progress)
    unsure = [pair for pair in pairs if not pair.is_sure]
    scored = {group: len(labels) for group, labels in truths(pairs)}
    values = {
        "out": str(out),
        "pairs": {str(pair.night.key): pair.record for pair in pairs if pair.is_sure},
        "without_pair": [str(pair.night.key) for pair in unsure],
        "labels_that_differ": sum(pair.labels_that_differ or 0 for pair in pairs if pair.is_sure),
        "truth": scored,
    }
    lines = [f"{len(pairs) - len(unsure)} of {len(pairs)} nights have their record: {out / 'pairs.csv'}"]
    lines += [
        f"without a record: {pair.night.key}, at most {pair.found} of {len(pair.onsets)} epochs are in one"
        + (f" ({pair.record})" if pair.record else "")
        for pair in unsure
    ]
    lines += [f"{values['labels_that_differ']} labels of training nights differ from the records' scoring"]
    lines += [f"truth of {group}, {n:,} epochs: {out / 'truth' / group}.txt" for group, n in scored.items()]
    show(values, lines)
