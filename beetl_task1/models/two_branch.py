"""The network with a coarse and a fine branch of the entry by Nahlik (BEETL leaderboard phase, 1st), written anew."""

from ..task import N_CHANS, N_OUTPUTS
from .base import Resources
from .network import Network
from .registry import register
from .settings import Loss, Training

COARSE, FINE = (401, 50), (51, 5)
"""Kernel and stride of the first convolution of either branch."""


@register("two-branch")
class TwoBranch(Network):
    """Two branches of convolutions along time, one with long and one with short kernels, each pooled to its maximum.

    By default trained with focal loss, label smoothing and virtual adversarial training.

    Parameters
    ----------
    seed, resources, scaling, loss, training
        As in :class:`beetl_task1.models.network.Network`.
    n_filters : int
        Filters of the first convolution; later ones have twice as many.
    drop_prob : float
        Dropout.
    """

    def __init__(
        self,
        *,
        seed: int,
        resources: Resources,
        n_filters: int = 32,
        drop_prob: float = 0.3,
        scaling: str = "night",
        loss: Loss = Loss(name="focal", label_smoothing=0.05, vat=1.0),  # noqa: B008  (frozen)
        training: Training = Training(),  # noqa: B008
    ):
        super().__init__(seed=seed, resources=resources, scaling=scaling, loss=loss, training=training)
        self.n_filters, self.drop_prob = n_filters, drop_prob

    def make_module(self):
        """Return the untrained module."""
        import torch
        from torch import nn

        n = self.n_filters

        def branch(kernel: int, stride: int, later: int) -> nn.Sequential:
            layers = [nn.Conv1d(N_CHANS, n, kernel, stride, kernel // 2, bias=False), nn.BatchNorm1d(n), nn.ReLU()]
            for wide in (n, 2 * n):
                layers += [
                    nn.MaxPool1d(2), nn.Dropout(self.drop_prob),
                    nn.Conv1d(wide, 2 * n, later, padding=later // 2, bias=False), nn.BatchNorm1d(2 * n), nn.ReLU(),
                ]  # fmt: skip
            return nn.Sequential(*layers, nn.AdaptiveMaxPool1d(1), nn.Flatten())

        class Branches(nn.Module):
            """Both branches side by side, then one linear layer."""

            def __init__(self, drop_prob: float):
                super().__init__()
                self.coarse, self.fine = branch(*COARSE, 5), branch(*FINE, 7)
                self.drop, self.final_layer = nn.Dropout(drop_prob), nn.Linear(4 * n, N_OUTPUTS)

            def forward(self, X):
                return self.final_layer(self.drop(torch.cat([self.coarse(X), self.fine(X)], dim=1)))

        return Branches(self.drop_prob)
