"""A hypnogram as spans of time under a name, and the one way from there to the grid of epochs."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from ..task import EPOCH_SECONDS
from .names import UNSCORED, is_aasm, stage_of
from .schemes import AASM, RK, Scheme

WAKE_MINUTES = 30.0
"""Minutes of Wake that are kept before the first and after the last epoch of sleep."""
_TOLERANCE = 1e-6
"""Epochs (30 us): sums of times are not exact."""


@dataclass(frozen=True)
class Span:
    """A stretch of time under one name: onset and duration in seconds, and the name as the file has it."""

    onset: float
    duration: float
    name: str

    @property
    def stage(self) -> int:
        """See :func:`beetl_task1.hypnograms.names.stage_of`."""
        return stage_of(self.name)


@dataclass(frozen=True)
class Hypnogram:
    """What a file of stages says: spans, timed from the file's own start or, without one, from the recording's.

    Where two spans overlap the later one in the file counts.
    """

    spans: tuple[Span, ...]
    start: datetime | None = None

    @property
    def names(self) -> list[str]:
        """The names in it, sorted."""
        return sorted({span.name for span in self.spans})

    @property
    def scheme(self) -> Scheme:
        """AASM if it has N1, N2 or N3."""
        return AASM if any(map(is_aasm, self.names)) else RK

    def timed_from(self, start: datetime | None) -> "Hypnogram":
        """Return it with spans timed from the start of a recording, as far as both starts are known."""
        if start is None or self.start is None:
            return self
        shift = (self.start - start).total_seconds()
        return Hypnogram(tuple(replace(span, onset=span.onset + shift) for span in self.spans), start)


def on_grid(spans: Iterable[Span], n_epochs: int, *, whole: bool = False) -> np.ndarray:
    """Return the R&K stage of each epoch of a recording, (n_epochs,) int64, -1 where not scored.

    Spans are timed from the beginning of the recording; a later one overwrites an earlier one. An epoch gets the stage
    of the span that holds its middle, or, with ``whole``, all of it.
    """
    stages = np.full(n_epochs, UNSCORED, dtype=np.int64)
    begins = np.arange(n_epochs) + (0 if whole else 0.5) + _TOLERANCE
    ends = np.arange(n_epochs) + (1 - _TOLERANCE if whole else 0.5 + _TOLERANCE)
    for span in spans:
        onset, end = span.onset / EPOCH_SECONDS, (span.onset + span.duration) / EPOCH_SECONDS
        stages[(begins >= onset) & (ends <= end)] = span.stage
    return stages


def near_sleep(stages: np.ndarray, wake_minutes: float = WAKE_MINUTES) -> slice:
    """Return the epochs from some minutes before the first sleep to as many after the last; all without sleep.

    ``stages`` (n_epochs,) are in order, -1 where not scored.
    """
    asleep = np.flatnonzero(np.asarray(stages) > 0)
    if not len(asleep):
        return slice(0, len(stages))
    margin = round(wake_minutes * 60 / EPOCH_SECONDS)
    return slice(max(0, int(asleep[0]) - margin), int(asleep[-1]) + 1 + margin)
