"""What all stages on the target have in common."""

import json
from typing import Any

from msgspec.structs import replace

from ..errors import BeetlError
from ..models.settings import BatchSize, Rate, Training
from ..models.stage import Stage
from ..models.torch_model import NetworkTransfer
from ..typed import Count


class TargetStage(NetworkTransfer, frozen=True):
    """A stage that goes on from the weights of the source, for as many passes as inner folds over its subjects choose.

    In each of ``folds``, as many as subjects at most, it runs without some subjects and is judged on those, before the
    first pass and after each. The number of passes with the lowest loss, the mean over all subjects, is then run on all
    of them; with 0 passes the stage is undone. With 0 folds, or one subject, there is no choice, and the last pass is
    kept.
    """

    passes: Count = 4  # at most
    lr: Rate = 5e-4  # the largest one
    batch_size: BatchSize = 128  # epochs, of all roles together
    pass_epochs: Count = 2048  # epochs drawn for a pass at most, of all roles together
    patience: Count = 0  # passes without a better held-out loss after which an inner fold ends; 0 for never
    folds: Count = 3

    uses_target = True

    def __post_init__(self) -> None:
        if self.folds == 1:
            raise BeetlError(f"transfer {self.name}: folds is 1; expected 0, for no choice, or at least 2")

    def stage(self, base: Training, name: str = "", **parts: Any) -> Stage:
        """Return the stage: the network's training with the above put over it, under the transfer's name or another."""
        own = {key: getattr(self, key) for key in ("passes", "lr", "batch_size", "pass_epochs", "patience")}
        training, setting = replace(base, **own), json.dumps(self.table())
        return Stage(name or self.name, training, folds=self.folds, setting=setting, **parts)
