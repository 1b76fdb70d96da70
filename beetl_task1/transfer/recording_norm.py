"""The layer that standardises features by recording."""

import contextlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from ..task import N_CHANS
from .night_statistics import Moments, moments, weighted_moments

MOMENTUM = 0.05
EPS = 1e-5


class Groups(NamedTuple):
    """The recordings of a batch: the number of that of each epoch, and the weight of each in its statistics."""

    night: torch.Tensor
    weights: torch.Tensor


class RecordingNorm(nn.Module):
    """Standardise each channel, the second dimension, over epochs and time by recording, then a shared affine.

    Within :meth:`using` the recordings of the batch, or the moments that it is given, count; else the running mean over
    training recordings.
    """

    running_mean: torch.Tensor
    running_var: torch.Tensor

    def __init__(self, n_features: int):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(n_features)), nn.Parameter(torch.zeros(n_features))
        self.register_buffer("running_mean", torch.zeros(n_features))
        self.register_buffer("running_var", torch.ones(n_features))
        self.track_running_stats = True
        self._by: Groups | Moments | None = None

    @contextlib.contextmanager
    def using(self, by: Groups | Moments) -> Iterator[None]:
        """Standardise by the recordings of a batch or by given moments, as long as the context is open."""
        before, self._by = self._by, by
        try:
            yield
        finally:
            self._by = before

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the standardised features."""
        if isinstance(self._by, Groups):
            return self._by_group(x, self._by)
        return self._standardised(x, self._by or Moments(self.running_mean, self.running_var))

    def measured(self, forward: Callable[[], object], strength: float, weights: torch.Tensor | None = None) -> Moments:
        """Return the moments of a night that ``forward`` sends, given that the layers before this one use theirs.

        ``strength`` is the share of the night; the rest is the mean over the training recordings.
        """
        training, found = (self.running_mean, self.running_var), moments(self, forward, weights)
        return Moments(*(torch.lerp(a, b.to(a), strength) for a, b in zip(training, found, strict=True)))

    def _by_group(self, x: torch.Tensor, by: Groups) -> torch.Tensor:
        out = torch.empty_like(x)
        rows = len(x) // len(by.night)  # channels may pass a trunk as rows
        groups, weights = by.night.repeat_interleave(rows), by.weights.repeat_interleave(rows)
        for group in torch.unique(groups):
            here = groups == group
            found = weighted_moments(x[here].float(), weights[here])
            out[here] = self._standardised(x[here], found).to(out.dtype)
            if self.training and self.track_running_stats:
                self.running_mean.lerp_(found.mean.detach().to(self.running_mean), MOMENTUM)
                self.running_var.lerp_(found.var.detach().to(self.running_var), MOMENTUM)
        return out

    def _standardised(self, x: torch.Tensor, by: Moments) -> torch.Tensor:
        shape = [1, -1] + [1] * (x.dim() - 2)
        scale = self.weight / torch.sqrt(by.var + EPS)
        return x * scale.view(shape) + (self.bias - by.mean * scale).view(shape)


def aligned(module: nn.Module, at_input: bool) -> nn.Module:
    """Put alignment in the place of every batch normalisation, and before the input."""
    for name, part in list(module.named_modules()):
        if isinstance(part, _BatchNorm):
            parent = module.get_submodule(name.rpartition(".")[0])
            setattr(parent, name.rpartition(".")[2], RecordingNorm(part.num_features))
    if at_input:
        parts = list(module.named_children())
        for name, _ in parts:
            delattr(module, name)
        for name, part in [("input_alignment", RecordingNorm(N_CHANS)), *parts]:
            module.add_module(name, part)
        if type(module).forward is not nn.Sequential.forward:  # which runs its parts in their order
            module.register_forward_pre_hook(_align_input)
    return module


def _align_input(module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    return (module.get_submodule("input_alignment")(inputs[0]), *inputs[1:])


@contextlib.contextmanager
def grouped(module: nn.Module, night: torch.Tensor, weights: torch.Tensor | None = None) -> Iterator[None]:
    """Tell which epochs of a batch belong to one recording, and how much each counts in its statistics."""
    by = Groups(night, torch.ones(len(night), device=night.device) if weights is None else weights)
    with contextlib.ExitStack() as layers:
        for layer in recording_norms(module):
            layers.enter_context(layer.using(by))
        yield


def recording_norms(module: nn.Module) -> list[RecordingNorm]:
    """Return the layers of alignment."""
    return [part for part in module.modules() if isinstance(part, RecordingNorm)]
