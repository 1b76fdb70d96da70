"""Progress bars, shown only where the error stream is a terminal."""

import contextlib
import sys
from collections.abc import Iterator

from ..progress import Progress


@contextlib.contextmanager
def progress_bar(title: str) -> Iterator[Progress | None]:
    """Yield a callable ``(done, total, text)`` that draws a bar, or ``None`` when nobody would see it."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich import progress
    from rich.console import Console

    columns = ("{task.description}", progress.BarColumn(), progress.MofNCompleteColumn(),
               progress.TimeElapsedColumn(), progress.TimeRemainingColumn(), "{task.fields[text]}")  # fmt: skip
    with progress.Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task(title, total=None, text="")
        yield lambda done, total, text: bars.update(task, completed=done, total=total, text=text)
