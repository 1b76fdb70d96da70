"""``beetl-task1 score``."""

from pathlib import Path

import click

from . import options

_PATH = click.Path(path_type=Path)


@click.command()
@click.argument("answer", type=_PATH)
@click.option("--truth", type=_PATH, required=True, help="True labels in the same order, one stage 0 to 5 per line.")
@options.as_json
def score(answer, truth, as_json):
    """Score an answer.txt or answer.zip against true labels, as the leaderboard does.

    \b
    Example:
      beetl-task1 score submissions/default-65-79/answer.zip --truth truth/65-79.txt
    """
    from ..scoring import leaderboard_score, stage_recall
    from ..submission.answer import read_answer
    from .show import show_score

    labels, true = read_answer(answer), read_answer(truth)
    show_score(leaderboard_score(true, labels), stage_recall(true, labels), as_json)
