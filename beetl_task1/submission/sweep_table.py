"""The table of a sweep: a CSV of one row for each recipe, group and seed, written whole row by row."""

import csv
from pathlib import Path

from ..errors import BeetlError
from ..task import STAGES
from ..writing import write_rows

Row = dict[str, str]
CELL = ("recipe", "group", "seed")
SCORES = ("score", "low", "high", "score_argmax", "score_without_transfer", *STAGES)
COLUMNS = (*CELL, *SCORES, "subjects", "seconds", "zip", "key", "failed")


def read_table(path: Path) -> list[Row]:
    """Return the rows of a table; none where there is no file.

    Raises
    ------
    BeetlError
        If the file is not a table of sweeps.
    """
    try:
        with open(path, encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            rows, columns = list(reader), tuple(reader.fieldnames or ())
    except FileNotFoundError:
        return []
    except (OSError, ValueError, csv.Error) as error:
        raise BeetlError(
            f"{path}: cannot be read as a table ({error}); name another with table = in the sweep"
        ) from error
    if columns != COLUMNS:
        raise BeetlError(f"{path}: not a table of sweeps, and stays as it is; name another with table = in the sweep")
    return rows


def add_row(path: Path, row: Row) -> None:
    """Put a row in the place of the one of the same cell, or at the end."""
    rows = {named(other): other for other in read_table(path)} | {named(row): row}
    write_rows(path, COLUMNS, rows.values())


def named(row: Row) -> tuple[str, ...]:
    """Return what tells a row from others."""
    return tuple(row[name] for name in CELL)
