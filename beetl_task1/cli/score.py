"""``beetl-task1 score``."""

from pathlib import Path

import click

from . import options

_PATH = click.Path(path_type=Path)


@click.command()
@click.argument("answer", type=_PATH)
@click.option("--truth", type=_PATH, required=True, help="True labels in the same order, one stage 0 to 5 per line.")
@click.option("--scheme", type=click.Choice(["rk", "aasm"]), default="rk", show_default=True,
              help="Six stages, or five with S3 and S4 as N3.")  # fmt: skip
@options.brief
@options.as_json
def score(answer, truth, scheme, brief, as_json):
    """Score an answer.txt or answer.zip against true labels, as the leaderboard does.

    With submission.json beside the answer, also per subject and night; with probabilities.npz, also their calibration.

    \b
    Example:
      beetl-task1 score submissions/default-65-79/answer.zip --truth truth/65-79.txt
    """
    from ..submission.scored import score_answer

    card = score_answer(answer, truth, scheme)
    if as_json:
        import json

        values = {"score": card.score, "recall": card.pooled.recall, "scorecard": card.to_dict()}
        click.echo(json.dumps(values, indent=1))
        return
    from . import tables

    out = tables.console()
    if card.data:
        out.print(f"data: {card.data}", soft_wrap=True)
    out.print(f"score: {card.score:.2f}")
    if not brief:
        tables.show_scorecards(out, [card])
