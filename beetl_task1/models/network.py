"""Base of the networks: a stage of training on the source, those that transfers add, prediction night by night."""

import contextlib
import copy
import hashlib
import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar, NamedTuple, Self

import msgspec
import numpy as np
import torch
from torch import nn

from ..data.recording import Recording
from ..errors import BeetlError
from ..scoring import leaderboard_score
from ..store import key_of
from ..task import N_CHANS, N_OUTPUTS, N_TIMES, SFREQ
from ..typed import Settings
from .base import Model, Resources, Row, Transfer
from .device import find_device, own_generator, threads
from .forward import features_and_logits, layers_of, outputs
from .inner import inner_split
from .losses import StageLoss
from .settings import Loss, Training
from .signals import Rows, Scaling, night_signals, signals_of
from .stage import Judge, Stage
from .training import Run
from .weights import digest_of, one_line, pack, unpack

NETWORK_VERSION = 1
"""Raised when the same weights would predict otherwise, or the same recipe would train otherwise."""
SIGNAL = {"n_chans": N_CHANS, "n_outputs": N_OUTPUTS, "n_times": N_TIMES, "sfreq": SFREQ}
"""What braindecode's models ask for."""
SOURCE = "source"
"""The stage that recipes share."""
KEPT = "networks"
"""Kind of what a store keeps of finished stages."""
Nights = Mapping[str, Sequence[Recording]]
"""By role."""


class NetworkSettings(Settings, frozen=True):
    """What a recipe may set of every network.

    Parameters
    ----------
    scaling : {"night", "window", "fixed"}
        How signals are scaled: :func:`beetl_task1.models.signals.scaled`.
    loss : Loss
    training : Training
        Of the stage on the source.
    """

    scaling: Scaling = "night"
    loss: Loss = Loss()
    training: Training = Training()


class NetworkTransfer(Transfer, frozen=True):
    """What a transfer may change of the training and the prediction of a network; here, nothing."""

    def alter(self, module: nn.Module) -> nn.Module:
        """Return the module that is trained, from that of the network."""
        return module

    def shaped(self, stage: Stage) -> Stage:
        """Return a stage, of the source or of any transfer, changed."""
        return stage

    def target_stages(self, network: "Network", nights: Nights) -> Iterator[tuple[Stage, Nights, Sequence[Recording]]]:
        """Yield stage, nights by role and held-out nights, to be run after the source one after the other."""
        return iter(())

    def predicting(
        self, network: "Network", module: nn.Module, X: np.ndarray
    ) -> contextlib.AbstractContextManager[None]:
        """Return a context in which the module is fitted to the scaled signals of one night."""
        return contextlib.nullcontext()


