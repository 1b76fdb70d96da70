"""``beetl-task1 validate``."""

import click

from . import options


@click.command()
@options.together(
    options.data, options.group, options.recipe, options.checkpoints, options.cache, options.younger_target,
    options.unit, options.allow_partial, options.seed, options.jobs, options.as_json,
)  # fmt: skip
def validate(data, group, recipe, checkpoints, cache, younger_target, unit, allow_partial, seed, jobs, as_json):
    """Cross-validate a recipe: leave one target subject out, score the pooled epochs as the leaderboard does.

    \b
    Example:
      beetl-task1 validate --data DATA --group 80-95
    """
    from ..data.files import DataFolder
    from ..models.base import Resources
    from ..recipes.recipe import load_recipe
    from ..validation import crossval
    from .progress import progress_bar
    from .show import show_validation

    wanted = load_recipe(recipe).varied(seed=seed, younger_target=younger_target)
    folder = DataFolder(data, unit=unit, allow_partial=allow_partial)
    with progress_bar(f"validate {wanted.name}") as progress:
        result = crossval.validate(wanted, group, folder, checkpoints, Resources(cache, jobs, progress))
    show_validation(result, as_json)
