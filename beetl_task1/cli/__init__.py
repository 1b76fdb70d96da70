"""The command line: parses, calls one library function, prints."""

import importlib
import signal
import sys

import click

from .. import __version__
from ..errors import BeetlError, unknown

COMMANDS = (
    "download",
    "build",
    "simulate",
    "inspect",
    "train",
    "validate",
    "predict",
    "package",
    "submit",
    "score",
    "verify",
    "blend",
    "diff",
    "log",
    "writeup",
    "models",
    "stage",
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
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that half-written files are cleared away
    try:
        sys.exit(cli.main(prog_name="beetl-task1", standalone_mode=False))
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
    except click.ClickException as error:
        _fail(f"{error.format_message()} (see {_help_of(error)})")
    except click.Abort:
        _fail("stopped; what was finished is kept")
    except BeetlError as error:
        _fail(str(error))
    except OSError as error:
        _fail(f"{error.filename or 'file'}: {error.strerror or error}; check the path, its permissions and the disk")


def _help_of(error: click.ClickException) -> str:
    context = getattr(error, "ctx", None)
    return f"{context.command_path if context else 'beetl-task1'} --help"


def _fail(message: str) -> None:
    click.echo(f"Error: {' '.join(message.split())}", err=True)
    sys.exit(1)
