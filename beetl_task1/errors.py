"""Errors that a user can mend."""

import difflib
from collections.abc import Iterable
from typing import Literal

DataCode = Literal[
    "unreadable", "missing", "empty", "refused-pickle", "shape", "dtype", "non-finite", "unit", "labels",
    "missing-labels", "missing-signal", "surplus", "duplicate-name", "duplicate-night", "rules",
]  # fmt: skip
"""What is wrong with data, as the findings of an audit name it (but for ``rules``, which is of who trains on what);
``unreadable`` is whatever has no code of its own."""


def one_line(error: Exception, most: int = 200) -> str:
    """Return what an error of somebody else says on one line of so many letters, or its type where it says nothing."""
    return " ".join(str(error).split())[:most] or type(error).__name__


class BeetlError(Exception):
    """Something that the user can mend: one line with what, expected, got and the next step."""


class DataError(BeetlError):
    """A file or folder of recordings is not as the competition has it.

    Parameters
    ----------
    message : str
        For people.
    code : DataCode
        For programs, which never look at the message.
    """

    def __init__(self, message: str, code: DataCode = "unreadable"):
        super().__init__(message)
        self.code: DataCode = code


class CheckpointError(BeetlError):
    """A checkpoint is missing, damaged or made for something else."""


class SubmissionError(BeetlError):
    """A submission would be refused or score wrongly."""


class ClusterError(BeetlError):
    """A cluster is gone, so that nothing goes on."""


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
