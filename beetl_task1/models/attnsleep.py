"""AttnSleep, Eldele et al. 2021, carried over to two channels."""

from collections.abc import Sequence
from typing import Any, Literal

import torch
from braindecode.models import AttnSleep
from torch import nn

from ..task import N_CHANS, N_OUTPUTS, N_TIMES
from ..typed import AtLeast1, Share
from .network import Network
from .settings import Loss
from .torch_model import SIGNAL, NetworkSettings


class AttentionSleep(Network):
    """braindecode's ``AttnSleep``, which takes one channel: a trunk for either channel, joined before the last layer.

    The trunk: convolutions with small and large kernels, recalibrated filters, two attention encoders. The loss weighs
    stages by its class-aware rule, from the counts of the labels that train.
    """

    class Settings(NetworkSettings, frozen=True):
        """What a recipe may set."""

        trunk: Literal["shared", "separate"] = "shared"  # whether both channels pass one trunk, or each its own
        n_encoders: AtLeast1 = 2  # attention encoders of a trunk
        n_filters: AtLeast1 = 30  # those that are left after recalibration
        drop_prob: Share = 0.1  # dropout in the encoders
        loss: Loss = Loss(weights="class-aware")

    settings: Settings

    def make_module(self) -> nn.Module:
        """Return the untrained module."""
        made, n_trunks = self.settings, 1 if self.settings.trunk == "shared" else N_CHANS
        own = {"n_tce": made.n_encoders, "after_reduced_cnn_size": made.n_filters, "drop_prob": made.drop_prob}
        given = SIGNAL | own | {"n_chans": 1, "return_feats": True}
        return TwoChannels([AttnSleep(**given) for _ in range(n_trunks)])


class TwoChannels(nn.Module):
    """Features of each channel side by side, by one trunk for both or one for each, then one linear layer."""

    def __init__(self, trunks: Sequence[Any]):
        super().__init__()
        self.trunks = nn.ModuleList(trunks)
        self.final_layer = nn.Linear(N_CHANS * trunks[0].len_last_layer, N_OUTPUTS)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Return the logits, shape ``(n, 6)``."""
        if len(self.trunks) == 1:
            features = self.trunks[0](X.reshape(-1, 1, N_TIMES)).reshape(len(X), -1)
        else:
            features = torch.cat([trunk(X[:, [c]]) for c, trunk in enumerate(self.trunks)], dim=1)
        logits: torch.Tensor = self.final_layer(features)
        return logits
