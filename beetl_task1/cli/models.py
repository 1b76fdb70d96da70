"""``beetl-task1 models``."""

import click

from . import options


@click.command()
@options.checkpoints
@options.as_json
def models(checkpoints, as_json):
    """List the zoo: each recipe, what it is, its reference score, its checkpoints and its last validation score.

    \b
    Example:
      beetl-task1 models
    """
    from ..validation.zoo import reference_scores, zoo
    from .show import show_zoo

    show_zoo(zoo(checkpoints), reference_scores()["data"], as_json)
