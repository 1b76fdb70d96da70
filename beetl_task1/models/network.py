"""Training of networks: a stage on the source, which recipes share, and those that transfers add."""

import copy
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import msgspec
import numpy as np
import torch

from ..data.recording import Recording
from ..errors import BeetlError
from ..store import key_of, sha256
from .base import Row
from .inner import Choice, by_subject, choose, inner_folds, inner_split
from .losses import StageLoss
from .modules import copied, digest_of, threads, unpack
from .signals import Rows
from .stage import Groups, Stage
from .torch_model import NETWORK_VERSION, NetworkTransfer, Nights, TorchModel
from .training import Run

KEPT, CHOSEN = "networks", "choices"
"""Kinds of what a store keeps: finished stages on the source, and held-out losses of inner folds."""


@dataclass(frozen=True)
class _Work:
    """A stage with its nights by role, the held-out ones, and how many of its passes run in which inner fold (0: none).

    A shared one is kept for other recipes, so that only what belongs to the source may decide it.
    """

    stage: Stage
    nights: Nights
    held_out: Groups
    passes: int
    fold: int = 0
    shared: bool = False


class Network(TorchModel):
    """Base of the networks of the zoo: a subclass has its settings and makes its module; everything else is here.

    ``history_`` has a row for each pass (:meth:`beetl_task1.models.training.Run.train`), and ``choices_`` says how many
    passes of each stage on the target are kept, where that was chosen.
    """

    uses_target = False
    """A network learns from the source; what it takes from the target its transfers say."""

    history_: list[Row]
    choices_: list[Choice]

    def fit(
        self, *, source: Sequence[Recording], target: Sequence[Recording], unlabelled: Sequence[Recording] = ()
    ) -> Self:
        """Train on the source, whose place the target takes where there is none, then as the transfers say."""
        if not source and not target:
            raise BeetlError("nothing to train on: no labelled night was given")
        if not source:
            source, target = target, []
        self.fit_source(source=source)
        return self.fit_target(source=source, target=target, unlabelled=unlabelled)

    def fit_source(self, *, source: Sequence[Recording]) -> Self:
        """Train from scratch on the source alone, or read the weights of the very same training from the cache."""
        self._fit_source(Stage("source", self.settings.training), source)
        return self

    def _fit_source(self, stage: Stage, source: Sequence[Recording]) -> None:
        train, held_out = inner_split(source, stage.training.holdout, self.seed)
        with threads(self.resources.jobs):
            self.module_, self.history_, self.choices_ = self.fresh_module(), [], []
            groups = [held_out] if held_out else []
            work = self._shaped(_Work(stage, {"source": train}, groups, stage.training.passes, shared=True))
            key = self._key(work)
            if not self._read(key):
                self.history_ = self._run(work, key).train() if work.passes else []
                history = json.dumps(self.history_).encode()
                self.resources.store.save(KEPT, key, history + b"\n" + self.to_bytes())

    def fit_target(
        self, *, source: Sequence[Recording], target: Sequence[Recording], unlabelled: Sequence[Recording] = ()
    ) -> Self:
        """Go on from the source stage as the transfers say."""
        hidden = [night.without_labels() if night.labelled else night for night in unlabelled]
        nights = {"source": source, "target": target, "unlabelled": hidden}
        self.module_.to(self.device)
        with threads(self.resources.jobs):
            for transfer in self.transfers:
                for stage, drawn in transfer.target_stages(self, nights) if target else ():
                    self._fit_target(stage, drawn)
        return self

    def _fit_target(self, stage: Stage, nights: Nights) -> None:
        """Run a stage on all target subjects for as many passes as inner folds over them choose."""
        passes, parts = stage.training.passes, [self.module_, *([] if stage.extra is None else [stage.extra])]
        before = [copied(part) for part in parts]

        def losses_of(fold: int, train: Sequence[Recording], held_out: Sequence[Recording]) -> list[float]:
            work = self._shaped(_Work(stage, {**nights, "target": train}, by_subject(held_out), passes, fold))
            history, losses = self._judged(work)
            for part, weights in zip(parts, before, strict=True):
                part.load_state_dict(weights)
            self.history_ = [*self.history_, *history]
            return losses

        folds = inner_folds(nights["target"], stage.folds, self.seed)
        if folds and passes:
            self.choices_ = [*self.choices_, choose(stage.name, folds, losses_of)]
            passes = self.choices_[-1].passes
        if passes:
            work = self._shaped(_Work(stage, nights, [], passes))
            self.history_ = [*self.history_, *self._run(work, self._key(work)).train()]

    def branched(self) -> Self:
        """Return a network that goes on from here, with weights and a history of its own."""
        branch = type(self)(self.settings, seed=self.seed, resources=self.resources, transfers=self.transfers)
        branch.module_, branch.history_, branch.choices_ = copy.deepcopy(self.module_), self.history_, self.choices_
        return branch

    def _shaped(self, work: _Work) -> _Work:
        stage = work.stage
        for transfer in self.transfers:
            stage = transfer.shaped(stage)
        return replace(work, stage=stage)

    def _transfers(self, work: _Work) -> list[NetworkTransfer]:
        """Return the transfers that may decide a stage."""
        return [transfer for transfer in self.transfers if transfer.in_source or not work.shared]

    def _key(self, work: _Work) -> str:
        """Return the digest of all that decides the weights after a stage."""
        stage = work.stage
        return key_of(
            type(self).__name__, NETWORK_VERSION, torch.__version__, torch.get_num_threads(), self.device.type,
            self.seed, msgspec.to_builtins(self.settings), [t.table() for t in self._transfers(work)],
            stage.name, msgspec.to_builtins(stage.training), stage.setting, work.passes, work.fold,
            {role: [_listed(night) for night in found] for role, found in work.nights.items()},
            [[_listed(night) for night in group] for group in work.held_out], digest_of(self.module_),
        )  # fmt: skip

    def _run(self, work: _Work, key: str) -> Run:
        """Return a stage with all that it needs to be run from the present weights."""
        chosen = [(role, night) for role, found in work.nights.items() for night in found]
        rows = Rows([n for _, n in chosen], [r for r, _ in chosen], self.resources.store, self.settings.scaling)
        self.module_.to(self.device)
        judge = (work.stage.judge or self.judge)(work.held_out, self._transfers(work)) if work.held_out else None
        loss = StageLoss(self.settings.loss, rows.y[rows.labelled], self.device)
        settled = (self.seed, self.device, self.resources, key, work.passes, work.fold)
        return Run(work.stage, self.module_, rows, loss, judge, *settled)

    def _judged(self, work: _Work) -> tuple[list[Row], list[float]]:
        """Return the history and the held-out losses of an inner fold, run now or before."""
        key, store = self._key(work), self.resources.store
        content = store.load(CHOSEN, key) if self.resources.resume else None
        if content is None:
            run = self._run(work, key)
            content = json.dumps([run.train(), run.losses]).encode()
            store.save(CHOSEN, key, content)
        history, losses = json.loads(content)
        return history, losses

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


def _listed(night: Recording) -> list[str]:
    """Return all of a night that may decide something."""
    labels = "" if night.y is None else sha256(night.y.tobytes())
    onsets = "" if night.onsets is None else sha256(np.asarray(night.onsets, float).tobytes())
    return [str(night.key), night.fingerprint, labels, onsets]
