"""The two-channel sleep stager of Chambon et al. 2018."""

from .base import Resources
from .network import SIGNAL, Network
from .registry import register
from .settings import Loss, Training


@register("chambon")
class Chambon(Network):
    """braindecode's ``SleepStagerChambon2018``: a spatial filter, two convolutions along time, one linear layer.

    Parameters
    ----------
    seed, resources, scaling, loss, training
        As in :class:`beetl_task1.models.network.Network`.
    n_conv_chs : int
        Filters of a convolution.
    drop_prob : float
        Dropout before the last layer.
    apply_batch_norm : bool
        Batch normalisation after each convolution, which the paper has not: AdaBN and latent alignment need it.
    """

    def __init__(
        self,
        *,
        seed: int,
        resources: Resources,
        n_conv_chs: int = 8,
        drop_prob: float = 0.25,
        apply_batch_norm: bool = True,
        scaling: str = "night",
        loss: Loss = Loss(),  # noqa: B008  (frozen)
        training: Training = Training(),  # noqa: B008
    ):
        super().__init__(seed=seed, resources=resources, scaling=scaling, loss=loss, training=training)
        self.n_conv_chs, self.drop_prob, self.apply_batch_norm = n_conv_chs, drop_prob, apply_batch_norm

    def make_module(self):
        """Return the untrained module."""
        from braindecode.models import SleepStagerChambon2018

        return SleepStagerChambon2018(
            **SIGNAL, n_conv_chs=self.n_conv_chs, drop_prob=self.drop_prob, apply_batch_norm=self.apply_batch_norm
        )
