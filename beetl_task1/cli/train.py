"""``beetl-task1 train``."""

import click

from . import options


@click.command()
@options.together(
    options.data, options.group, options.recipe, options.checkpoints, options.cache, options.younger_target,
    options.unit, options.allow_partial, options.seed, options.jobs, options.device,
    options.resume, options.log, options.as_json,
)  # fmt: skip
def train(
    data,
    group,
    recipe,
    checkpoints,
    cache,
    younger_target,
    unit,
    allow_partial,
    seed,
    jobs,
    device,
    resume,
    log,
    as_json,
):
    """Train a recipe for a target group: source and labelled target in, checkpoint out.

    \b
    Example:
      beetl-task1 train --data DATA --group 65-79 --recipe features-boost
    """
    from ..data.files import DataFolder
    from ..models.base import Resources
    from ..models.logs import training_log
    from ..recipes import training
    from ..recipes.checkpoint import load_card
    from ..recipes.experiment import Experiment
    from ..recipes.recipe import load_recipe
    from .progress import progress_bar
    from .show import show_training

    wanted = load_recipe(recipe).varied(seed=seed, younger_target=younger_target)
    folder = DataFolder(data, unit=unit, allow_partial=allow_partial)
    bar, follow = progress_bar(f"train {wanted.name}"), training_log(log, checkpoints, f"{wanted.name}-{group}")
    with bar as progress, follow as write:
        resources = Resources(cache, jobs, progress, device, resume, write)
        path = training.train(Experiment(wanted, group, folder), checkpoints, resources)
    show_training(path, load_card(path), as_json)
