"""Base of the networks: a stage of training on the source, those that transfers add, prediction night by night."""

import contextlib
import inspect
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..data.recording import Recording
from ..errors import BeetlError
from ..task import N_CHANS, N_OUTPUTS, N_TIMES, SFREQ
from .base import Resources
from .settings import Loss, Training, merged
from .signals import SignalStore, check_scaling
from .stage import Stage

if TYPE_CHECKING:
    from torch import nn

NETWORK_VERSION = 1
"""Raised when the same weights would predict otherwise, or the same recipe would train otherwise."""
SIGNAL = {"n_chans": N_CHANS, "n_outputs": N_OUTPUTS, "n_times": N_TIMES, "sfreq": SFREQ}
"""What braindecode's models ask for."""
SOURCE = "source"
"""The stage that recipes share."""
Nights = Mapping[str, Sequence[Recording]]


class NetworkTransfer:
    """What a transfer may change of the training and the prediction of a network; here, nothing.

    A recipe puts transfers into ``Network.transfers``.
    """

    uses_target = False
    """Whether labelled target nights train."""
    uses_unlabelled = False
    """Whether the unlabelled nights that are to be predicted train."""
    in_source = False
    """Whether it changes the module or every stage, that on the source among them."""

    def alter(self, module: "nn.Module") -> "nn.Module":
        """Return the module that is trained, from that of the network."""
        return module

    def shaped(self, stage: Stage) -> Stage:
        """Return a stage, of the source or of any transfer, changed."""
        return stage

    def target_stages(self, network: "Network", nights: Nights) -> Iterator[tuple[Stage, Nights, Sequence[Recording]]]:
        """Yield stage, nights by role and held-out nights, to be run after the source one after the other."""
        return iter(())

    def predicting(self, network: "Network", module: "nn.Module", X: np.ndarray) -> contextlib.AbstractContextManager:
        """Return a context in which the module is fitted to the scaled signals of one night."""
        return contextlib.nullcontext()

    def setting(self) -> str:
        """Return the transfer and its parameters as text."""
        return f"{type(self).__name__} {json.dumps(vars(self), sort_keys=True)}"


