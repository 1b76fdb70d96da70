"""Follows a training in TensorBoard or Weights & Biases, both optional extras."""

import contextlib
import functools
import importlib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from ..errors import BeetlError
from .base import Row

LOGS = ("tensorboard", "wandb")


@contextlib.contextmanager
def training_log(name: str | None, folder: Path, run: str) -> Iterator[Callable[[Row], None] | None]:
    """Yield a function that takes the rows of a network's history, or ``None`` where no log was asked for.

    Parameters
    ----------
    name : {"tensorboard", "wandb"} or None
        Where rows go. W&B works offline with ``WANDB_MODE=offline``.
    folder : path
        Files are written to ``<folder>/logs``.
    run : str
        Names the run.

    Raises
    ------
    BeetlError
        If the extra is not installed.
    """
    logs = Path(folder) / "logs"
    if name is None:
        yield None
    elif name == "tensorboard":
        _needed("tensorboard")
        with _needed("torch.utils.tensorboard").SummaryWriter(logs / run) as writer:
            yield functools.partial(_add, writer)
    else:
        logs.mkdir(parents=True, exist_ok=True)
        with _needed("wandb").init(project="beetl-task1", name=run, dir=logs) as writer:
            yield lambda row: writer.log(_numbers(row))


def _add(writer: Any, row: Row) -> None:
    for tag, value in _numbers(row).items():
        writer.add_scalar(tag, value, row["pass"])


def _numbers(row: Row) -> dict[str, float]:
    """Return the numbers of a row by seed, stage and, where there is one, inner fold."""
    place = f"seed{row['seed']}/{row['stage']}" + (f"/fold{row['fold']}" if row.get("fold") else "")
    plain = {k: v for k, v in row.items() if k not in ("seed", "fold", "pass")}
    return {f"{place}/{k}": v for k, v in plain.items() if isinstance(v, int | float)}


def _needed(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise BeetlError(f"--log {name}: not installed; pip install 'beetl-task1[{name}]'") from error
