"""DeepSleepNet, Supratak et al. 2017, on single epochs."""

from .base import Resources
from .network import SIGNAL, Network
from .registry import register
from .settings import Loss, Training


@register("deepsleepnet")
class DeepSleepNetwork(Network):
    """braindecode's ``DeepSleepNet``: convolutions with small and large kernels, a two-way LSTM, one linear layer.

    Epochs are shuffled within a recording, so the LSTM sees sequences of one epoch.

    Parameters
    ----------
    seed, resources, scaling, loss, training
        As in :class:`beetl_task1.models.network.Network`.
    small_filters : int
        Filters of the first convolution with small kernels; later ones have twice as many.
    large_filters : int
        The same of the large kernels.
    lstm_size : int
        Width of the LSTM, each way.
    drop_prob : float
        Dropout.
    """

    def __init__(
        self,
        *,
        seed: int,
        resources: Resources,
        small_filters: int = 64,
        large_filters: int = 64,
        lstm_size: int = 512,
        drop_prob: float = 0.5,
        scaling: str = "night",
        loss: Loss = Loss(),  # noqa: B008  (frozen)
        training: Training = Training(lr=5e-4),  # noqa: B008
    ):
        super().__init__(seed=seed, resources=resources, scaling=scaling, loss=loss, training=training)
        self.small_filters, self.large_filters, self.lstm_size, self.drop_prob = (
            small_filters,
            large_filters,
            lstm_size,
            drop_prob,
        )

    def make_module(self):
        """Return the untrained module."""
        from braindecode.models import DeepSleepNet

        return DeepSleepNet(
            **SIGNAL,
            small_n_filters_1=self.small_filters,
            small_n_filters_2=2 * self.small_filters,
            large_n_filters_1=self.large_filters,
            large_n_filters_2=2 * self.large_filters,
            bilstm_hidden_size=self.lstm_size,
            drop_prob=self.drop_prob,
        )
