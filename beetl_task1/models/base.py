"""What every model of the zoo can do, and what it is given to work with."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self, runtime_checkable

import msgspec
import numpy as np

from ..data.recording import Recording
from ..progress import Progress
from ..store import Store
from ..typed import Settings as BaseSettings
from ..typed import overlaid

Row = dict[str, Any]
"""A row of a network's history."""


@dataclass(frozen=True)
class Resources:
    """Where and how to compute; changes no result, but for networks by the rounding of sums."""

    cache: Path | None = None  # folder of what is computed once: features, signals, stages of networks
    jobs: int = 1  # processes, or threads of a network
    progress: Progress | None = None  # told about long work
    device: str = "auto"  # where networks compute: "cpu", "cuda", "mps", or "auto" for what is there
    resume: bool = True  # whether networks go on from what a killed or an earlier run left in the cache
    log: Callable[[Row], None] | None = None  # called with each row of a network's history as it comes

    @property
    def store(self) -> Store:
        """What is kept in ``cache``."""
        return Store(self.cache)

    def of_worker(self, at_once: int) -> "Resources":
        """Return how one of several workers computes: silently, and with one thread if so many share this machine."""
        return replace(self, progress=None, log=None, jobs=1 if at_once > 1 else self.jobs)


@runtime_checkable
class Predictor(Protocol):
    """A model that is given nights, not stacked arrays, and roles by name."""

    @property
    def is_network(self) -> bool:
        """Whether it is a network: transfers for networks fit it, and its layers may be fitted to each night."""

    def prepare(self, recordings: Sequence[Recording]) -> None:
        """Do ahead what does not depend on labels or folds, such as features."""

    def fit(
        self, *, source: Sequence[Recording], target: Sequence[Recording], unlabelled: Sequence[Recording] = ()
    ) -> Self:
        """Learn from labelled source and target nights; unlabelled test nights are for methods that say so."""

    def predict_proba(self, recording: Recording) -> np.ndarray:
        """Return the probability of each stage, shape ``(n_epochs, 6)``; rows sum to 1."""


@runtime_checkable
class StagedPredictor(Predictor, Protocol):
    """A predictor that learns from the source first, and goes on from there."""

    def fit_source(self, *, source: Sequence[Recording]) -> Self:
        """Learn from the source alone."""

    def fit_target(
        self, *, source: Sequence[Recording], target: Sequence[Recording], unlabelled: Sequence[Recording] = ()
    ) -> Self:
        """Go on from what :meth:`fit_source` learned."""

    def branched(self) -> Self:
        """Return a predictor that goes on from the same state and leaves this one as it is."""


class Transfer(BaseSettings, frozen=True):
    """How a model is carried over to the target; its fields are what a recipe may set."""

    name: ClassVar[str] = ""  # as a recipe has it
    for_networks: ClassVar[bool] = True  # or for models on features
    uses_target: ClassVar[bool] = False  # whether labelled target nights train
    uses_unlabelled: ClassVar[bool] = False  # whether the unlabelled nights that are to be predicted train
    in_source: ClassVar[bool] = False  # whether it changes the module or every stage, that on the source among them
    by_night: ClassVar[bool] = False  # whether it fits layers to each night

    def table(self) -> dict[str, Any]:
        """Return the table of a recipe that makes this transfer: its name and all its parameters."""
        return {"name": self.name, **msgspec.to_builtins(self)}


class Model(Predictor):
    """A predictor of the registry: complete when it is made, and kept as bytes.

    Parameters
    ----------
    settings : Settings
        As :meth:`resolve` gives them.
    seed : int
        Seed of everything random in it.
    resources : Resources
        Where and how to compute.
    transfers : sequence of Transfer
        How it is carried over to the target; :func:`beetl_task1.transfer.check_transfers` says which fit.
    """

    Settings: ClassVar[type[BaseSettings]]  # what a recipe may set
    is_network: ClassVar[bool]
    by_night: ClassVar[bool] = False  # whether transfers may fit its layers to each night
    uses_target: ClassVar[bool] = True  # whether it learns from labelled target nights without any transfer
    uses_unlabelled: ClassVar[bool] = False

    def __init__(self, settings: Any, *, seed: int, resources: Resources, transfers: Sequence[Any] = ()):
        self.settings, self.seed, self.resources, self.transfers = settings, seed, resources, tuple(transfers)

    @classmethod
    def resolve(cls, values: Mapping[str, Any], where: str) -> BaseSettings:
        """Return all settings, the defaults and what a recipe sets over them, or a :class:`BeetlError` at ``where``."""
        return overlaid(cls.Settings(), values, where)

    def versions(self) -> dict[str, str]:
        """Return versions that saved weights depend on, such as that of the features."""
        raise NotImplementedError

    def to_bytes(self) -> bytes:
        """Return what was learned; nothing in it is run when it is read."""
        raise NotImplementedError

    def from_bytes(self, content: bytes) -> Self:
        """Take over what a model of the same settings learned, or a :class:`CheckpointError` if it is damaged."""
        raise NotImplementedError
