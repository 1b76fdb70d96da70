"""AdaBN: the statistics of batch normalisation are those of the night that is predicted."""

import contextlib
from dataclasses import dataclass

import numpy as np

from ..errors import BeetlError
from ..models.checks import check_number
from ..models.network import NetworkTransfer
from .registry import register_transfer


@register_transfer("adabn")
@dataclass
class AdaBN(NetworkTransfer):
    """Put each night's own statistics in place of those of the source when it is predicted (Li et al. 2018).

    Labels are not used. A night is a domain of its own here, since people differ more than the groups do.

    Parameters
    ----------
    strength : float
        Share of the night in the statistics; the rest stays with the source.
    """

    strength: float = 1.0

    for_networks = True
    by_night = True

    def __post_init__(self):
        check_number("transfer adabn", "strength", self.strength, 0, 1)

    def alter(self, module):
        """Return the module as it is, if it has something to adapt."""
        check_batch_norm(module, "adabn")
        return module

    @contextlib.contextmanager
    def predicting(self, network, module, X: np.ndarray):
        """Measure the night layer by layer; the statistics of the source are put back at the end."""
        from ..models.engine import outputs
        from .night_statistics import in_order, moments

        layers = batch_norms(module)
        before = [(layer.running_mean.clone(), layer.running_var.clone()) for layer in layers]
        try:
            for layer in in_order(layers, lambda: outputs(module, X))[0]:
                mean, var = moments(layer, lambda: outputs(module, X))
                layer.running_mean.lerp_(mean.to(layer.running_mean), self.strength)
                layer.running_var.lerp_(var.to(layer.running_var), self.strength)
            yield
        finally:
            for layer, (mean, var) in zip(layers, before, strict=True):
                layer.running_mean.copy_(mean)
                layer.running_var.copy_(var)


def batch_norms(module) -> list:
    """Return the layers of batch normalisation, in the order in which they were made."""
    from torch.nn.modules.batchnorm import _BatchNorm

    return [part for part in module.modules() if isinstance(part, _BatchNorm)]


def check_batch_norm(module, name: str) -> None:
    """Refuse a network without batch normalisation."""
    if not batch_norms(module):
        raise BeetlError(
            f"transfer {name}: the network has no batch normalisation; set apply_batch_norm = true in [parameters], "
            "or choose a network that has it"
        )
