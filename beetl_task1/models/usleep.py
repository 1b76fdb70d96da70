"""U-Sleep, Perslev et al. 2021, on single epochs."""

from .base import Resources
from .network import SIGNAL, Network
from .registry import register
from .settings import Loss, Training


@register("usleep")
class USleep(Network):
    """braindecode's ``USleep``: a deep U of convolutions along time; here each epoch is a sequence of its own.

    Parameters
    ----------
    seed, resources, scaling, loss, training
        As in :class:`beetl_task1.models.network.Network`.
    depth : int
        Steps down and up.
    n_time_filters : int
        Filters of the first step.
    complexity_factor : float
        Factor of their number from step to step.
    """

    head = ("clf", "final_layer")

    def __init__(
        self,
        *,
        seed: int,
        resources: Resources,
        depth: int = 12,
        n_time_filters: int = 5,
        complexity_factor: float = 1.67,
        scaling: str = "night",
        loss: Loss = Loss(),  # noqa: B008  (frozen)
        training: Training = Training(),  # noqa: B008
    ):
        super().__init__(seed=seed, resources=resources, scaling=scaling, loss=loss, training=training)
        self.depth, self.n_time_filters, self.complexity_factor = depth, n_time_filters, complexity_factor

    def make_module(self):
        """Return the untrained module."""
        from braindecode.models import USleep

        return USleep(
            **SIGNAL, depth=self.depth, n_time_filters=self.n_time_filters, complexity_factor=self.complexity_factor
        )