class Network:
    """Base of the networks of the zoo.

    A subclass stores its own parameters and makes its module; everything else is here. Training has a stage on the
    source, which is the same for all folds and kept in the cache, and the stages that the transfers add.

    Parameters
    ----------
    seed : int
        Seed of initial weights, batches and dropout.
    resources : Resources
        Device, threads (``jobs``), cache of signals and of the source stage.
    scaling : {"night", "window", "fixed"}
        How signals are scaled: :class:`beetl_task1.models.signals.Rows`.
    loss : Loss or mapping
        Settings of the loss; a mapping is put over the defaults of the class.
    training : Training or mapping
        Settings of the stage on the source, in the same way.
    """

    uses_target = False
    """A network learns from the source; what it takes from the target its transfers say."""
    same_over_jobs = False
    """Sums over another number of threads round otherwise, and training carries that on."""
    by_night = True
    """Whether transfers may fit its layers to each night."""
    head: tuple[str, ...] = ("final_layer",)
    """Names of the submodules that make up the last layer, in the order of the signal."""

    def __init__(
        self,
        *,
        seed: int,
        resources: Resources,
        scaling: str,
        loss: Loss | Mapping,
        training: Training | Mapping,
    ):
        self.seed, self.resources = seed, resources
        self.scaling = check_scaling(scaling)
        defaults = inspect.signature(type(self)).parameters
        self.loss = merged(defaults["loss"].default, loss)
        self.training = merged(defaults["training"].default, training)
        self.transfers: list[NetworkTransfer] = []
        self.history_: list[dict] = []

    def make_module(self) -> "nn.Module":
        """Return the untrained module: ``(n, 2, 3000)`` to ``(n, 6)``."""
        raise NotImplementedError

    def prepare(self, recordings: Sequence[Recording]) -> None:
        """Lay the signals of nights ready in the cache."""
        for done, recording in enumerate(recordings, 1):
            if self.resources.cache is not None:
                self.store().array(recording)
            if self.resources.progress:
                self.resources.progress(done, len(recordings), f"signals of {recording.key}")

    def fit(self, *, source: Sequence[Recording], target: Sequence[Recording], unlabelled: Sequence[Recording] = ()):
        """Train on the source, then as the transfers say.

        Parameters
        ----------
        source, target : sequence of Recording
            Labelled nights. Without a source the target takes its place.
        unlabelled : sequence of Recording
            Nights to be predicted; used only by transfers that say so.

        Returns
        -------
        self
        """
        if not source and not target:
            raise BeetlError("nothing to train on: no labelled night was given")
        if not source:
            source, target = target, []
        self.fit_source(source=source)
        return self.fit_target(source=source, target=target, unlabelled=unlabelled)

    def fit_source(self, *, source: Sequence[Recording]):
        """Train from scratch on the source alone, or read the weights of the very same training from the cache."""
        from . import engine

        stage = Stage(SOURCE, self.training)
        stage = self._shaped(stage)
        train, held_out = inner_split(source, self.training.holdout, self.seed)
        with engine.threads(self.resources.jobs):
            self.module_, self.history_ = engine.fresh_module(self), []
            if not engine.read_stage(self, stage, {"source": train}, held_out):
                engine.run_stage(self, stage, {"source": train}, held_out, keep=True)
        return self

    def fit_target(
        self, *, source: Sequence[Recording], target: Sequence[Recording], unlabelled: Sequence[Recording] = ()
    ):
        """Go on from the source stage as the transfers say."""
        from . import engine

        hidden = [night.without_labels() if night.labelled else night for night in unlabelled]
        nights = {"source": source, "target": target, "unlabelled": hidden}
        with engine.threads(self.resources.jobs):
            for transfer in self.transfers:
                if transfer.uses_target and not target:
                    continue
                for stage, drawn, held_out in transfer.target_stages(self, nights):
                    engine.run_stage(self, self._shaped(stage), drawn, held_out)
        return self

    def branched(self):
        import copy

        other = copy.copy(self)
        other.module_ = copy.deepcopy(self.module_)
        return other

    def _shaped(self, stage: Stage) -> Stage:
        for transfer in self.transfers:
            stage = transfer.shaped(stage)
        return stage

    def predict_proba(self, recording: Recording) -> np.ndarray:
        """Return probabilities of a night, shape ``(n_epochs, 6)``."""
        from . import engine

        with engine.threads(self.resources.jobs):
            return engine.probabilities(self, self.module_, recording)

    def versions(self) -> dict[str, str]:
        """Return the version of the networks."""
        return {"networks": str(NETWORK_VERSION)}

    def to_bytes(self) -> bytes:
        """Return the weights in the format of safetensors."""
        from . import engine

        return engine.to_bytes(self.module_, {"model": type(self).__name__})

    def from_bytes(self, content: bytes):
        """Take up weights, all of them and no others."""
        from . import engine

        self.module_ = engine.from_bytes(self, content)
        return self

    def store(self) -> SignalStore:
        """Return where signals are read from."""
        return SignalStore(self.resources.cache)


def inner_split(nights: Sequence[Recording], share: float, seed: int) -> tuple[list[Recording], list[Recording]]:
    """Hold out whole subjects, drawn by the seed; none where fewer than three are there, or none is asked for.

    Parameters
    ----------
    nights : sequence of Recording
        Labelled.
    share : float
        Of the subjects, at least one where it is not 0.
    seed : int
        Of the draw.

    Returns
    -------
    train, held_out : list of Recording
        No subject stands on both sides.
    """
    subjects = sorted({(night.key.group, night.key.subject) for night in nights})
    if not share or len(subjects) < 3:
        return list(nights), []
    n_out = max(1, round(share * len(subjects)))
    drawn = np.random.default_rng(seed).choice(len(subjects), n_out, replace=False)
    out = {subjects[i] for i in drawn}
    held_out = [night for night in nights if (night.key.group, night.key.subject) in out]
    return [night for night in nights if (night.key.group, night.key.subject) not in out], held_out
