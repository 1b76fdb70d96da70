"""``beetl-task1 models``."""

import click

from . import options


@click.command()
@options.checkpoints
@options.as_json
def models(checkpoints, as_json):
    """List the zoo: each recipe, what it is, its trained checkpoints and its last validation score.

    \b
    Example:
      beetl-task1 models
    """
    from ..validation.zoo import zoo
    from .show import show_zoo

    show_zoo(zoo(checkpoints), as_json)
