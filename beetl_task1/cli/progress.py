"""Progress bars, shown only where the error stream is a terminal."""

import contextlib
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from ..progress import Progress

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as Bars


@contextlib.contextmanager
def progress_bar(title: str) -> Iterator[Progress | None]:
    """Yield a callable ``(done, total, text)`` that draws a bar, or ``None`` when nobody would see it."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console

    with bars(Console(stderr=True)) as drawn:
        task = drawn.add_task(title, total=None, text="")
        yield lambda done, total, text: drawn.update(task, completed=done, total=total, text=text)


def bars(console: "Console") -> "Bars":
    """Return a bar with the time that has passed and the time that is left, and a line below it for what goes on.

    Both fit into 80 columns. The time left rests on ten minutes, since a step may take one.
    """
    from rich import progress
    from rich.console import RenderableType
    from rich.text import Text

    class TwoLines(progress.Progress):
        def get_renderables(self) -> Iterable[RenderableType]:
            yield self.make_tasks_table(self.tasks)
            for task in self.tasks:
                yield Text(f"  {task.fields['text']}", style="dim", no_wrap=True, overflow="ellipsis")

    columns = ("{task.description}", progress.BarColumn(bar_width=16), progress.TaskProgressColumn(),
               progress.TimeElapsedColumn(), "left", progress.TimeRemainingColumn())  # fmt: skip
    return TwoLines(*columns, console=console, transient=True, speed_estimate_period=600)
