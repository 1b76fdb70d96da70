"""AttnSleep, Eldele et al. 2021, carried over to two channels."""

from ..task import N_CHANS, N_OUTPUTS, N_TIMES
from .base import Resources
from .checks import check_choice
from .network import SIGNAL, Network
from .registry import register
from .settings import Loss, Training

TRUNKS = ("shared", "separate")


@register("attnsleep")
class AttentionSleep(Network):
    """braindecode's ``AttnSleep``, which takes one channel: a trunk for either channel, joined before the last layer.

    The trunk: convolutions with small and large kernels, recalibrated filters, two attention encoders. The loss weighs
    stages by its class-aware rule, from the counts of the labels that train.

    Parameters
    ----------
    seed, resources, scaling, loss, training
        As in :class:`beetl_task1.models.network.Network`.
    trunk : {"shared", "separate"}
        Whether both channels pass one trunk, or each its own.
    n_encoders : int
        Attention encoders of a trunk.
    n_filters : int
        Filters that are left after recalibration.
    drop_prob : float
        Dropout in the encoders.
    """

    def __init__(
        self,
        *,
        seed: int,
        resources: Resources,
        trunk: str = "shared",
        n_encoders: int = 2,
        n_filters: int = 30,
        drop_prob: float = 0.1,
        scaling: str = "night",
        loss: Loss = Loss(weights="class-aware"),  # noqa: B008  (frozen)
        training: Training = Training(lr=1e-3, weight_decay=1e-3, batch_size=128),  # noqa: B008
    ):
        super().__init__(seed=seed, resources=resources, scaling=scaling, loss=loss, training=training)
        check_choice("model attnsleep", "trunk", trunk, TRUNKS)
        self.trunk, self.n_encoders, self.n_filters, self.drop_prob = trunk, n_encoders, n_filters, drop_prob

    def make_module(self):
        """Return the untrained module."""
        import torch
        from braindecode.models import AttnSleep
        from torch import nn

        def trunk():
            return AttnSleep(
                **SIGNAL | {"n_chans": 1},
                n_tce=self.n_encoders,
                after_reduced_cnn_size=self.n_filters,
                drop_prob=self.drop_prob,
                return_feats=True,
            )

        trunks = [trunk() for _ in range(1 if self.trunk == "shared" else N_CHANS)]

        class TwoChannels(nn.Module):
            """Features of each channel side by side, then one linear layer."""

            def __init__(self):
                super().__init__()
                self.trunks = nn.ModuleList(trunks)
                self.final_layer = nn.Linear(N_CHANS * trunks[0].len_last_layer, N_OUTPUTS)

            def forward(self, X):
                if len(self.trunks) == 1:
                    return self.final_layer(self.trunks[0](X.reshape(-1, 1, N_TIMES)).reshape(len(X), -1))
                parts = [trunk(X[:, [c]]) for c, trunk in enumerate(self.trunks)]
                return self.final_layer(torch.cat(parts, dim=1))

        return TwoChannels()
