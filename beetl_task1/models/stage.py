"""What a stage of training is: what is drawn, what is minimised, what may move."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .batches import Draw
from .settings import Training
from .signals import Rows

if TYPE_CHECKING:  # torch takes seconds to import: only what trains or predicts does so
    import torch
    from torch import nn

    from .losses import StageLoss


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

    module: "nn.Module"
    X: "torch.Tensor"
    y: "torch.Tensor"
    labelled: "torch.Tensor"
    role: np.ndarray
    night: "torch.Tensor"
    loss: "StageLoss"
    rng: "torch.Generator"
    progress: float


def supervised(step: Step, logits: "torch.Tensor | None" = None) -> "torch.Tensor":
    """Return the loss of the labelled rows, and with it the virtual adversarial term of all rows, where it is set.

    Parameters
    ----------
    step : Step
        A batch.
    logits : tensor (n, 6), optional
        Of the batch, where they are known already.
    """
    from .losses import virtual_adversarial

    logits = step.module(step.X) if logits is None else logits
    total, settings = step.loss(logits[step.labelled], step.y[step.labelled]), step.loss.settings
    if settings.vat:
        total = total + settings.vat * virtual_adversarial(step.module, step.X, logits, settings.vat_radius, step.rng)
    return total


Objective = Callable[[Step], "torch.Tensor"]
Compose = Callable[[Rows, np.ndarray, np.random.Generator], np.ndarray]


@dataclass(frozen=True)
class Stage:
    """One stage of a training: what is drawn, what is minimised, what may move.

    Attributes
    ----------
    name : str
        Stands in the history and in the names of files.
    training : Training
        Passes, rates, sizes.
    draw : Draw
        How batches are drawn.
    objective : callable
        From a :class:`Step` to a loss.
    compose : callable, optional
        From (rows, index, generator) to scaled signals, where a batch is more than its rows, as in mixup.
    rates : sequence of (str, float)
        Patterns of parameter names with a factor of the learning rate; 0 freezes them.
    extra : torch.nn.Module, optional
        Trained beside the network and thrown away, such as a discriminator.
    setting : str
        What of the above a digest cannot see, as text, for resuming.
    frozen : callable, optional
        Called with the network after it was put in training mode, to put parts of it back.
    judge : callable, optional
        From (network, held-out nights, transfers) to a function from the module to (loss, score); by default those of
        staging.
    """

    name: str
    training: Training
    draw: Draw = field(default_factory=Draw)
    objective: Objective = supervised
    compose: Compose | None = None
    rates: Sequence[tuple[str, float]] = ()
    extra: "nn.Module | None" = None
    setting: str = ""
    frozen: Callable | None = None
    judge: Callable | None = None
