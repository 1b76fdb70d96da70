"""What all stages on the target have in common."""

import json
from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from msgspec.structs import replace

from ..data.recording import Recording
from ..models.inner import inner_split
from ..models.network import NetworkTransfer
from ..models.settings import BatchSize, Rate, Training
from ..models.stage import Stage
from ..typed import Count


class TargetStage(NetworkTransfer, frozen=True):
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

    passes: Count = 4
    lr: Rate = 5e-4
    batch_size: BatchSize = 128
    pass_epochs: Count = 2048
    holdout: Annotated[float, msgspec.Meta(ge=0, le=0.5)] = 0.2
    patience: Count = 0

    uses_target = True

    def stage(self, base: Training, name: str = "", **parts: Any) -> Stage:
        """Return the stage: training as for the source, with the settings above put over it.

        Parameters
        ----------
        base : Training
            Of the network.
        name : str
            Of the stage, where it is another than that of the transfer.
        **parts
            Of :class:`beetl_task1.models.stage.Stage`.
        """
        own = {name: getattr(self, name) for name in TargetStage.__struct_fields__}
        return Stage(name or self.name, replace(base, **own), setting=json.dumps(self.table()), **parts)

    def split(self, target: Sequence[Recording], seed: int) -> tuple[list[Recording], list[Recording]]:
        """Return target nights that train, and those of inner held-out subjects."""
        return inner_split(target, self.holdout, seed)
