"""``beetl-task1 statistics``."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import BeetlError
from . import options
from .show import show, table

if TYPE_CHECKING:
    from pandas import DataFrame

    from ..staging.scorers import Scorers
    from ..staging.statistics import Scored

_SIDE_BY_SIDE = 5


@options.command()
@click.argument("hypnograms", nargs=-1, required=True)
@click.option("--lights-off", help="Clock time (23:15), if the file says when it began, or seconds from its "
              "beginning.  [default: the first scored epoch]")  # fmt: skip
@click.option("--lights-on", help="Likewise.  [default: the last scored epoch]")
@options.stage_names
@click.option("--compare", is_flag=True, help="Each of HYPNOGRAMS is a scorer: a file of the same night, or a folder "
              "or pattern of files with the same names.")  # fmt: skip
@options.out_folder("--out", help="Write tables (CSV), and of --compare a figure and the consensus, into a new folder.")
@options.json_output
def statistics(
    hypnograms: tuple[str, ...], lights_off: str | None, lights_on: str | None, stage_names: str | None,
    compare: bool, out: Path | None,
) -> None:  # fmt: skip
    """Print the sleep statistics of scorers' hypnograms alone: EDF+ annotations, tables, lists.

    Times are in minutes; cycles, transitions and awakenings are counts; the fragmentation index is per hour of sleep.
    HYPNOGRAMS are files, folders or patterns. With --compare several scorers: how they agree by pair and stage, with
    the consensus of the others, and the bias and limits of agreement of their statistics (Bland and Altman).

    \b
    Example:
      beetl-task1 statistics night-hypnogram.edf
      beetl-task1 statistics scored.csv --stage-names yasa --json
      beetl-task1 statistics --compare scorer-a/ scorer-b/ "staged/*-hypnogram.edf" --out agreement
    """
    from ..hypnograms.names import read_stage_names
    from ..writing import is_free

    names = read_stage_names(stage_names) if stage_names else None
    if out is not None and not is_free(out):
        raise BeetlError(f"{out}: expected a new or empty folder, got one that holds files; choose another --out")
    if compare:
        from ..staging.scorers import read_scorers

        if lights_off or lights_on:
            raise BeetlError("--compare takes the epochs that all scored: leave --lights-off and --lights-on out")
        found = read_scorers(hypnograms, names)
        _warn(found.notes)
        if out is not None:
            found.write(out)
        show(_compared(found), _comparison(found, out))
        return
    nights, failures = _read(hypnograms, lights_off=lights_off, lights_on=lights_on, names=names)
    for path, night in nights.items():
        _warn(f"{path}: {note}" for note in night.notes)
    out = None if failures else out  # or the next try would find a folder with something in it
    if out is not None:
        from ..staging.scorers import write_table

        write_table(_frame(nights).rename_axis("hypnogram"), out / "statistics.csv")
    values = {path: {"scheme": night.scheme.name, "statistics": night.statistics, "warnings": list(night.notes)}
              for path, night in nights.items()}  # fmt: skip
    show({"hypnograms": values, "failures": [str(error) for error in failures]}, _lines(nights, out))
    if failures:
        for error in failures[:-1]:
            click.echo(f"  failed: {error}", err=True)
        raise failures[-1]


def _read(given: tuple[str, ...], **how: Any) -> tuple[dict[str, "Scored"], list[BeetlError]]:
    """Return the nights that can be read, and why others cannot."""
    from ..hypnograms.formats import is_hypnogram, is_staged_table
    from ..staging.cohort import expanded
    from ..staging.statistics import statistics_of

    nights, failures = {}, []
    for path in [path for one in given for path in expanded(one, is_hypnogram, is_staged_table) or [Path(one)]]:
        try:
            nights[str(path)] = statistics_of(path, **how)
        except BeetlError as error:
            failures.append(error)
    return nights, failures


def _warn(notes: Any) -> None:
    for note in notes:
        click.echo(f"  warning: {note}", err=True)


def _frame(nights: dict[str, "Scored"]) -> "DataFrame":
    import pandas as pd

    return pd.DataFrame.from_dict({path: night.statistics for path, night in nights.items()}, orient="index")


def _lines(nights: dict[str, "Scored"], out: Path | None) -> Iterator[Any]:
    frame = _frame(nights).astype(float)
    if len(nights) <= _SIDE_BY_SIDE:
        rows = [(measure, *map(_shown, values)) for measure, *values in frame.T.itertuples(name=None)]
        yield table("statistics", "", *(Path(path).name for path in nights), rows=rows)
    else:
        found = frame.agg(["count", "mean", "std", "median"]).T.itertuples(name=None)
        rows = [(measure, int(n), *(None if x != x else x for x in values)) for measure, n, *values in found]
        yield table(f"statistics of {len(nights)} nights", "", "nights", "mean", "SD", "median", rows=rows)
    if out is not None:
        yield f"wrote {out}: statistics.csv, a row for each night"


def _shown(value: float) -> str:
    return "-" if value != value else f"{value:.1f}".removesuffix(".0")


def _plain(frame: Any) -> list[dict[str, Any]]:
    """Return a table as JSON has it: a row for each, with nothing for NaN."""
    return [{str(key): None if value != value else value for key, value in row.items()}
            for row in frame.reset_index().to_dict("records")]  # fmt: skip


def _compared(found: "Scorers") -> dict[str, Any]:
    return {"scheme": found.scheme.name, "scorers": found.names, "nights": list(found.nights),
            **{name.replace("-", "_"): _plain(frame) for name, frame in found.tables().items()},
            "warnings": list(found.notes)}  # fmt: skip


def _comparison(found: "Scorers", out: Path | None) -> Iterator[Any]:
    rows = [(pair, int(row["nights"]), int(row["epochs"]), _two(100 * row["accuracy"], 1),
             *(_two(row[name]) for name in row.index if name.startswith("kappa")))
            for pair, row in found.agreement().iterrows()]  # fmt: skip
    stages = [f"kappa {name}" for name in found.scheme.short]
    yield table("agreement", "", "nights", "epochs", "accuracy, %", "kappa", *stages, rows=rows)
    limits = found.bland_altman()
    rows = [(f"{pair}: {measure}", int(row["nights"]), *(_two(row[name], 1) for name in row.index if name != "nights"))
            for (pair, measure), row in limits.iterrows() if measure in found.drawn]  # fmt: skip
    if limits["nights"].max() >= 3:
        yield table("differences of the statistics (second less first) and their limits of agreement", "", "nights",
                    "mean", "bias", "from", "to", "SD", "lower", "upper", rows=rows)  # fmt: skip
    else:
        yield "limits of agreement need three nights or more: name folders or patterns"
    if out is not None:
        yield f"wrote {out}: agreement.csv, statistics.csv, bland-altman.csv and .png, and consensus-<night>.csv"


def _two(value: float, digits: int = 2) -> str:
    return "-" if value != value else f"{value:.{digits}f}"
