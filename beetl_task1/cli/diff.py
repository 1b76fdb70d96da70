"""``beetl-task1 diff``."""

from pathlib import Path

import click

from ..task import STAGES
from . import options

_PATH = click.Path(path_type=Path)


@click.command()
@click.argument("first", type=_PATH)
@click.argument("second", type=_PATH)
@options.as_json
def diff(first, second, as_json):
    """Show how two answers differ, per stage and subject: submission folders, answer.txt or answer.zip files.

    \b
    Example:
      beetl-task1 diff submissions/default-80-95 submissions/blend-80-95
    """
    from ..submission.diff import diff as run

    found = run(first, second)
    if as_json:
        import json

        click.echo(json.dumps(found.to_dict(), indent=1))
        return
    from . import tables

    out = tables.console()
    share = found.n_different / found.n_rows
    kappa = "" if found.kappa is None else f"; kappa {found.kappa:.3f}"
    out.print(f"{found.n_different:,} of {found.n_rows:,} labels differ ({share:.1%}){kappa}")
    out.print(_stages(found, tables))
    for title, units in (("subjects", found.subjects), ("nights", found.nights)):
        if units:
            rows = [(name, f"{n:,}", f"{k:,}", f"{100 * k / n:.1f}") for name, (n, k) in units.items()]
            out.print(tables.table(title, "", "labels", "differ", "%", rows=rows))


def _stages(found, tables):
    rows = []
    for k, stage in enumerate(STAGES):
        row, total = found.table[k], sum(line[k] for line in found.table)
        rows.append((stage, *(f"{n:,}" for n in row), f"{sum(row):,}", f"{total:,}", f"{total - sum(row):+,}"))
    title = f"stages: rows {found.first}, columns {found.second}"
    return tables.table(title, "", *STAGES, "first", "second", "change", rows=rows)
