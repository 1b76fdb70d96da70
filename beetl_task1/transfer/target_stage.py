"""What all stages on the target have in common."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..data.recording import Recording
from ..errors import BeetlError
from ..models.network import NetworkTransfer, inner_split
from ..models.settings import Training

SETTINGS = ("passes", "lr", "batch_size", "pass_epochs", "holdout", "patience")


@dataclass
class TargetStage(NetworkTransfer):
    """A stage that goes on from the weights of the source, and stops where inner held-out target subjects say.

    Parameters
    ----------
    passes : int
        Passes at most.
    lr : float
        Largest learning rate.
    batch_size : int
        Epochs of a batch, of all roles together.
    pass_epochs : int
        Epochs drawn for a pass at most, of all roles together.
    holdout : float
        Share of the target subjects that choose the pass whose weights are kept and do not train (at least one); 0 to
        train on all and keep the last pass. The weights before the stage compete too.
    patience : int
        Passes without a better held-out loss after which the stage ends; 0 for never.
    """

    passes: int = 4
    lr: float = 5e-4
    batch_size: int = 128
    pass_epochs: int = 2048
    holdout: float = 0.2
    patience: int = 0

    for_networks = True
    uses_target = True

    def __post_init__(self):
        self.training(Training())

    def training(self, base: Training) -> Training:
        """Return the settings of the stage: those of the network, with the above put over them."""
        own = {name: getattr(self, name) for name in SETTINGS}
        try:
            return replace(base, **own)
        except BeetlError as error:
            raise BeetlError(f"transfer {getattr(self, 'name', '')}: {error}") from error

    def split(self, target: Sequence[Recording], seed: int) -> tuple[list[Recording], list[Recording]]:
        """Return target nights that train, and those of inner held-out subjects."""
        return inner_split(target, self.holdout, seed)
