"""AdaBN: the statistics of batch normalisation are those of the night that is predicted."""

import contextlib
from collections.abc import Iterator

import numpy as np
import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from ..errors import BeetlError
from ..models.modules import copied, outputs
from ..models.torch_model import NetworkTransfer
from ..typed import Share
from .night_statistics import in_order, moments


class AdaBN(NetworkTransfer, frozen=True):
    """Put each night's own statistics in place of those of the source when it is predicted (Li et al. 2018).

    Labels are not used. A night is a domain of its own here, since people differ more than the groups do.
    """

    strength: Share = 1.0  # of the night in the statistics; the rest stays with the source

    name = "adabn"
    by_night = True

    def alter(self, module: nn.Module) -> nn.Module:
        """Return the module as it is, if it has something to adapt."""
        check_batch_norm(module, self.name)
        return module

    @contextlib.contextmanager
    def predicting(self, module: nn.Module, X: np.ndarray) -> Iterator[None]:
        """Measure the night layer by layer; the statistics of the source are put back at the end."""
        layers = in_order(batch_norms(module), lambda: outputs(module, X))[0]
        before = [copied(layer) for layer in layers]
        try:
            for layer in layers:
                for part, of_night in zip(_statistics(layer), moments(layer, lambda: outputs(module, X)), strict=True):
                    part.lerp_(of_night.to(part), self.strength)
            yield
        finally:
            for layer, weights in zip(layers, before, strict=True):
                layer.load_state_dict(weights)


def _statistics(layer: _BatchNorm) -> tuple[torch.Tensor, torch.Tensor]:
    return layer.get_buffer("running_mean"), layer.get_buffer("running_var")


def batch_norms(module: nn.Module) -> list[_BatchNorm]:
    """Return the layers of batch normalisation, in the order in which they were made."""
    return [part for part in module.modules() if isinstance(part, _BatchNorm)]


def check_batch_norm(module: nn.Module, name: str) -> None:
    """Refuse a network without batch normalisation."""
    if not batch_norms(module):
        raise BeetlError(
            f"transfer {name}: the network has no batch normalisation; set apply_batch_norm = true in [parameters], "
            "or choose a network that has it"
        )
