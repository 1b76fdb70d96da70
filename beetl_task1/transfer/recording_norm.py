"""The layer that standardises features by recording."""

import contextlib
from collections.abc import Callable, Iterator

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from ..task import N_CHANS
from .night_statistics import moments, weighted_moments

MOMENTUM = 0.05
EPS = 1e-5


class RecordingNorm(nn.Module):
    """Standardise each channel over epochs and time, recording by recording, then a shared affine.

    Where no recording is named, the statistics of the night that is predicted count, or else the running mean over
    training recordings.

    Parameters
    ----------
    n_features : int
        Channels, the second dimension of what comes in.
    """

    def __init__(self, n_features: int):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(n_features)), nn.Parameter(torch.zeros(n_features))
        self.register_buffer("running_mean", torch.zeros(n_features))
        self.register_buffer("running_var", torch.ones(n_features))
        self.groups: torch.Tensor | None = None
        self.weights: torch.Tensor | None = None
        self.own: tuple[torch.Tensor, torch.Tensor] | None = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the standardised features."""
        if self.groups is not None:
            return self._by_group(x)
        mean, var = (self.running_mean, self.running_var) if self.own is None else self.own
        return self._standardised(x, mean, var)

    def measure(self, forward: Callable[[], object], strength: float, weights: torch.Tensor | None = None) -> None:
        """Take the statistics of a night, given that the layers before this one have theirs.

        Parameters
        ----------
        forward : callable
            Sends the night through the module.
        strength : float
            Share of the night; the rest is the mean over the training recordings.
        weights : tensor (n_epochs,), optional
            Weight of each epoch.
        """
        training, found = (self.running_mean, self.running_var), moments(self, forward, weights)
        self.own = tuple(torch.lerp(a, b.to(a), strength) for a, b in zip(training, found, strict=True))

    def _by_group(self, x: torch.Tensor) -> torch.Tensor:
        out = torch.empty_like(x)
        rows = len(x) // len(self.groups)  # channels may pass a trunk as rows
        groups, weights = self.groups.repeat_interleave(rows), self.weights.to(x.dtype).repeat_interleave(rows)
        for group in torch.unique(groups):
            here = groups == group
            mean, var = weighted_moments(x[here], weights[here])
            out[here] = self._standardised(x[here], mean, var).to(out.dtype)
            if not self.training:
                continue
            with torch.no_grad():
                self.running_mean.lerp_(mean.detach().to(self.running_mean), MOMENTUM)
                self.running_var.lerp_(var.detach().to(self.running_var), MOMENTUM)
        return out

    def _standardised(self, x: torch.Tensor, mean: torch.Tensor, var: torch.Tensor) -> torch.Tensor:
        shape = [1, -1] + [1] * (x.dim() - 2)
        scale = self.weight / torch.sqrt(var + EPS)
        return x * scale.view(shape) + (self.bias - mean * scale).view(shape)


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


def _align_input(module: nn.Module, inputs: tuple) -> tuple:
    return (module.input_alignment(inputs[0]), *inputs[1:])


@contextlib.contextmanager
def grouped(module: nn.Module, night: torch.Tensor, weights: torch.Tensor | None = None) -> Iterator[None]:
    """Tell which epochs of a batch belong to one recording, and how much each counts in its statistics."""
    weights = torch.ones(len(night), device=night.device) if weights is None else weights
    for layer in recording_norms(module):
        layer.groups, layer.weights = night, weights
    try:
        yield
    finally:
        for layer in recording_norms(module):
            layer.groups = layer.weights = None


def released(module: nn.Module) -> None:
    """Forget the night."""
    for layer in recording_norms(module):
        layer.own = None


def recording_norms(module: nn.Module) -> list[RecordingNorm]:
    """Return the layers of alignment."""
    return [part for part in module.modules() if isinstance(part, RecordingNorm)]
