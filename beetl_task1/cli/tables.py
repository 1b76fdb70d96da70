"""Rich tables of audits, scorecards and comparisons."""

import sys
from collections.abc import Iterable, Sequence

COLOURS = {"error": "bold red", "warning": "yellow", "info": "dim"}


def console():
    """Return a console on the standard output; 160 columns wide where that is not a terminal."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else 160, highlight=False)


def table(title: str, *columns: str, rows: Iterable[Sequence[str]] = (), left: int = 1):
    """Return a plain table; all columns but the first ``left`` are aligned to the right."""
    from rich.table import Table

    made = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for i, column in enumerate(columns):
        made.add_column(column, justify="left" if i < left else "right", overflow="fold")
    for row in rows:
        made.add_row(*row)
    return made
