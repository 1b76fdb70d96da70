"""The command line: parses, calls one library function, prints."""

import importlib
import sys

import click

from .. import __version__
from ..errors import BeetlError, unknown

COMMANDS = (
    "train",
    "validate",
    "predict",
    "package",
    "submit",
    "score",
    "simulate",
    "models",
)


class _Commands(click.Group):
    """Finds each command in the module of its name, when it is asked for."""

    def list_commands(self, ctx):
        return list(COMMANDS)

    def get_command(self, ctx, name):
        if name not in COMMANDS:
            raise unknown("command", name, COMMANDS)
        module = importlib.import_module(f"{__name__}.{name}")
        return getattr(module, name, None) or module.command


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="beetl-task1")
def cli():
    """Stage sleep for BEETL Task 1: train, cross-validate on target subjects, predict, package, score.

    \b
    Example:
      beetl-task1 simulate --out demo/data --size demo
      beetl-task1 submit --data demo/data --group 65-79
    """


def main() -> None:
    """Run the command line; what a user can mend is one line and exit code 1."""
    try:
        cli(prog_name="beetl-task1")
    except BeetlError as error:
        _fail(str(error))
    except OSError as error:
        _fail(
            f"{error.filename or 'input or output'}: {error.strerror or error}; check the path, its permissions and the disk"
        )


def _fail(message: str) -> None:
    click.echo(f"Error: {' '.join(message.split())}", err=True)
    sys.exit(1)
