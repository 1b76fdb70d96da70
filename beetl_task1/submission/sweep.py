"""Many experiments of one TOML file: recipes by seeds by groups, each a row of one table that grows, and goes on."""

import time
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from ..data.files import DataFolder
from ..errors import BeetlError, ClusterError
from ..models.base import Resources
from ..parallel import elsewhere
from ..progress import Progress
from ..recipes.experiment import Experiment
from ..recipes.recipe import Rules, load_recipe
from ..store import key_of
from ..task import TARGET_GROUPS
from ..typed import Seed, Settings, target_group, text_of, typed
from ..validation.ahead import fit_ahead
from ..validation.crossval import Validation, shared_folds, splits_of, validate
from ..validation.outoffold import unlabelled_nights
from ..writing import default_cache
from .submit import submit
from .sweep_table import COLUMNS, Row, add_row, named, read_table


class Sweep(Settings, frozen=True):
    """What a sweep is made of, as its file says.

    Attributes
    ----------
    data, checkpoints, submissions, cache, table : str
        Places; from the folder of the file where they are not absolute. ``table`` is by default the file with ``.csv``
        as its ending, ``cache`` that of the user.
    unit : str
        Of the signals.
    allow_partial : bool
        Accept missing recordings.
    recipes : tuple of str
        Names, or TOML files.
    groups : tuple of str
        Target groups; both by default.
    seeds : tuple of int
        Each replaces the recipe's seeds, counted from it, and has checkpoints and submissions of its own, in
        ``seed<N>/``. Without any, recipes keep theirs.
    younger_target, rules
        As the options of the same names.
    submit : bool
        Train, predict and package as well.
    """

    data: str
    recipes: tuple[str, ...]
    groups: tuple[str, ...] = TARGET_GROUPS
    seeds: tuple[Seed, ...] = ()
    checkpoints: str = "checkpoints"
    submissions: str = "submissions"
    cache: str = ""
    table: str = ""
    unit: str = "V"
    allow_partial: bool = False
    younger_target: bool | None = None
    rules: Rules | None = None
    submit: bool = False


@dataclass(frozen=True)
class Cell:
    """One row of the table: what is named, and where its checkpoints and submissions are."""

    recipe: str
    group: str
    seed: int | None
    checkpoints: Path
    submissions: Path

    @property
    def names(self) -> Row:
        """What tells the row from others."""
        return {
            "recipe": Path(self.recipe).name,
            "group": self.group,
            "seed": "" if self.seed is None else str(self.seed),
        }


@dataclass(frozen=True)
class Swept:
    """What :func:`sweep` has done.

    Attributes
    ----------
    table : Path
        The table.
    rows : list of dict
        The rows of this sweep, in its order.
    kept : int
        How many were there already.
    """

    table: Path
    rows: list[Row]
    kept: int

    @property
    def failures(self) -> list[Row]:
        """Rows that have a reason instead of a score."""
        return [row for row in self.rows if row["failed"]]


def load_sweep(path: Path) -> Sweep:
    """Return what a file says, its places made paths.

    Raises
    ------
    BeetlError
        If it is not the TOML of a sweep, or a group is unknown.
    """
    path = Path(path)
    try:
        values = tomllib.loads(text_of(path.read_bytes()))
    except OSError as error:
        raise BeetlError(f"{path}: cannot be read ({error.strerror}); give the path of a sweep's TOML file") from error
    except ValueError as error:
        raise BeetlError(f"{path}: not TOML ({error}); compare it with the sweep of docs/cluster.md") from error
    found = typed(Sweep, values, str(path))
    recipes = [Path(name).name.removesuffix(".toml") for name in found.recipes]
    for name, given in (("recipes", recipes), ("groups", list(found.groups)), ("seeds", list(found.seeds))):
        if len(set(given)) < len(given) or (not given and name != "seeds"):
            raise BeetlError(f"{path}: {name} {given}; give at least one, each once")
    for group in found.groups:
        target_group(group)
    here = path.absolute().parent
    own = {"table": found.table or path.with_suffix(".csv").name, "cache": found.cache or str(default_cache())}
    places = {
        name: str(here / own.get(name, getattr(found, name))) for name in ("data", "checkpoints", "submissions", *own)
    }
    files = tuple(str(here / name) if name.endswith(".toml") else name for name in found.recipes)
    return msgspec.structs.replace(found, recipes=files, **places)


