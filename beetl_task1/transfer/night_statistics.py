"""Statistics of what comes into the layers of a network over a whole night, whatever its batches."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

import torch
from torch import nn

T = TypeVar("T")
L = TypeVar("L", bound=nn.Module)


class Moments(NamedTuple):
    """Mean and variance of each channel, each of shape ``(n_channels,)``."""

    mean: torch.Tensor
    var: torch.Tensor


def in_order(layers: Sequence[L], forward: Callable[[], torch.Tensor]) -> tuple[list[L], torch.Tensor]:
    """Return layers in the order in which a signal meets them, and what ``forward`` returns."""
    met: dict[L, None] = {}
    out = _watched(layers, lambda layer, _: met.setdefault(layer), forward)
    return list(met), out


def moments(layer: nn.Module, forward: Callable[[], object], weights: torch.Tensor | None = None) -> Moments:
    """Return mean and variance of each channel, the second dimension, that comes into a layer over a whole night.

    ``forward`` sends the night through the network, and ``weights`` are those of the epochs in that order.
    """
    means, variances = [], []

    def keep(_: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        mean, var = (part.cpu().double() for part in _moments_of_rows(inputs[0].float()))
        means.append(mean)
        variances.append(var)

    _watched([layer], keep, forward)
    mean, var = torch.cat(means), torch.cat(variances)
    weights = torch.ones(len(mean)) if weights is None else weights.repeat_interleave(len(mean) // len(weights))
    return _together(mean, var, weights)


def weighted_moments(x: torch.Tensor, weights: torch.Tensor) -> Moments:
    """Return mean and variance of each channel, the second dimension, with a weight for each row."""
    return _together(*_moments_of_rows(x), weights)


def _moments_of_rows(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    x = x.reshape(len(x), x.shape[1], -1)
    return x.mean(2), x.var(2, unbiased=False)


def _together(mean: torch.Tensor, var: torch.Tensor, weights: torch.Tensor) -> Moments:
    share = (weights / weights.sum()).to(mean)[:, None]
    of_all = (share * mean).sum(0)
    return Moments(of_all, (share * (var + (mean - of_all) ** 2)).sum(0))


def _watched(layers: Sequence[nn.Module], hook: Callable[..., Any], forward: Callable[[], T]) -> T:
    handles = [layer.register_forward_pre_hook(hook) for layer in layers]
    try:
        return forward()
    finally:
        for handle in handles:
            handle.remove()
