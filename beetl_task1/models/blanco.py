"""The compact sleep stager of Blanco et al. 2020."""

from .base import Resources
from .network import SIGNAL, Network
from .registry import register
from .settings import Loss, Training


@register("blanco")
class Blanco(Network):
    """braindecode's ``SleepStagerBlanco2020``: grouped convolutions along time, one linear layer.

    Parameters
    ----------
    seed, resources, scaling, loss, training
        As in :class:`beetl_task1.models.network.Network`.
    n_conv_chans : int
        Filters of a convolution.
    drop_prob : float
        Dropout before the last layer.
    apply_batch_norm : bool
        Batch normalisation after each convolution; AdaBN and latent alignment need it.
    """

    def __init__(
        self,
        *,
        seed: int,
        resources: Resources,
        n_conv_chans: int = 20,
        drop_prob: float = 0.5,
        apply_batch_norm: bool = True,
        scaling: str = "night",
        loss: Loss = Loss(),  # noqa: B008  (frozen)
        training: Training = Training(),  # noqa: B008
    ):
        super().__init__(seed=seed, resources=resources, scaling=scaling, loss=loss, training=training)
        self.n_conv_chans, self.drop_prob, self.apply_batch_norm = n_conv_chans, drop_prob, apply_batch_norm

    def make_module(self):
        """Return the untrained module."""
        from braindecode.models import SleepStagerBlanco2020

        return SleepStagerBlanco2020(
            **SIGNAL, n_conv_chans=self.n_conv_chans, drop_prob=self.drop_prob, apply_batch_norm=self.apply_batch_norm
        )
