"""Models that are a torch module: how it is made, fitted to a night, asked and kept."""

import contextlib
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import ClassVar, Self

import numpy as np
import torch
from torch import nn

from ..data.recording import Recording
from ..errors import BeetlError, one_line
from ..parallel import check_shared, each
from ..scoring import leaderboard_score
from ..task import N_CHANS, N_OUTPUTS, N_TIMES, SFREQ
from ..typed import Settings
from .base import Model, Transfer
from .modules import find_device, layers_of, outputs, own_generator, pack, threads, unpack
from .settings import Loss, Training
from .signals import SIGNALS, Scaling, lay_ready, night_signals
from .stage import Groups, Judge, Stage

NETWORK_VERSION = 2
"""Raised when the same weights would predict otherwise, or the same recipe would train otherwise."""
SIGNAL = {"n_chans": N_CHANS, "n_outputs": N_OUTPUTS, "n_times": N_TIMES, "sfreq": SFREQ}
"""What braindecode's models ask for."""
Nights = Mapping[str, Sequence[Recording]]
"""By role."""


class NetworkSettings(Settings, frozen=True):
    """What a recipe may set of every network."""

    scaling: Scaling = "night"  # how signals are scaled: :func:`beetl_task1.models.signals.scaled`
    loss: Loss = Loss()
    training: Training = Training()  # of the stage on the source


class NetworkTransfer(Transfer, frozen=True):
    """What a transfer may change of the training and the prediction of a network; here, nothing."""

    def alter(self, module: nn.Module) -> nn.Module:
        """Return the module that is trained, from that of the network."""
        return module

    def shaped(self, stage: Stage) -> Stage:
        """Return a stage, of the source or of any transfer, changed."""
        return stage

    def target_stages(self, network: "TorchModel", nights: Nights) -> Iterator[tuple[Stage, Nights]]:
        """Yield stages and their nights by role, to be run after the source one after the other."""
        return iter(())

    def predicting(self, module: nn.Module, X: np.ndarray) -> contextlib.AbstractContextManager[None]:
        """Return a context in which the module is fitted to the scaled signals of one night."""
        return contextlib.nullcontext()


class TorchModel(Model):
    """Base of what predicts with a torch module; a subclass says how the module is made and trained.

    The seed is that of initial weights, batches and dropout.
    """

    Settings: ClassVar[type[NetworkSettings]] = NetworkSettings
    settings: NetworkSettings
    transfers: tuple[NetworkTransfer, ...]
    module_: nn.Module
    is_network = True
    by_night = True

    def make_module(self) -> nn.Module:
        """Return the untrained module: ``(n, 2, 3000)`` to ``(n, 6)``."""
        raise NotImplementedError

    def fresh_module(self) -> nn.Module:
        """Return the module as transfers alter it, with weights drawn by the seed, or a :class:`BeetlError`."""
        with own_generator(self.seed), warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=FutureWarning)  # braindecode and mne, of each other
            try:
                module = self.make_module()
            except Exception as error:  # each class has its own
                what = f"{type(self).__name__} cannot be made with these [parameters]"
                raise BeetlError(f"{what} ({one_line(error, 160)}); change them") from error
            for transfer in self.transfers:
                module = transfer.alter(module)
        return module

    def prepare(self, recordings: Sequence[Recording]) -> None:
        """Lay the signals of nights ready in the cache."""
        if self.resources.cache is None:
            return
        store = self.resources.store
        tasks = [(recording, store) for recording in recordings if not store.holds(SIGNALS, recording.fingerprint)]
        if tasks:
            check_shared(store.folder)
        for done, key in enumerate(each(lay_ready, tasks), 1):
            if self.resources.progress:
                self.resources.progress(done, len(tasks), f"signals of {key}")

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return find_device(self.resources.device)

    def head(self, module: nn.Module) -> tuple[str, ...]:
        """Return the names of the submodules that make up the last layer, in the order of the signal."""
        final = dict(module.named_children()).get("final_layer")
        if isinstance(final, nn.ModuleList):  # side by side, one for each part of the signal
            return tuple(f"final_layer.{i}" for i in range(len(final)))
        return ("final_layer",) if final and list(final.parameters()) else (layers_of(module)[-1],)

    def features_and_logits(self, module: nn.Module, X: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return what the (first of the) last layers is given, flattened to ``(n, n_features)``, and what comes out."""
        seen: list[torch.Tensor] = []
        last = module.get_submodule(self.head(module)[0])
        handle = last.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
        try:
            logits = module(X)
        finally:
            handle.remove()
        return seen[-1].flatten(1), logits

    def judge(self, held_out: Groups, transfers: Sequence[NetworkTransfer]) -> Judge:
        """Return a judge by the loss, each group and each stage in it weighing alike, and the score of all nights."""
        truths = [np.concatenate([np.asarray(night.y) for night in group]) for group in held_out]

        def judged(module: nn.Module, after_step: Callable[[], None]) -> tuple[float, float]:
            found = []
            for group in held_out:
                said = []
                for night in group:
                    said.append(self.probabilities(module, night, transfers))
                    after_step()
                found.append(np.concatenate(said))
            loss = float(np.mean([_balanced_loss(y, p) for y, p in zip(truths, found, strict=True)]))
            return loss, leaderboard_score(np.concatenate(truths), np.concatenate(found).argmax(axis=1))

        return Judge(sum(map(len, held_out)), judged)

    def probabilities(self, module: nn.Module, night: Recording, transfers: Sequence[NetworkTransfer]) -> np.ndarray:
        """Return what a module says of a night, shape ``(n_epochs, 6)``, fitted to it as the transfers do."""
        X = night_signals(night, self.resources.store, self.settings.scaling)
        module.to(self.device).eval()
        with contextlib.ExitStack() as fitted:
            for transfer in transfers:
                fitted.enter_context(transfer.predicting(module, X))
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


def _balanced_loss(y: np.ndarray, p: np.ndarray) -> float:
    """Return the cross-entropy of probabilities, each stage that is there weighing alike."""
    counts = np.bincount(y, minlength=N_OUTPUTS)
    weight = 1 / counts[y] / (counts > 0).sum()
    return float(-(np.log(np.maximum(p[np.arange(len(y)), y], 1e-7)) * weight).sum())
