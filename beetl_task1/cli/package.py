"""``beetl-task1 package``."""

from pathlib import Path

import click

from ..errors import BeetlError
from . import options


@click.command()
@options.together(
    options.data, options.group, options.recipe, options.submissions,
    click.option("--labels", type=click.Path(path_type=Path), help="Package these labels instead: one per line."),
    click.option("--name", default="", help="With --labels: what to call the submission. [default: the file's name]"),
    options.unit, options.allow_partial, options.as_json,
)  # fmt: skip
def package(data, group, recipe, submissions, labels, name, unit, allow_partial, as_json):
    """Check a prediction against the test files and zip it for Codalab.

    \b
    Example:
      beetl-task1 package --data DATA --group 65-79
      beetl-task1 package --data DATA --group 80-95 --labels mine.txt
    """
    from ..data.files import DataFolder
    from ..recipes.recipe import load_recipe
    from ..submission import package as packaging
    from .show import show_package

    if name and labels is None:
        raise BeetlError("--name goes with --labels; a prediction is packaged under the name of its --recipe")
    folder = DataFolder(data, unit=unit, allow_partial=allow_partial)
    if labels is None:
        result = packaging.package(load_recipe(recipe).name, group, folder, submissions)
    else:
        result = packaging.package_labels(labels, group, folder, submissions, name)
    show_package(result, as_json)
