"""Losses over batches of logits, from the settings of a recipe and the counts of the labels that train."""

import contextlib
from collections.abc import Iterator

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm

from ..task import N_OUTPUTS
from .settings import Loss

CLASS_AWARE = (1.0, 1.5, 1.0, 1.0, 1.0, 1.0)
"""``mu_k`` of the class-aware weights: S1 is the stage that is confused most (Eldele et al. 2021 give it 1.5)."""


def class_weights(loss: Loss, y: np.ndarray) -> np.ndarray:
    """Return the weight of each stage, shape ``(6,)``, mean 1 over the epochs given; 0 where a stage is absent.

    Parameters
    ----------
    loss : Loss
        Names the rule.
    y : array (n_epochs,)
        Labels that train.
    """
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
    """The loss of a batch.

    Parameters
    ----------
    loss : Loss
        Settings.
    y : array (n_epochs,)
        Labels that train; weights and frequencies are counted over them.
    device : torch.device
        Where batches are.
    """

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


def virtual_adversarial(
    module: nn.Module, X: torch.Tensor, logits: torch.Tensor, radius: float, rng: torch.Generator
) -> torch.Tensor:
    """Return how far the nearest adversarial direction moves the predictions (Miyato et al. 2018), one power iteration.

    Parameters
    ----------
    module : torch.nn.Module
        Network.
    X : tensor (n, 2, 3000)
        Scaled signals.
    logits : tensor (n, 6)
        Of ``X``; held fixed.
    radius : float
        Norm of the perturbation, times the norm of a signal of standard deviation 1.
    rng : torch.Generator
        Draws the first direction.
    """
    with _statistics_at_rest(module):
        return _adversarial(module, X, logits, radius, rng)


@contextlib.contextmanager
def _statistics_at_rest(module: nn.Module) -> Iterator[None]:
    """Keep perturbed signals out of the running statistics of batch normalisation."""
    layers = [part for part in module.modules() if isinstance(part, _BatchNorm)]
    before = [layer.momentum for layer in layers]
    for layer in layers:
        layer.momentum = 0.0
    try:
        yield
    finally:
        for layer, momentum in zip(layers, before, strict=True):
            layer.momentum = momentum


def _adversarial(module: nn.Module, X, logits, radius: float, rng: torch.Generator) -> torch.Tensor:
    fixed = functional.softmax(logits.detach().float(), dim=1)
    direction = _unit(torch.randn(X.shape, generator=rng).to(X))
    direction = (direction * 1e-2 * X[0].numel() ** 0.5).requires_grad_()
    distance = _divergence(module(X + direction), fixed)
    (gradient,) = torch.autograd.grad(distance, direction)
    return _divergence(module(X + radius * X[0].numel() ** 0.5 * _unit(gradient)), fixed)


def _divergence(logits: torch.Tensor, fixed: torch.Tensor) -> torch.Tensor:
    return functional.kl_div(functional.log_softmax(logits.float(), dim=1), fixed, reduction="batchmean")


def _unit(direction: torch.Tensor) -> torch.Tensor:
    norm = direction.flatten(1).norm(dim=1).clamp_min(1e-12)
    return direction / norm[:, None, None]
