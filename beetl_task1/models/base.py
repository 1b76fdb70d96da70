"""What every model of the zoo can do."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self, runtime_checkable

import numpy as np

from ..data.recording import Recording

Progress = Callable[[int, int, str], None]
"""Called with (done, total, text) during long work."""


@dataclass(frozen=True)
class Resources:
    """Where and how to compute; changes no result, but for networks by the rounding of sums.

    Attributes
    ----------
    cache : Path or None
        Folder of cached features.
    jobs : int
        Processes.
    progress : callable or None
        Told about long work.
    device : {"auto", "cpu", "cuda", "mps"}
        Where networks compute; ``auto`` takes what is there.
    log : callable or None
        Called with each row of a network's history as it comes.
    resume : bool
        Whether networks go on from what a killed or an earlier run of the same experiment left in ``cache``.
    """

    cache: Path | None = None
    jobs: int = 1
    progress: Progress | None = None
    device: str = "auto"
    resume: bool = True
    log: Callable[[dict], None] | None = None

    @property
    def store(self):
        from ..store import Store

        return Store(self.cache)


@runtime_checkable
class Predictor(Protocol):
    """A model that is given nights, not stacked arrays, and roles by name."""

    def fit(
        self, *, source: Sequence[Recording], target: Sequence[Recording], unlabelled: Sequence[Recording] = ()
    ) -> Self:
        """Learn from labelled source and target nights; unlabelled test nights are for methods that say so."""

    def predict_proba(self, recording: Recording) -> np.ndarray:
        """Return the probability of each stage, shape ``(n_epochs, 6)``; rows sum to 1."""


class Model(Predictor, Protocol):
    """A predictor of the registry: made from keyword parameters, kept as bytes.

    The constructor takes ``seed``, ``resources`` and the parameters that a recipe may set, and stores them.
    """

    def prepare(self, recordings: Sequence[Recording]) -> None:
        """Do ahead what does not depend on labels or folds, such as features."""

    def versions(self) -> dict[str, str]:
        """Return versions that saved weights depend on, such as that of the features."""

    def to_bytes(self) -> bytes:
        """Return what was learned; nothing in it is run when it is read."""

    def from_bytes(self, content: bytes) -> Self:
        """Take up what was learned, into a model made with the same parameters."""


@runtime_checkable
class StagedModel(Model, Protocol):
    """A model that learns from the source first, and goes on from there."""

    def fit_source(self, *, source: Sequence[Recording]) -> Self:
        """Learn from the source alone."""

    def fit_target(
        self, *, source: Sequence[Recording], target: Sequence[Recording], unlabelled: Sequence[Recording] = ()
    ) -> Self:
        """Go on from what :meth:`fit_source` learned."""

    def branched(self) -> Self:
        """Return a model that goes on from the same state and leaves this one as it is."""
