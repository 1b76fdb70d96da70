"""The shallow network of filters and log power, Schirrmeister et al. 2017; the start kit's example uses it."""

from .base import Resources
from .network import SIGNAL, Network
from .registry import register
from .settings import Loss, Training


@register("shallow")
class Shallow(Network):
    """braindecode's ``ShallowFBCSPNet``: filters along time and over channels, squares, mean pooling, log, one layer.

    Parameters
    ----------
    seed, resources, scaling, loss, training
        As in :class:`beetl_task1.models.network.Network`.
    n_filters : int
        Filters along time, and as many over channels.
    filter_seconds : float
        Length of a filter along time.
    drop_prob : float
        Dropout before the last layer.
    """

    def __init__(
        self,
        *,
        seed: int,
        resources: Resources,
        n_filters: int = 40,
        filter_seconds: float = 0.25,
        drop_prob: float = 0.5,
        scaling: str = "window",
        loss: Loss = Loss(weights="none"),  # noqa: B008  (frozen)
        training: Training = Training(),  # noqa: B008
    ):
        super().__init__(seed=seed, resources=resources, scaling=scaling, loss=loss, training=training)
        self.n_filters, self.filter_seconds, self.drop_prob = n_filters, filter_seconds, drop_prob

    def make_module(self):
        """Return the untrained module."""
        from braindecode.models import ShallowFBCSPNet

        return ShallowFBCSPNet(
            **SIGNAL,
            n_filters_time=self.n_filters,
            n_filters_spat=self.n_filters,
            filter_time_length=round(self.filter_seconds * SIGNAL["sfreq"]),
            drop_prob=self.drop_prob,
        )
