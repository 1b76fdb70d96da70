"""Options that the commands share, under one name each, on the command line and in the environment."""

import functools
import os
from collections.abc import Callable
from pathlib import Path

import click

from ..errors import BeetlError, unknown
from ..task import TARGET_GROUPS


class GroupName(click.ParamType):
    """An age group, with "did you mean"."""

    name = "group"

    def convert(self, value, param, ctx):
        """Return the value if it is a target group."""
        if value not in TARGET_GROUPS:
            raise unknown("group", str(value), TARGET_GROUPS)
        return value

    def get_metavar(self, param, ctx=None):
        """Show the groups."""
        return f"[{'|'.join(TARGET_GROUPS)}]"


def default_cache() -> Path:
    """Return the folder of cached features: under XDG_CACHE_HOME or ~/.cache."""
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "beetl-task1"
    except RuntimeError as error:
        raise BeetlError(
            "there is no home folder for computed features; name one with --cache or BEETL_CACHE"
        ) from error


_PATH = click.Path(path_type=Path)

data = click.option(
    "--data", type=_PATH, envvar="BEETL_DATA", show_envvar=True, required=True,
    help="Folder that holds SleepSource/, LeaderboardSleep/ and finalSleep/.",
)  # fmt: skip
checkpoints = click.option(
    "--checkpoints", type=_PATH, envvar="BEETL_CHECKPOINTS", show_envvar=True, default=Path("checkpoints"),
    show_default=True, help="Where trained recipes and their validations stand.",
)  # fmt: skip
submissions = click.option(
    "--submissions", type=_PATH, envvar="BEETL_SUBMISSIONS", show_envvar=True, default=Path("submissions"),
    show_default=True, help="Where predictions and packages go.",
)  # fmt: skip
cache = click.option(
    "--cache", type=_PATH, envvar="BEETL_CACHE", show_envvar=True, default=default_cache,
    show_default="~/.cache/beetl-task1", help="Where features, signals and networks are kept.",
)  # fmt: skip
group = click.option("--group", type=GroupName(), required=True, help="Age group of the target.")
recipe = click.option(
    "--recipe", default="default", show_default=True, help="Name of a recipe, or the path of your own TOML file."
)
seed = click.option(
    "--seed", type=click.IntRange(0), default=None, help="Replace the recipe's seeds, counted from this."
)
jobs = click.option(
    "--jobs", type=click.IntRange(1), envvar="BEETL_JOBS", show_envvar=True,
    default=lambda: os.cpu_count() or 1, show_default="one per core", help="Processes or threads.",
)  # fmt: skip
device = click.option(
    "--device", type=click.Choice(["auto", "cpu", "cuda", "mps"]), envvar="BEETL_DEVICE", show_envvar=True,
    default="auto", show_default=True, help="Where networks compute.",
)  # fmt: skip
resume = click.option(
    "--resume/--no-resume", default=True, show_default=True,
    help="Go on from what a killed or earlier training of the same network left in the cache, or train anew.",
)  # fmt: skip
log = click.option(
    "--log", type=click.Choice(["tensorboard", "wandb"]), help="Follow the training of networks there (an extra)."
)
as_json = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
brief = click.option("--brief", is_flag=True, help="Print the scores without their tables.")
unit = click.option(
    "--unit", type=click.Choice(["V", "mV", "uV"]), default="V", show_default=True, help="Unit of the signal files."
)
allow_partial = click.option(
    "--allow-partial", is_flag=True, help="Accept missing recordings; what is written says that it is partial."
)
allow_simulated = click.option(
    "--allow-simulated", is_flag=True, help="Let models trained on simulated data predict other data."
)
younger_target = click.option(
    "--younger-target/--no-younger-target", default=None,
    help="For 80-95: train on the labelled 65-79 subjects too. [default: as the recipe says]",
)  # fmt: skip


def together(*decorators: Callable) -> Callable:
    """Apply several option decorators in the order in which they shall be listed."""
    return lambda command: functools.reduce(lambda inner, decorate: decorate(inner), reversed(decorators), command)
