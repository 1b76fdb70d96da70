"""``beetl-task1 sweep``."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from . import options
from .progress import progress_bar
from .show import show, table

if TYPE_CHECKING:
    from rich.console import RenderableType

    from ..submission.sweep import Swept


@options.command()
@click.argument("file", type=options.PATH)
@options.workers
@options.device
@options.resume
@options.json_output
def sweep(file: Path, jobs: int, device: str, resume: bool) -> None:
    """Validate, or submit, each recipe, seed and group that a TOML file names; one table grows row by row.

    Run again, it keeps the rows that are there for the same recipes and data, and tries again those that failed. Exit
    code 1 if a row failed; the column failed says why.

    \b
    Example:
      beetl-task1 sweep mine.toml
      beetl-task1 sweep mine.toml --jobs 1 --backend dask --scheduler tcp://node1:8786
    """
    from ..models.base import Resources
    from ..submission.sweep import load_sweep
    from ..submission.sweep import sweep as run

    wanted = load_sweep(file)
    with progress_bar(f"sweep {file.name}") as bar:
        swept = run(wanted, Resources(Path(wanted.cache), jobs, device=device, resume=resume), bar)
    values = {"table": str(swept.table), "rows": swept.rows, "kept": swept.kept, "failures": len(swept.failures)}
    show(values, _lines(swept))
    sys.exit(1 if swept.failures else 0)


def _lines(swept: "Swept") -> Iterator["RenderableType"]:
    from ..submission.sweep_table import CELL, SCORES

    yield table("100 x balanced accuracy", *CELL, *SCORES, left=3,
                rows=[[row[name] or "-" for name in (*CELL, *SCORES)] for row in swept.rows])  # fmt: skip
    for row in swept.failures:
        yield f"failed: {' '.join(row[name] for name in CELL)}: {row['failed']}"
    kept = f", {swept.kept} of them from before" if swept.kept else ""
    yield f"{len(swept.rows) - len(swept.failures)} of {len(swept.rows)} done{kept}: {swept.table}"
