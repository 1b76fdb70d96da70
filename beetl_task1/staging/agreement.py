"""How far a staged night agrees with a scorer's."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import cohen_kappa_score

from ..errors import DataError
from ..hypnograms.formats import read_hypnogram
from ..hypnograms.names import UNSCORED, is_known
from ..hypnograms.schemes import AASM, RK, Scheme
from ..hypnograms.spans import Hypnogram, Span, listed, near_sleep, on_grid
from ..task import EPOCH_SECONDS
from .statistics import Scored

_FEW = 0.1
_OUTSIDE = 60.0
"""s; the last epoch of a scoring is often one that the signal holds in part."""


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


def read_scored(
    path: str | Path, n_epochs: int, start: datetime | None = None, *, onsets: np.ndarray | None = None,
    names: Mapping[str, str] | None = None,
) -> Scored:  # fmt: skip
    """Read a scorer's stages of a recording with so many epochs and that start.

    Each epoch gets the stage that most of it has; ``onsets`` (n_epochs,) are theirs in s, where there are gaps;
    ``names`` as in :func:`beetl_task1.hypnograms.formats.read_hypnogram`.

    Raises
    ------
    DataError
        The file is missing, cannot be read, or names no stage within the recording.
    """
    end = n_epochs * float(EPOCH_SECONDS) if onsets is None else float(onsets[-1]) + EPOCH_SECONDS
    hypnogram = read_hypnogram(path, start, seconds=end, names=names)
    stages = on_grid(hypnogram.spans, n_epochs, onsets=onsets)
    if (stages == UNSCORED).all():
        raise DataError(
            f"{path}: expected stages such as 'Sleep stage 2' or 'N2' within the recording, got "
            f"{hypnogram.names[:4]} outside of it; give the hypnogram of this recording"
        )
    scored = int((stages != UNSCORED).sum())
    few = [f"it covers {scored} of the recording's {n_epochs} epochs"] if scored < _FEW * n_epochs else []
    found = (*hypnogram.notes, *few, *_outside(hypnogram, end), *_lost(hypnogram, n_epochs, onsets))
    return Scored(stages, hypnogram.scheme, tuple(f"scoring: {note}" for note in found))


def _outside(hypnogram: Hypnogram, end: float) -> list[str]:
    """Return what to say of stages before or after the recording."""
    scored = [span for span in hypnogram.spans if span.stage != UNSCORED]
    total = sum(span.duration for span in scored)
    inside = sum(max(0.0, min(end, span.onset + span.duration) - max(0.0, span.onset)) for span in scored)
    if total - inside <= _OUTSIDE:
        return []
    outside, scored_min = (total - inside) / 60, total / 60
    return [f"{outside:.1f} of its {scored_min:.1f} scored min lie outside the recording of {end / 60:.1f} min"]


def _lost(hypnogram: Hypnogram, n_epochs: int, onsets: np.ndarray | None) -> list[str]:
    """Return what to say of names that are no stage, where they alone lie over epochs."""

    def covered(spans: list[Span]) -> np.ndarray:
        return np.asarray(on_grid([replace(span, name="W") for span in spans], n_epochs, onsets=onsets) == 0)

    known = covered([span for span in hypnogram.spans if is_known(span.name)])
    unknown = {span.name for span in hypnogram.spans if not is_known(span.name)}
    counts = {name: int((covered([s for s in hypnogram.spans if s.name == name]) & ~known).sum()) for name in unknown}
    lost = {name: count for name, count in counts.items() if count}
    if not lost:
        return []
    return [f"these names are no stage that is known, and their epochs count as not scored: {listed(lost)}; "
            f"if they are stages, say which with --stage-names"]  # fmt: skip


def agreement_of(stages: np.ndarray, scheme: Scheme, scored: Scored) -> Agreement:
    """Compare stages, as labels of their scheme, with a scorer's: in five stages where either has only five."""
    both = scored.stages >= 0
    common = AASM if AASM in (scheme, scored.scheme) else RK
    truth, found = common.labels(scored.stages[both]), np.asarray(stages)[both]
    if scheme != common:
        found = common.labels(found)
    confusion = np.zeros((len(common.short),) * 2, dtype=np.int64)
    np.add.at(confusion, (truth, found), 1)
    accuracy = float(np.mean(truth == found)) if both.any() else None
    return Agreement(common.short, int(both.sum()), accuracy, kappa(truth, found), confusion)


def kappa(one: np.ndarray, other: np.ndarray) -> float | None:
    """Return Cohen's kappa, None where both know a single value."""
    return float(cohen_kappa_score(one, other)) if len(set(one) | set(other)) > 1 else None


def around_sleep(scored: Scored) -> Scored:
    """Return the scoring from 30 minutes before sleep to 30 minutes after, as sleep studies are compared."""
    kept = near_sleep(scored.stages)
    stages = np.full_like(scored.stages, UNSCORED)
    stages[kept] = scored.stages[kept]
    return replace(scored, stages=stages)
