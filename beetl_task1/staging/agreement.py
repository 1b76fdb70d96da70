"""How far a staged night agrees with a scorer's."""

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import cohen_kappa_score

from ..errors import DataError
from ..hypnograms.formats import read_hypnogram
from ..hypnograms.names import UNSCORED
from ..hypnograms.schemes import AASM, RK, Scheme
from ..hypnograms.spans import near_sleep, on_grid


@dataclass(frozen=True)
class Scored:
    """A scorer's R&K stages (n_epochs,) of a recording, -1 where not scored, and the scheme of the scoring."""

    stages: np.ndarray
    scheme: Scheme


@dataclass(frozen=True)
class Agreement:
    """How two stagings agree over the epochs that both have.

    ``accuracy`` is the share that agrees, None where no epoch was compared; ``kappa`` is Cohen's, None where both know
    a single stage; ``confusion`` (n_stages, n_stages) counts epochs, rows the scorer's, columns the models'.
    """

    stages: tuple[str, ...]
    n_epochs: int
    accuracy: float | None
    kappa: float | None
    confusion: np.ndarray

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return vars(self) | {"stages": list(self.stages), "confusion": self.confusion.tolist()}


def read_scored(path: str | Path, n_epochs: int, start: datetime | None = None) -> Scored:
    """Read a scorer's stages of a recording with so many epochs and that start; each gets the stage at its middle.

    Raises
    ------
    DataError
        The file is missing, cannot be read or names no stage.
    """
    hypnogram = read_hypnogram(path, start)
    stages = on_grid(hypnogram.spans, n_epochs)
    if (stages == UNSCORED).all():
        raise DataError(
            f"{path}: expected stages such as 'Sleep stage 2' or 'N2' within the recording, got "
            f"{hypnogram.names[:4]}; give the hypnogram of this recording"
        )
    return Scored(stages, hypnogram.scheme)


def agreement_of(stages: np.ndarray, scheme: Scheme, scored: Scored) -> Agreement:
    """Compare stages, as labels of their scheme, with a scorer's: in five stages where either has only five."""
    both = scored.stages >= 0
    common = AASM if AASM in (scheme, scored.scheme) else RK
    truth, found = common.labels(scored.stages[both]), np.asarray(stages)[both]
    if scheme != common:
        found = common.labels(found)
    several = len(set(truth) | set(found)) > 1
    confusion = np.zeros((len(common.short),) * 2, dtype=np.int64)
    np.add.at(confusion, (truth, found), 1)
    return Agreement(
        stages=common.short,
        n_epochs=int(both.sum()),
        accuracy=float(np.mean(truth == found)) if both.any() else None,
        kappa=float(cohen_kappa_score(truth, found)) if several else None,
        confusion=confusion,
    )


def around_sleep(scored: Scored) -> Scored:
    """Return the scoring from 30 minutes before sleep to 30 minutes after, as sleep studies are compared."""
    kept = near_sleep(scored.stages)
    stages = np.full_like(scored.stages, UNSCORED)
    stages[kept] = scored.stages[kept]
    return replace(scored, stages=stages)
