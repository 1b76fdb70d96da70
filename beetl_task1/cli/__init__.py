"""The command line: parses, calls one library function, prints."""

import importlib
import io
import signal
import sys

import click

from .. import __version__
from ..errors import BeetlError, unknown

COMMANDS = (
    "download", "build", "simulate", "inspect", "train", "validate", "predict", "package", "submit", "score", "verify",
    "blend", "diff", "log", "writeup", "models", "export", "import", "stage", "statistics", "sweep",
)  # fmt: skip
_FILES = dict.fromkeys(("train", "validate", "models"), "recipes") | dict.fromkeys(COMMANDS[6:15], "submissions")
_FILES |= dict.fromkeys(("export", "import"), "transport")
"""Where a command is not in the file of its name."""
_LONGEST = 1000
"""Letters of a word in an error: a path has fewer, what a damaged file holds may have millions."""


class _Commands(click.Group):
    """Finds each command in its file, when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command:
        if name not in COMMANDS:
            raise click.UsageError(str(unknown("command", name, COMMANDS)), ctx)
        command: click.Command = getattr(
            importlib.import_module(f"{__name__}.{_FILES.get(name, name)}"), "import_" if name == "import" else name
        )
        return command


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="beetl-task1")
def cli() -> None:
    """Stage sleep for BEETL Task 1: train, cross-validate on target subjects, predict, package, score.

    \b
    Example:
      beetl-task1 simulate --out demo/data --size demo
      beetl-task1 submit --data demo/data --group 65-79
    """


def main() -> None:
    """Run the command line.

    What a user can mend is one line: exit code 2 for a mistyped command line, 130 for an interrupt, else 1.
    """
    for stream in (sys.stdout, sys.stderr):  # names of files may be no text
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that half-written files are cleared away
    try:
        sys.exit(cli.main(prog_name="beetl-task1", standalone_mode=False))
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        name = context.command_path if context else "beetl-task1"
        _fail(f"{error.format_message()} (see {name} --help)", error.exit_code)
    except click.Abort:
        _fail("stopped; what was finished is kept", 130)
    except BeetlError as error:
        _fail(str(error))
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        _fail(f"{place}{error.strerror or error}; check the path, its permissions and the disk")


def _fail(message: str, code: int = 1) -> None:
    words = (word if len(word) <= _LONGEST else f"{word[:_LONGEST]}..." for word in message.split())
    click.echo(f"Error: {' '.join(words)}", err=True)
    sys.exit(code)
