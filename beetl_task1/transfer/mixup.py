"""Supervised mixup with the target."""

from collections.abc import Iterator
from typing import Annotated

import numpy as np
from msgspec import Meta

from ..models.batches import Draw
from ..models.signals import Rows
from ..models.stage import Stage
from ..models.torch_model import Nights, TorchModel
from ..typed import Share
from .target_stage import TargetStage


class TargetMixup(TargetStage, frozen=True):
    """Mix each source epoch with a random labelled target epoch of the same stage (Nahlik, BEETL 2021).

    The sum of two signals that know nothing of each other is quieter than either: at equal shares by 3 dB. Amplitude
    tells S3 from S4, and the nights that are predicted are not mixed, so the mixture is brought back to their power. A
    pass is over the source.
    """

    most: Share = 0.6  # the share of the target is drawn between 0 and this
    target_share: Annotated[float, Meta(ge=0, le=0.95)] = 0.25  # of each batch that is target epochs as they are
    keep_power: bool = True  # divide a mixture by the root of the sum of its squared shares

    name = "mixup"

    def target_stages(self, network: TorchModel, nights: Nights) -> Iterator[tuple[Stage, Nights]]:
        """Yield the one stage."""
        roles = {"source": 1 - self.target_share} | ({"target": self.target_share} if self.target_share else {})
        stage = self.stage(network.settings.training, draw=Draw(roles), compose=self.mixed)
        yield stage, {"source": nights["source"], "target": nights["target"]}

    def mixed(self, rows: Rows, index: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return scaled signals of rows, those of the source mixed with target epochs of their stage."""
        X = rows.signals(index)
        partner = index.copy()
        for stage in np.unique(rows.y[index]):
            pool = rows.rows_of("target", stage)
            here = np.flatnonzero((rows.role[index] == "source") & (rows.y[index] == stage))
            if len(pool):
                partner[here] = rng.choice(pool, len(here))
        share = rng.uniform(0, self.most, len(index)).astype(np.float32)
        changed = np.flatnonzero(partner != index)
        if len(changed):
            part = share[changed][:, None, None]
            mixture = (1 - part) * X[changed] + part * rows.signals(partner[changed])
            X[changed] = mixture / np.sqrt((1 - part) ** 2 + part**2) if self.keep_power else mixture
        return X
