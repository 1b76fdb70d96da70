"""``beetl-task1 submit``."""

import click

from . import options


@click.command()
@options.together(
    options.data, options.group, options.recipe, options.checkpoints, options.submissions, options.cache,
    options.younger_target, options.unit, options.allow_partial, options.seed, options.jobs, options.device,
    options.resume, options.log, options.as_json,
)  # fmt: skip
def submit(
    data,
    group,
    recipe,
    checkpoints,
    submissions,
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
    """Train what is missing, validate (cached), predict and package.

    \b
    Example:
      beetl-task1 submit --data DATA --group 65-79
    """
    from ..data.files import DataFolder
    from ..models.base import Resources
    from ..models.logs import training_log
    from ..recipes.experiment import Experiment
    from ..recipes.recipe import load_recipe
    from ..submission.submit import submit as run
    from .progress import progress_bar
    from .show import show_submission

    wanted = load_recipe(recipe).varied(seed=seed, younger_target=younger_target)
    folder = DataFolder(data, unit=unit, allow_partial=allow_partial)
    bar, follow = progress_bar(f"submit {wanted.name}"), training_log(log, checkpoints, f"{wanted.name}-{group}")
    with bar as progress, follow as write:
        resources = Resources(cache, jobs, progress, device, resume, write)
        result = run(Experiment(wanted, group, folder), checkpoints, submissions, resources)
    show_submission(result, as_json)
