"""``beetl-task1 log``."""

from pathlib import Path

import click

from ..errors import BeetlError
from . import options


@click.command()
@click.argument("submission_dir", required=False, type=click.Path(path_type=Path))
@options.submissions
@click.option("--score", type=float, help="Enter what the leaderboard showed for SUBMISSION_DIR.")
@click.option("--note", default="", help="Enter a remark on SUBMISSION_DIR.")
@options.as_json
def log(submission_dir, submissions, score, note, as_json):
    """Show what was packed when, with which recipe and commit, its local score and the leaderboard's.

    \b
    Example:
      beetl-task1 log
      beetl-task1 log submissions/default-80-95 --score 66.78
    """
    from ..submission.log import enter_score, read_log

    entering = score is not None or bool(note)
    if entering != (submission_dir is not None):
        raise BeetlError(
            "to enter a score, name the submission: beetl-task1 log submissions/default-80-95 --score 66.78"
        )
    if entering:
        enter_score(submissions, submission_dir, score, note)
    lines = read_log(submissions)
    if as_json:
        import json

        click.echo(json.dumps([line.to_dict() for line in lines], indent=1))
        return
    if not lines:
        click.echo(f"nothing packed yet in {submissions}")
        return
    from . import tables

    rows = [
        (line.packed, line.submission, line.recipe, line.commit[:10] + line.commit[40:], line.rows,
         line.partial, line.local_score or "-", line.leaderboard_score or "-", line.data.split(" (")[0], line.note)
        for line in lines
    ]  # fmt: skip
    columns = ("packed", "submission", "recipe", "commit", "rows", "partial", "local", "leaderboard", "data", "note")
    tables.console().print(tables.table("submissions", *columns, rows=rows, left=4))
