"""``beetl-task1 statistics``."""

from pathlib import Path

import click

from . import options
from .show import show, table


@options.command()
@click.argument("hypnograms", nargs=-1, required=True, type=options.PATH)
@click.option("--lights-off", help="Clock time (23:15), if the file says when it began, or seconds from its "
              "beginning.  [default: the first scored epoch]")  # fmt: skip
@click.option("--lights-on", help="Likewise.  [default: the last scored epoch]")
@options.stage_names
@options.json_output
def statistics(
    hypnograms: tuple[Path, ...], lights_off: str | None, lights_on: str | None, stage_names: str | None
) -> None:
    """Print the sleep statistics of scorers' hypnograms alone: EDF+ annotations, tables, lists.

    Times are in minutes; cycles, transitions and awakenings are counts; the fragmentation index is per hour of sleep.

    \b
    Example:
      beetl-task1 statistics night-hypnogram.edf
      beetl-task1 statistics scored.csv --stage-names yasa --json
    """
    from ..hypnograms.names import read_stage_names
    from ..staging.statistics import statistics_of

    names = read_stage_names(stage_names) if stage_names else None
    nights = {
        str(path): statistics_of(path, lights_off=lights_off, lights_on=lights_on, names=names) for path in hypnograms
    }
    for path, night in nights.items():
        for note in night.notes:
            click.echo(f"  warning: {path}: {note}", err=True)
    measures = list(dict.fromkeys(measure for night in nights.values() for measure in night.statistics))
    rows = [(measure, *(_shown(night.statistics.get(measure)) for night in nights.values())) for measure in measures]
    values = {path: {"scheme": night.scheme.name, "statistics": night.statistics, "warnings": list(night.notes)}
              for path, night in nights.items()}  # fmt: skip
    show({"hypnograms": values}, [table("statistics", "", *(Path(path).name for path in nights), rows=rows)])


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}".removesuffix(".0")