def sweep(wanted: Sweep, resources: Resources, progress: Progress | None = None) -> Swept:
    """Validate each recipe, seed and group, or submit it, and add a row to the table as soon as it is done.

    A row that is there for the same recipe, seed, data and versions is kept; one that failed is tried again. A failure
    is a row, not the end. On a cluster the fits of all cells are computed first, since they do not need each other.

    Parameters
    ----------
    wanted : Sweep
        What, and where.
    resources : Resources
        How to compute; its ``cache`` is that of the sweep.
    progress : callable, optional
        Called after each cell.

    Raises
    ------
    BeetlError
        If the table cannot be written, is somebody else's, or the cluster is gone.
    """
    data, table = DataFolder(wanted.data, unit=wanted.unit, allow_partial=wanted.allow_partial), Path(wanted.table)
    read_table(table)
    cells, rows, kept = _cells(wanted), list[Row](), 0
    if elsewhere():
        _fit_all(wanted, cells, data, resources)
    for done, cell in enumerate(cells, 1):
        row, was_there = _row(wanted, cell, data, read_table(table), resources)
        if not was_there:
            add_row(table, row)
        rows.append(row)
        kept += was_there
        if progress:
            progress(done, len(cells), " ".join(cell.names.values()))
    return Swept(table, rows, kept)


def _cells(wanted: Sweep) -> list[Cell]:
    def places(seed: int | None) -> list[Path]:
        return [
            Path(folder, *([] if seed is None else [f"seed{seed}"]))
            for folder in (wanted.checkpoints, wanted.submissions)
        ]

    seeds: Sequence[int | None] = wanted.seeds or [None]
    return [Cell(r, g, s, *places(s)) for r in wanted.recipes for g in wanted.groups for s in seeds]


def _experiment(wanted: Sweep, cell: Cell, data: DataFolder) -> Experiment:
    recipe = load_recipe(cell.recipe).varied(seed=cell.seed, younger_target=wanted.younger_target, rules=wanted.rules)
    return Experiment(recipe, cell.group, data)


def _fit_all(wanted: Sweep, cells: Sequence[Cell], data: DataFolder, resources: Resources) -> None:
    """Let the cluster compute what it can; what fails is met again, and told, in its own cell."""
    fits = []
    for cell in cells:
        try:
            experiment = _experiment(wanted, cell, data)
            folds = shared_folds(data.recordings(cell.group, "target"), cell.group, cell.checkpoints)
            fits.append((experiment, splits_of(folds)))
        except BeetlError:
            continue
    try:
        fit_ahead(fits, resources, forgiving=True)
    except ClusterError:
        raise
    except BeetlError:  # a fit that killed its workers
        return


def _row(wanted: Sweep, cell: Cell, data: DataFolder, there: Sequence[Row], resources: Resources) -> tuple[Row, bool]:
    """Return the row of a cell, and whether it was there."""
    began, key = time.monotonic(), ""
    try:
        experiment = _experiment(wanted, cell, data)
        tests = [night.fingerprint for night in unlabelled_nights(data, cell.group)]
        key = key_of(experiment.key, tests, wanted.submit)
        for row in there:
            if named(row) == named(cell.names) and row["key"] == key and not row["failed"]:
                return row, True
        if wanted.submit:
            done = submit(experiment, cell.checkpoints, cell.submissions, resources)
            found, more = done.validation, {"zip": str(done.submission.zip_path)}
        else:
            found, more = validate(experiment, cell.checkpoints, resources), {}
        values: dict[str, Any] = {**_scores(found), **more}
    except ClusterError:
        raise
    except BeetlError as error:
        values = {"failed": str(error)}
    except Exception as error:  # a bug of one recipe does not cost the others their night
        values = {"failed": f"{type(error).__name__}: {error}"}
    seconds = f"{time.monotonic() - began:.1f}"
    return dict.fromkeys(COLUMNS, "") | cell.names | {"key": key, "seconds": seconds} | values, False


def _scores(found: Validation) -> Row:
    card, without = found.card(), found.card_without()
    numbers = {
        "score": card.score, "low": card.interval and card.interval.low,
        "high": card.interval and card.interval.high, "score_argmax": found.summary["score_argmax"],
        "score_without_transfer": without.score,
        **{stage: None if r is None else 100 * r for stage, r in card.pooled.recall.items()},
    }  # fmt: skip
    return {name: "" if x is None else f"{x:.2f}" for name, x in numbers.items()} | {
        "subjects": str(len(card.subject_scores))
    }
