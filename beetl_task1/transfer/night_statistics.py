"""Statistics of what comes into the layers of a network over a whole night, whatever its batches."""

from collections.abc import Callable, Sequence

import torch
from torch import nn


def in_order(layers: Sequence[nn.Module], forward: Callable[[], torch.Tensor]) -> tuple[list[nn.Module], torch.Tensor]:
    """Return layers in the order in which a signal meets them, and what ``forward`` returns."""
    met: dict[nn.Module, None] = {}
    out = _watched(layers, lambda layer, _: met.setdefault(layer), forward)
    return list(met), out


def moments(layer: nn.Module, forward: Callable[[], object]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return mean and variance of each channel that comes into a layer, over all that ``forward`` sends.

    Parameters
    ----------
    layer : torch.nn.Module
        Channels are the second dimension of its input.
    forward : callable
        Sends the night through the network.
    """
    sums = [0.0, 0.0, 0.0]

    def count(_, inputs):
        x = inputs[0].float()
        dims, n = [0, *range(2, x.dim())], x.numel() // x.shape[1]
        mean, var = x.mean(dims).cpu().double(), x.var(dims, unbiased=False).cpu().double()
        for place, part in enumerate((n, n * mean, n * (var + mean**2))):
            sums[place] = sums[place] + part

    _watched([layer], count, forward)
    mean = sums[1] / sums[0]
    return mean, (sums[2] / sums[0] - mean**2).clamp_min(0)


def _watched(layers: Sequence[nn.Module], hook: Callable, forward: Callable[[], object]):
    handles = [layer.register_forward_pre_hook(hook) for layer in layers]
    try:
        return forward()
    finally:
        for handle in handles:
            handle.remove()
