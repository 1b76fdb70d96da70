"""Errors that a user can mend."""

import difflib
from collections.abc import Iterable


class BeetlError(Exception):
    """Something that the user can mend: one line with what, expected, got and the next step."""


class DataError(BeetlError):
    """A file or folder of recordings is not as the competition has it."""


class CheckpointError(BeetlError):
    """A checkpoint is missing, damaged or made for something else."""


class SubmissionError(BeetlError):
    """A submission would be refused or score wrongly."""


def unknown(kind: str, name: str, known: Iterable[str]) -> BeetlError:
    """Return the error for a mistyped name, with the nearest known one.

    Parameters
    ----------
    kind : str
        What the name names, such as ``"recipe"``.
    name : str
        What was given.
    known : iterable of str
        The names that exist.
    """
    known = list(known)
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
    hint = f"did you mean {close[0]!r}?" if close else f"choose one of: {', '.join(known)}"
    return BeetlError(f"unknown {kind} {name!r}; {hint}")
