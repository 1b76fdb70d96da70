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
    """A batch as an objective gets it.

    Attributes
    ----------
    module : torch.nn.Module
        The network, in training mode.
    X : tensor (n, 2, 3000)
        Scaled signals.
    y : tensor (n,)
        Stages; meaningless where ``labelled`` is false.
    labelled : tensor (n,), bool
    role : array (n,) of str
    night : tensor (n,)
        Index of the recording.
    loss : StageLoss
        Of the labelled rows.
    rng : torch.Generator
        On the CPU, seeded for the pass.
    progress : float
        Share of the stage that is done, 0 to 1.
    """

    module: nn.Module
    X: torch.Tensor
    y: torch.Tensor
    labelled: torch.Tensor
    role: np.ndarray
    night: torch.Tensor
    loss: StageLoss
    rng: torch.Generator
    progress: float


def supervised(step: Step, logits: torch.Tensor | None = None) -> torch.Tensor:
    """Return the loss of the labelled rows, and with it the virtual adversarial term of all rows, where it is set.

    Parameters
    ----------
    step : Step
        A batch.
    logits : tensor (n, 6), optional
        Of the batch, where they are known already.
    """
    logits = step.module(step.X) if logits is None else logits
    total, settings = step.loss(logits[step.labelled], step.y[step.labelled]), step.loss.settings
    if settings.vat:
        total = total + settings.vat * virtual_adversarial(step.module, step.X, settings.vat_radius, step.rng)
    return total


Objective = Callable[[Step], torch.Tensor]
Compose = Callable[[Rows, np.ndarray, np.random.Generator], np.ndarray]
Judge = Callable[[nn.Module], tuple[float, float]]
"""Returns the loss and the score of a module on nights that do not train."""
Groups = Sequence[Sequence[Recording]]
"""Held-out nights; those of a group count alike together."""


@dataclass(frozen=True)
class Stage:
    """One stage of a training.

    Attributes
    ----------
    name : str
        Stands in the history.
    training : Training
        Passes, rates, sizes.
    draw : Draw
        How batches are drawn.
    objective : callable
        From a :class:`Step` to a loss.
    compose : callable
        From (rows, index, generator) to scaled signals; more than the rows themselves in mixup.
    rates : sequence of (str, float)
        Patterns of parameter names with a factor of the learning rate; 0 freezes them.
    extra : torch.nn.Module, optional
        Trained beside the network and thrown away, such as a discriminator.
    setting : str
        What of the above a digest cannot see, as text, for resuming.
    frozen : callable, optional
        Called with the network after it was put in training mode, to put parts of it back.
    folds : int
        Inner folds over the target's subjects that choose how many passes are kept; 0 to keep the last.
    judge : callable, optional
        From groups of held-out nights, which count alike, and transfers to a :data:`Judge`, where it is another than
        that of staging.
    """

    name: str
    training: Training
    draw: Draw = field(default_factory=Draw)
    objective: Objective = supervised
    compose: Compose = lambda rows, index, rng: rows.signals(index)
    rates: Sequence[tuple[str, float]] = ()
    extra: nn.Module | None = None
    setting: str = ""
    frozen: Callable[[nn.Module], None] | None = None
    folds: int = 0
    judge: Callable[[Groups, Sequence[Any]], Judge] | None = None
