"""``beetl-task1 writeup``."""

from pathlib import Path

import click

from . import options


@click.command()
@click.argument("submission_dir", type=click.Path(path_type=Path))
@options.checkpoints
@click.option("--out", type=click.Path(path_type=Path), help="Where to write.  [default: writeup.md in SUBMISSION_DIR]")
def writeup(submission_dir, checkpoints, out):
    """Write the two-page method document of a submission as Markdown, filled from its cards and its validation.

    \b
    Example:
      beetl-task1 writeup submissions/default-80-95
    """
    from ..submission.writeup import writeup as run

    click.echo(f"wrote {run(submission_dir, checkpoints, out)}")
