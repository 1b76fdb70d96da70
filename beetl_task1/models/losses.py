"""Losses over batches of logits, from the settings of a recipe and the counts of the labels that train."""

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from ..task import N_OUTPUTS
from .modules import own_generator
from .settings import Loss

CLASS_AWARE = (1.0, 1.5, 1.0, 1.0, 1.0, 1.0)
"""``mu_k`` of the class-aware weights: S1 is the stage that is confused most (Eldele et al. 2021 give it 1.5)."""


def class_weights(loss: Loss, y: np.ndarray) -> np.ndarray:
    """Return the weight of each stage, shape ``(6,)``, mean 1 over the labels ``y`` that train; 0 for an absent one."""
    counts = np.bincount(y, minlength=N_OUTPUTS).astype(float)
    share = np.divide(len(y), counts, out=np.zeros(N_OUTPUTS), where=counts > 0)
    if loss.weights == "none":
        weights = np.ones(N_OUTPUTS)
    elif loss.weights == "balanced":
        weights = share**loss.balance
    else:
        mu = np.array(CLASS_AWARE)
        weights = mu * np.maximum(1, np.log(np.maximum(mu * share, 1e-12)))
    weights = weights * (counts > 0)
    return np.asarray(weights / (weights * counts).sum() * counts.sum())


class StageLoss:
    """The loss of a batch on a device; weights and frequencies are counted over the labels ``y`` that train."""

    def __init__(self, loss: Loss, y: np.ndarray, device: torch.device):
        self.settings = loss
        self.weights = torch.tensor(class_weights(loss, y), dtype=torch.float32, device=device)
        counts = np.bincount(y, minlength=N_OUTPUTS) + 1.0
        self.log_prior = torch.tensor(np.log(counts / counts.sum()), dtype=torch.float32, device=device)

    def __call__(self, logits: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Return the mean loss over epochs, each weighted by its stage."""
        logits = logits.float() + self.settings.adjustment * self.log_prior
        each = functional.cross_entropy(
            logits, y, self.weights, reduction="none", label_smoothing=self.settings.label_smoothing
        )
        if self.settings.name == "focal":
            p = functional.softmax(logits, dim=1).gather(1, y[:, None])[:, 0]
            each = each * (1 - p) ** self.settings.gamma
        return each.sum() / self.weights[y].sum().clamp_min(1e-6)


def virtual_adversarial(module: nn.Module, X: torch.Tensor, radius: float, rng: torch.Generator) -> torch.Tensor:
    """Return how far the nearest adversarial direction moves the predictions (Miyato et al. 2018), one power iteration.

    Predictions are compared under the same dropout, and leave the running statistics of normalisation as they are.

    Parameters
    ----------
    module : torch.nn.Module
        Network.
    X : tensor (n, 2, 3000)
        Scaled signals.
    radius : float
        Norm of the perturbation, times the norm of a signal of standard deviation 1.
    rng : torch.Generator
        Draws the first direction and the dropout.
    """
    masks, size = int(torch.randint(2**62, (), generator=rng)), X[0].numel() ** 0.5

    def predicted(signals: torch.Tensor) -> torch.Tensor:
        with own_generator(masks):
            return functional.log_softmax(module(signals).float(), dim=1)

    with _statistics_at_rest(module):
        with torch.no_grad():
            fixed = predicted(X).exp()
        direction = (1e-2 * size * _unit(torch.randn(X.shape, generator=rng).to(X))).requires_grad_()
        distance = functional.kl_div(predicted(X + direction), fixed, reduction="batchmean")
        (gradient,) = torch.autograd.grad(distance, direction)
        return functional.kl_div(predicted(X + radius * size * _unit(gradient)), fixed, reduction="batchmean")


@contextlib.contextmanager
def _statistics_at_rest(module: nn.Module) -> Iterator[None]:
    """Keep perturbed signals out of running statistics."""
    layers: list[Any] = [part for part in module.modules() if getattr(part, "track_running_stats", False)]
    for layer in layers:
        layer.track_running_stats = False
    try:
        yield
    finally:
        for layer in layers:
            layer.track_running_stats = True


def _unit(direction: torch.Tensor) -> torch.Tensor:
    norm: torch.Tensor = torch.linalg.vector_norm(direction.flatten(1), dim=1).clamp_min(1e-12)
    return direction / norm[:, None, None]
