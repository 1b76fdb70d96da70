"""Follows a training in TensorBoard or Weights & Biases, both optional extras."""

import contextlib
import importlib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

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
    if name is None:
        yield None
        return
    opened = {"tensorboard": _tensorboard, "wandb": _wandb}[name]
    with opened(Path(folder) / "logs", run) as write:
        yield write


@contextlib.contextmanager
def _tensorboard(folder: Path, run: str) -> Iterator[Callable[[Row], None]]:
    _needed("tensorboard")
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(folder / run) as writer:

        def write(row: Row) -> None:
            for key, value in _numbers(row).items():
                writer.add_scalar(f"seed{row['seed']}/{row['stage']}/{key}", value, row["pass"])

        yield write


@contextlib.contextmanager
def _wandb(folder: Path, run: str) -> Iterator[Callable[[Row], None]]:
    wandb = _needed("wandb")
    folder.mkdir(parents=True, exist_ok=True)
    with wandb.init(project="beetl-task1", name=run, dir=folder) as opened:
        yield lambda row: opened.log({f"seed{row['seed']}/{row['stage']}/{k}": v for k, v in _numbers(row).items()})


def _numbers(row: Row) -> dict[str, float]:
    return {k: v for k, v in row.items() if isinstance(v, int | float) and k not in ("seed", "pass")}


def _needed(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise BeetlError(f"--log {name}: not installed; pip install 'beetl-task1[{name}]'") from error
