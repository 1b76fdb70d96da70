"""Options that the commands share, under one name each, and what is made of them: data, experiment, resources."""

import contextlib
import functools
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import BeetlError
from ..task import LARGEST_SEED, TARGET_GROUPS
from .advice import Command
from .progress import progress_bar

if TYPE_CHECKING:
    from ..data.files import DataFolder
    from ..models.base import Resources
    from ..recipes.experiment import Experiment

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]
Opener = Callable[..., contextlib.AbstractContextManager["Resources"]]
"""What a command gets as ``resources``: called with what is done to an experiment, it draws a bar and yields them."""


class GroupName(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.2, the oldest allowed is 8.1
    """An age group, with "did you mean"."""

    name = "group"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the value if it is a target group."""
        from ..typed import target_group

        try:
            return target_group(value)
        except BeetlError as error:
            self.fail(str(error), param, ctx)

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:
        """Show the groups."""
        return f"[{'|'.join(TARGET_GROUPS)}]"


def together(*decorators: Decorator) -> Decorator:
    """Apply several option decorators in the order in which they shall be listed."""
    return lambda command: functools.reduce(lambda inner, decorate: decorate(inner), reversed(decorators), command)


def gathered(name: str, make: Callable[..., Any], **options: Decorator) -> Decorator:
    """Return a decorator that adds options and passes what ``make`` makes of their values as one argument.

    ``make`` is called when the command runs; each option is given under the name of its value.
    """

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(command)
        def gathering(*args: Any, **values: Any) -> Any:
            own = {option: values.pop(option) for option in options}
            return command(*args, **{name: make(**own)}, **values)

        return together(*options.values())(gathering)

    return decorate


def asked(name: str) -> bool:
    """Whether ``--json`` or ``--brief`` was given: commands are not passed them, whatever prints asks here."""
    return bool(click.get_current_context().meta.get(name))


def _writable(ctx: click.Context, param: click.Parameter, path: Path | None) -> Path | None:
    """Refuse, before any work, a folder that takes no file."""
    from ..writing import check_folder

    if path is not None:
        check_folder(path)
    return path


def _own(ctx: click.Context, param: click.Parameter, path: Path | None) -> Path | None:
    """Refuse, before any work, a document that cannot be written or is somebody else's."""
    from ..writing import check_own

    if path is not None:
        check_own(path)
    return path


def _cache() -> Path:
    from ..writing import default_cache

    return default_cache()


def _connected(ctx: click.Context, param: click.Parameter, address: str | None) -> None:
    """Send the work of the command to a cluster, where one is asked for."""
    from ..parallel import START, cluster

    if ctx.meta.get("backend") == "dask":
        if address is None:
            raise BeetlError(f"--backend dask needs --scheduler HOST:8786; {START}")
        ctx.with_resource(cluster(address))
    elif address is not None and ctx.get_parameter_source("scheduler") is click.core.ParameterSource.COMMANDLINE:
        raise click.UsageError("--scheduler goes with --backend dask")


PATH = click.Path(path_type=Path)
option = functools.partial(click.option, show_default=True, show_envvar=True)


def command(name: str | None = None) -> Callable[[Callable[..., Any]], click.Command]:
    """Decorate a command of ours."""
    return click.command(name, cls=Command)


out_folder = functools.partial(option, type=PATH, callback=_writable)
out_document = functools.partial(option, type=PATH, callback=_own)

# fmt: off
data = option("--data", type=PATH, envvar="BEETL_DATA", required=True,
               help="Folder that holds SleepSource/, LeaderboardSleep/ and finalSleep/.")
_checkpoints = functools.partial(option, "--checkpoints", type=PATH, envvar="BEETL_CHECKPOINTS",
                                 default=Path("checkpoints"), help="Where trained recipes and their validations are.")
checkpoints, checkpoints_out = _checkpoints(), _checkpoints(callback=_writable)
_submissions = functools.partial(option, "--submissions", type=PATH, envvar="BEETL_SUBMISSIONS",
                                 default=Path("submissions"), help="Where predictions and packages go.")
submissions, submissions_out = _submissions(), _submissions(callback=_writable)
group = option("--group", type=GroupName(), required=True, help="Age group of the target.")
recipe = option("--recipe", default="default", help="Name of a recipe, or the path of your own TOML file.")
recipes = option("--recipe", "recipes", multiple=True, default=["default"],
                  help="Name or TOML file of a recipe; give several to compare them.")
SEED = click.IntRange(0, LARGEST_SEED)
seed = option("--seed", type=SEED, help="Replace the recipe's seeds, counted from this.")
younger_target = option("--younger-target/--no-younger-target", default=None,
                         help="For 80-95: train on the labelled 65-79 subjects too. [default: as the recipe says]")
rules = option("--rules", type=click.Choice(["competition", "open"]),
               help="What may train: open lets labels of the competition's test people in, of a tree built by age. "
               "[default: as the recipe says]")
cache = click.option("--cache", type=PATH, callback=_writable, envvar="BEETL_CACHE", show_envvar=True,
                     default=_cache, show_default="~/.cache/beetl-task1",
                     help="Where features, signals and networks are kept.")
jobs = click.option("--jobs", type=click.IntRange(1), envvar="BEETL_JOBS", show_envvar=True,
                    default=lambda: os.cpu_count() or 1, show_default="one per core", help="Processes or threads.")
backend = option("--backend", type=click.Choice(["loky", "dask"]), envvar="BEETL_BACKEND", default="loky",
                 is_eager=True, expose_value=False, callback=lambda ctx, _, value: ctx.meta.update(backend=value),
                 help="Compute on this machine, or on a Dask cluster.")
scheduler = option("--scheduler", envvar="BEETL_SCHEDULER", expose_value=False, callback=_connected,
                   metavar="ADDRESS", help="Of the Dask cluster, such as tcp://node1:8786.")
device = option("--device", type=click.Choice(["auto", "cpu", "cuda", "mps"]), envvar="BEETL_DEVICE", default="auto",
                 help="Where networks compute.")
resume = option("--resume/--no-resume", default=True, help="Go on from what a killed or earlier training of the same "
                 "network left in the cache, or train anew.")
log = option("--log", type=click.Choice(["tensorboard", "wandb"]),
              help="Follow the training of networks there (an extra).")
scheme = option("--scheme", type=click.Choice(["rk", "aasm"]), default="rk",
                 help="Six stages, or five with S3 and S4 as N3.")
unit = option("--unit", type=click.Choice(["V", "mV", "uV"]), default="V", help="Unit of the signal files.")
stage_names = click.option("--stage-names", help="What names in a hypnogram mean: a file of lines such as 'WK = W', or "
                           "yasa (0-4, 4 is REM) or rk (0-5, 5 is REM).")
allow_partial = option("--allow-partial", is_flag=True,
                        help="Accept missing recordings; what is written says that it is partial.")
allow_simulated = option("--allow-simulated", is_flag=True,
                          help="Let models trained on simulated data predict other data.")
json_output = click.option("--json", is_flag=True, expose_value=False, help="Print the result as JSON.",
                           callback=lambda ctx, _, value: ctx.meta.update(json=value))
brief = click.option("--brief", is_flag=True, expose_value=False, help="Print the scores without their tables.",
                     callback=lambda ctx, _, value: ctx.meta.update(brief=value))
# fmt: on


workers = together(jobs, backend, scheduler)
"""``--jobs`` on this machine, or a cluster."""


def _open_data(data: Path, unit: str, allow_partial: bool) -> "DataFolder":
    from ..data.files import DataFolder

    return DataFolder(data, unit=unit, allow_partial=allow_partial)


def _experiments(recipes: Sequence[str], group: str, **given: Any) -> list["Experiment"]:
    from ..recipes.experiment import Experiment
    from ..recipes.recipe import load_recipe

    changes = {key: given.pop(key) for key in _changes if key in given}
    loaded = [load_recipe(name).varied(**changes) for name in dict.fromkeys(recipes)]
    names = [recipe.name for recipe in loaded]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise BeetlError(f"two recipes are called {', '.join(twice)}; give one of the files another name")
    data = _open_data(**given)
    return [Experiment(recipe, group, data) for recipe in loaded]


def _experiment(recipe: str, **given: Any) -> "Experiment":
    return _experiments([recipe], **given)[0]


@contextlib.contextmanager
def _open_resources(
    verb: str, experiment: "Experiment", checkpoints: Path, *, log: str | None = None, **given: Any
) -> Iterator["Resources"]:
    from ..models.base import Resources
    from ..models.logs import training_log

    name = experiment.recipe.name
    with progress_bar(f"{verb} {name}") as bar, training_log(log, checkpoints, f"{name}-{experiment.group}") as write:
        yield Resources(progress=bar, log=write, **given)


def with_resources(**more: Decorator) -> Decorator:
    """Add ``--cache``, :data:`workers`, ``--device`` and more of this kind (``resume``, ``log``) as ``resources``."""
    return gathered("resources", lambda **given: functools.partial(_open_resources, **given),
                    cache=cache, jobs=workers, device=device, **more)  # fmt: skip


_folder = {"data": data, "unit": unit, "allow_partial": allow_partial}
_changes = {"seed": seed, "younger_target": younger_target, "rules": rules}
with_data = gathered("data", _open_data, **_folder)
with_experiment = gathered("experiment", _experiment, **_folder, group=group, recipe=recipe, **_changes)
with_experiments = gathered("experiments", _experiments, **_folder, group=group, recipes=recipes, **_changes)
with_trained = gathered("experiment", _experiment, **_folder, group=group, recipe=recipe, rules=rules)
