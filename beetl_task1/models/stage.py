"""What a stage of training is: what is drawn, what is minimised, what may move."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from ..data.recording import Recording
from .batches import Draw
from .losses import StageLoss, virtual_adversarial
from .settings import Training
from .signals import Rows


class Step(NamedTuple):
    """A batch of ``n`` epochs as an objective gets it."""

    module: nn.Module  # the network, in training mode
    X: torch.Tensor  # scaled signals, (n, 2, 3000)
    y: torch.Tensor  # stages, (n,); meaningless where not labelled
    labelled: torch.Tensor  # (n,), bool
    role: np.ndarray  # (n,), of str
    night: torch.Tensor  # index of the recording, (n,)
    loss: StageLoss  # of labelled rows
    rng: torch.Generator  # on the CPU, seeded for the pass
    progress: float  # share of the stage that is done, 0 to 1


def supervised(step: Step, logits: torch.Tensor | None = None) -> torch.Tensor:
    """Return the loss of the labelled rows, and with it the virtual adversarial term of all rows, where it is set.

    ``logits``, shape ``(n, 6)``, are those of the batch where they are known already.
    """
    logits = step.module(step.X) if logits is None else logits
    total, settings = step.loss(logits[step.labelled], step.y[step.labelled]), step.loss.settings
    if settings.vat:
        total = total + settings.vat * virtual_adversarial(step.module, step.X, settings.vat_radius, step.rng)
    return total


Objective = Callable[[Step], torch.Tensor]
Compose = Callable[[Rows, np.ndarray, np.random.Generator], np.ndarray]


@dataclass(frozen=True)
class Judge:
    """Gives the loss and the score of a module on nights that do not train.

    ``judged`` takes the module and what is to be called after each of the ``steps``.
    """

    steps: int
    judged: Callable[[nn.Module, Callable[[], None]], tuple[float, float]]

    def __call__(self, module: nn.Module, after_step: Callable[[], None] = lambda: None) -> tuple[float, float]:
        """Return loss and score."""
        return self.judged(module, after_step)


Groups = Sequence[Sequence[Recording]]
"""Held-out nights; those of a group count alike together."""


@dataclass(frozen=True)
class Stage:
    """One stage of a training."""

    name: str  # in the history
    training: Training
    draw: Draw = field(default_factory=Draw)
    objective: Objective = supervised
    compose: Compose = lambda rows, index, rng: rows.signals(index)  # the scaled signals of a batch of rows
    rates: Sequence[tuple[str, float]] = ()  # patterns of parameter names, and factors of the rate; 0 freezes
    extra: nn.Module | None = None  # trained beside the network and thrown away, such as a discriminator
    setting: str = ""  # what of the above a digest cannot see
    frozen: Callable[[nn.Module], None] | None = None  # puts parts of the network back from training mode
    folds: int = 0  # inner folds over target subjects that choose how many passes are kept; 0 to keep the last
    judge: Callable[[Groups, Sequence[Any]], Judge] | None = None  # from held-out nights and transfers
