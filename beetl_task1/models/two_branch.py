"""The network with a coarse and a fine branch of the entry by Nahlik (BEETL leaderboard phase, 1st), written anew."""

import torch
from torch import nn

from ..task import N_CHANS, N_OUTPUTS
from ..typed import AtLeast1, Share
from .network import Network
from .settings import Loss
from .torch_model import NetworkSettings

COARSE, FINE = (401, 50, 5), (51, 5, 7)
"""Kernel and stride of the first convolution of either branch, and kernel of the later ones."""


class TwoBranch(Network):
    """Two branches of convolutions along time, one with long and one with short kernels, each pooled to its maximum.

    By default trained with focal loss, label smoothing and virtual adversarial training.
    """

    class Settings(NetworkSettings, frozen=True):
        """What a recipe may set."""

        n_filters: AtLeast1 = 32  # of the first convolution; later ones have twice as many
        drop_prob: Share = 0.3  # dropout
        loss: Loss = Loss(name="focal", label_smoothing=0.05, vat=1.0)

    settings: Settings

    def make_module(self) -> nn.Module:
        """Return the untrained module."""
        return Branches(self.settings.n_filters, self.settings.drop_prob)


class Branches(nn.Module):
    """Both branches side by side, then one linear layer."""

    def __init__(self, n_filters: int, drop_prob: float):
        super().__init__()
        self.coarse, self.fine = _branch(n_filters, drop_prob, *COARSE), _branch(n_filters, drop_prob, *FINE)
        self.drop, self.final_layer = nn.Dropout(drop_prob), nn.Linear(4 * n_filters, N_OUTPUTS)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Return the logits, shape ``(n, 6)``."""
        logits: torch.Tensor = self.final_layer(self.drop(torch.cat([self.coarse(X), self.fine(X)], dim=1)))
        return logits


def _branch(n: int, drop_prob: float, kernel: int, stride: int, later: int) -> nn.Sequential:
    layers = [nn.Conv1d(N_CHANS, n, kernel, stride, kernel // 2, bias=False), nn.BatchNorm1d(n), nn.ReLU()]
    for wide in (n, 2 * n):
        layers += [
            nn.MaxPool1d(2), nn.Dropout(drop_prob),
            nn.Conv1d(wide, 2 * n, later, padding=later // 2, bias=False), nn.BatchNorm1d(2 * n), nn.ReLU(),
        ]  # fmt: skip
    return nn.Sequential(*layers, nn.AdaptiveMaxPool1d(1), nn.Flatten())
