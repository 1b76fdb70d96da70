"""``beetl-task1 predict``."""

import click

from . import options


@click.command()
@options.together(
    options.data, options.group, options.recipe, options.checkpoints, options.submissions, options.cache,
    options.unit, options.allow_partial, options.allow_simulated, options.seed, options.jobs, options.device,
    options.as_json,
)  # fmt: skip
def predict(
    data,
    group,
    recipe,
    checkpoints,
    submissions,
    cache,
    unit,
    allow_partial,
    allow_simulated,
    seed,
    jobs,
    device,
    as_json,
):
    """Predict the test set of a group with a trained recipe: probabilities.npz and answer.txt.

    The seed is that of the checkpoint; --seed refuses a checkpoint that was trained with another one.

    \b
    Example:
      beetl-task1 predict --data DATA --group 65-79
    """
    from ..data.files import DataFolder
    from ..models.base import Resources
    from ..recipes.experiment import Experiment
    from ..recipes.recipe import load_recipe
    from ..submission.predict import predict as run
    from .progress import progress_bar
    from .show import show_prediction

    wanted = load_recipe(recipe)
    folder = DataFolder(data, unit=unit, allow_partial=allow_partial)
    with progress_bar(f"predict {group}") as progress:
        resources = Resources(cache, jobs, progress, device)
        experiment = Experiment(wanted, group, folder)
        path = run(experiment, checkpoints, submissions, resources, allow_simulated=allow_simulated, seed=seed)
    show_prediction(path, as_json)
