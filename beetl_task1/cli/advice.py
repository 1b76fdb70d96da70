"""The next step, as a command that works when it is pasted: with the places, the group and the recipe given here."""

import re
import shlex
from collections.abc import Iterator
from typing import Any

import click

from ..errors import BeetlError

_DATA = ("data", "unit", "allow_partial", "group", "recipe")
_TRAINING = (*_DATA, "younger_target", "rules", "seed", "checkpoints", "cache")
TAKES = {
    "inspect": ("data", "unit", "allow_partial"),
    "train": _TRAINING,
    "validate": _TRAINING,
    "submit": (*_TRAINING, "submissions"),
    "predict": (*_DATA, "rules", "checkpoints", "submissions", "cache", "allow_simulated"),
    "package": (*_DATA, "submissions", "labels", "name"),
    "score": (),
    "log": ("submissions",),
}
"""The options of the commands that are suggested, as far as they say where and what."""
_COMMAND = re.compile(r"beetl-task1 (\w+)((?: --[a-z-]+(?: [^\s;|)-][^\s;|)]*)?)*)")
_AGAIN = re.compile(r"\b(train|predict|package|validate)(?: it| the ensemble)? again\b(?! with)")


def next_command(verb: str, *arguments: object) -> str:
    """Return a command that goes on from the one that runs, with what was given to that, but for the environment."""
    return " ".join(["beetl-task1", verb, *(shlex.quote(str(argument)) for argument in arguments), *_given(verb)])


def this_command() -> str:
    """Return the command that runs, with all that was given to it, in the environment too, but how it prints."""
    ctx = click.get_current_context()
    given = (click.core.ParameterSource.COMMANDLINE, click.core.ParameterSource.ENVIRONMENT)
    words = ["beetl-task1", str(ctx.info_name)]
    for param in ctx.command.params:
        value = ctx.params.get(str(param.name))
        if value is None or ctx.get_parameter_source(str(param.name)) not in given:
            continue
        several = value if isinstance(value, tuple) else (value,)
        if isinstance(param, click.Argument):
            words += map(str, several)
        elif isinstance(value, bool):
            words += param.opts[:1] if value else param.secondary_opts[:1]
        else:
            words += [word for one in several for word in (param.opts[0], str(one))]
    return shlex.join(words)


class Command(click.Command):
    """A command that completes what an error advises."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run; commands that an error names, or means by "train again", get the options that were given here."""
        try:
            return super().invoke(ctx)
        except BeetlError as error:
            error.args = (_completed(str(error)), *error.args[1:])
            raise


def _completed(message: str) -> str:
    def complete(found: re.Match[str]) -> str:
        return " ".join([found[0], *_given(found[1], besides=found[2])])

    def again(found: re.Match[str]) -> str:
        known = {"data", "group"} <= set(_values())
        return f"{found[0]} with: {next_command(found[1])}" if known else found[0]

    return _AGAIN.sub(again, _COMMAND.sub(complete, message))


def _values() -> dict[str, Any]:
    """Return what the command that runs was given, without what is a default; ``recipes`` as ``recipe``."""
    ctx = click.get_current_context()
    default = click.core.ParameterSource.DEFAULT
    values = {name: value for name, value in ctx.params.items() if ctx.get_parameter_source(name) is not default}
    recipes = values.pop("recipes", ())
    return values | ({"recipe": recipes[0]} if len(recipes) == 1 else {})


def _given(verb: str, besides: str = "") -> Iterator[str]:
    ctx, values = click.get_current_context(), _values()
    for name in TAKES.get(verb, ()):
        value, flag = values.get(name), "--" + name.replace("_", "-")
        environment = ctx.get_parameter_source(name) is click.core.ParameterSource.ENVIRONMENT
        if (value in (None, False, "") and name != "younger_target") or environment or f" {flag} " in f"{besides} ":
            continue
        if isinstance(value, bool):
            yield flag if value else f"--no-{flag[2:]}"
        elif value is not None:
            yield f"{flag} {shlex.quote(str(value))}"