class Network(Model):
    """Base of the networks of the zoo.

    A subclass has its settings and makes its module; everything else is here. Training has a stage on the source, which
    is the same for all folds and kept in the cache, and the stages that the transfers add.

    Parameters
    ----------
    settings, seed, resources, transfers
        As in :class:`beetl_task1.models.base.Model`; the seed is that of initial weights, batches and dropout.
    """

    Settings: ClassVar[type[NetworkSettings]] = NetworkSettings
    settings: NetworkSettings
    transfers: tuple[NetworkTransfer, ...]
    is_network = True
    by_night = True
    uses_target = False
    """A network learns from the source; what it takes from the target its transfers say."""

    def __init__(
        self,
        settings: NetworkSettings,
        *,
        seed: int,
        resources: Resources,
        transfers: Sequence[NetworkTransfer] = (),
    ):
        super().__init__(settings, seed=seed, resources=resources, transfers=transfers)
        self.history_: list[Row] = []

    def make_module(self) -> nn.Module:
        """Return the untrained module: ``(n, 2, 3000)`` to ``(n, 6)``."""
        raise NotImplementedError

    def fresh_module(self) -> nn.Module:
        """Return the module as the transfers alter it, with initial weights drawn by the seed.

        Raises
        ------
        BeetlError
            If it cannot be made with these parameters.
        """
        with own_generator(self.seed), warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=FutureWarning)  # braindecode and mne, of each other
            try:
                module = self.make_module()
            except (TypeError, ValueError, RuntimeError, ArithmeticError) as error:
                kind = type(self).__name__
                raise BeetlError(
                    f"{kind} cannot be made with these [parameters] ({one_line(error)}); change them"
                ) from error
            for transfer in self.transfers:
                module = transfer.alter(module)
        return module

    def prepare(self, recordings: Sequence[Recording]) -> None:
        """Lay the signals of nights ready in the cache."""
        for done, recording in enumerate(recordings, 1):
            if self.resources.cache is not None:
                signals_of(recording, self.resources.store)
            if self.resources.progress:
                self.resources.progress(done, len(recordings), f"signals of {recording.key}")

    def fit(
        self, *, source: Sequence[Recording], target: Sequence[Recording], unlabelled: Sequence[Recording] = ()
    ) -> Self:
        """Train on the source, then as the transfers say.

        Parameters
        ----------
        source, target : sequence of Recording
            Labelled nights. Without a source the target takes its place.
        unlabelled : sequence of Recording
            Nights to be predicted; used only by transfers that say so.
        """
        if not source and not target:
            raise BeetlError("nothing to train on: no labelled night was given")
        if not source:
            source, target = target, []
        self.fit_source(source=source)
        return self.fit_target(source=source, target=target, unlabelled=unlabelled)

    def fit_source(self, *, source: Sequence[Recording]) -> Self:
        """Train from scratch on the source alone, or read the weights of the very same training from the cache."""
        self._fit_source(Stage(SOURCE, self.settings.training), source)
        return self

    def _fit_source(self, stage: Stage, source: Sequence[Recording]) -> None:
        train, held_out = inner_split(source, self.settings.training.holdout, self.seed)
        with threads(self.resources.jobs):
            self.module_, self.history_ = self.fresh_module(), []
            work = self._work(stage, {"source": train}, held_out, shared=True)
            if not self._read(work.key):
                self._run(work)
                history = json.dumps(self.history_).encode()
                self.resources.store.save(KEPT, work.key, history + b"\n" + self.to_bytes())

    def fit_target(
        self, *, source: Sequence[Recording], target: Sequence[Recording], unlabelled: Sequence[Recording] = ()
    ) -> Self:
        """Go on from the source stage as the transfers say."""
        hidden = [night.without_labels() if night.labelled else night for night in unlabelled]
        nights = {"source": source, "target": target, "unlabelled": hidden}
        with threads(self.resources.jobs):
            for transfer in self.transfers:
                if transfer.uses_target and not target:
                    continue
                for stage, drawn, held_out in transfer.target_stages(self, nights):
                    self._run(self._work(stage, drawn, held_out))
        return self

    def branched(self) -> Self:
        """Return a network that goes on from here, with weights and a history of its own."""
        branch = type(self)(self.settings, seed=self.seed, resources=self.resources, transfers=self.transfers)
        branch.module_, branch.history_ = copy.deepcopy(self.module_), list(self.history_)
        return branch

    def _work(self, stage: Stage, nights: Nights, held_out: Sequence[Recording], shared: bool = False) -> "_Work":
        """Return a stage as the transfers shape it, with the key of all that decides the weights after it."""
        for transfer in self.transfers:
            stage = transfer.shaped(stage)
        alike = [t for t in self.transfers if t.in_source or not shared]  # what is kept must suit other recipes too
        key = key_of(
            type(self).__name__, NETWORK_VERSION, torch.__version__, torch.get_num_threads(), self.device.type,
            self.seed, msgspec.to_builtins(self.settings), [t.table() for t in alike],
            stage.name, msgspec.to_builtins(stage.training), stage.setting,
            {role: [_listed(night) for night in found] for role, found in nights.items()},
            [_listed(night) for night in held_out], digest_of(self.module_),
        )  # fmt: skip
        return _Work(stage, nights, held_out, alike, key)

    def _run(self, work: "_Work") -> None:
        """Run a stage from the present weights; the history grows by it."""
        if not work.stage.training.passes:
            return
        chosen = [(role, night) for role, found in work.nights.items() for night in found]
        rows = Rows([n for _, n in chosen], [r for r, _ in chosen], self.resources.store, self.settings.scaling)
        self.module_.to(self.device)
        judge = (work.stage.judge or self.judge)(work.held_out, work.transfers) if work.held_out else None
        loss = StageLoss(self.settings.loss, rows.y[rows.labelled], self.device)
        run = Run(work.stage, self.module_, rows, loss, judge, self.seed, self.device, self.resources, work.key)
        self.history_ = self.history_ + run.train()

    def _read(self, key: str) -> bool:
        """Take weights and history of a stage that was kept; return whether there were any."""
        content = self.resources.store.load(KEPT, key) if self.resources.resume else None
        if content is None:
            return False
        history, _, weights = content.partition(b"\n")
        unpack(self.module_, weights)
        self.module_.eval()
        self.history_ = json.loads(history)
        return True

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return find_device(self.resources.device)

    def head(self, module: nn.Module) -> tuple[str, ...]:
        """Return the names of the submodules that make up the last layer, in the order of the signal."""
        final = dict(module.named_children()).get("final_layer")
        return ("final_layer",) if final and list(final.parameters()) else (layers_of(module)[-1],)

    def features_and_logits(self, module: nn.Module, X: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return what the last layer is given, flattened to ``(n, n_features)``, and what it gives."""
        return features_and_logits(module, self.head(module)[0], X)

    def judge(self, held_out: Sequence[Recording], transfers: Sequence[NetworkTransfer]) -> Judge:
        """Return a judge by the loss, each stage weighing alike, and the score on held-out nights."""
        truth = np.concatenate([recording.y for recording in held_out])
        counts = np.bincount(truth, minlength=N_OUTPUTS)
        weight = 1 / counts[truth] / (counts > 0).sum()

        def judged(module: nn.Module) -> tuple[float, float]:
            p = np.concatenate([self.probabilities(module, recording, transfers) for recording in held_out])
            loss = -(np.log(np.maximum(p[np.arange(len(truth)), truth], 1e-7)) * weight).sum()
            return float(loss), leaderboard_score(truth, p.argmax(axis=1))

        return judged

    def probabilities(
        self, module: nn.Module, recording: Recording, transfers: Sequence[NetworkTransfer]
    ) -> np.ndarray:
        """Return what a module says of a night, shape ``(n_epochs, 6)``, fitted to it as the transfers do."""
        X = night_signals(recording, self.resources.store, self.settings.scaling)
        module.to(self.device).eval()
        with contextlib.ExitStack() as fitted:
            for transfer in transfers:
                fitted.enter_context(transfer.predicting(self, module, X))
            return torch.softmax(outputs(module, X).double(), dim=1).numpy()

    def predict_proba(self, recording: Recording) -> np.ndarray:
        """Return probabilities of a night, shape ``(n_epochs, 6)``."""
        with threads(self.resources.jobs):
            return self.probabilities(self.module_, recording, self.transfers)

    def versions(self) -> dict[str, str]:
        """Return the version of the networks."""
        return {"networks": str(NETWORK_VERSION)}

    def to_bytes(self) -> bytes:
        """Return the weights in the format of safetensors."""
        return pack(self.module_, type(self).__name__)

    def from_bytes(self, content: bytes) -> Self:
        """Take over weights, all of them and no others."""
        module = self.fresh_module()
        unpack(module, content)
        self.module_ = module.eval()
        return self


class _Work(NamedTuple):
    """A stage, shaped, with its nights, the transfers that it is for, and its key."""

    stage: Stage
    nights: Nights
    held_out: Sequence[Recording]
    transfers: Sequence[NetworkTransfer]
    key: str


def _listed(night: Recording) -> list[str]:
    """Return all of a night that may decide something."""
    labels = "" if night.y is None else hashlib.sha256(night.y.tobytes()).hexdigest()
    onsets = "" if night.onsets is None else hashlib.sha256(np.asarray(night.onsets, float).tobytes()).hexdigest()
    return [str(night.key), night.fingerprint, labels, onsets]
