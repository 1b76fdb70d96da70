"""EEGNet, Lawhern et al. 2018."""

from .base import Resources
from .network import SIGNAL, Network
from .registry import register
from .settings import Loss, Training


@register("eegnet")
class EEGNet(Network):
    """braindecode's ``EEGNet``: filters along time, depthwise over channels, a separable convolution.

    Parameters
    ----------
    seed, resources, scaling, loss, training
        As in :class:`beetl_task1.models.network.Network`.
    F1 : int
        Filters along time.
    D : int
        Filters over channels for each of them.
    kernel_seconds : float
        Length of a filter along time.
    drop_prob : float
        Dropout.
    """

    def __init__(
        self,
        *,
        seed: int,
        resources: Resources,
        F1: int = 8,
        D: int = 2,
        kernel_seconds: float = 0.64,
        drop_prob: float = 0.25,
        scaling: str = "night",
        loss: Loss = Loss(),  # noqa: B008  (frozen)
        training: Training = Training(),  # noqa: B008
    ):
        super().__init__(seed=seed, resources=resources, scaling=scaling, loss=loss, training=training)
        self.F1, self.D, self.kernel_seconds, self.drop_prob = F1, D, kernel_seconds, drop_prob

    def make_module(self):
        """Return the untrained module."""
        from braindecode.models import EEGNet

        return EEGNet(
            **SIGNAL,
            F1=self.F1,
            D=self.D,
            kernel_length=round(self.kernel_seconds * SIGNAL["sfreq"]),
            drop_prob=self.drop_prob,
        )
