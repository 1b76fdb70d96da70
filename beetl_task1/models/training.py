"""The one training loop: a stage, pass by pass and batch by batch.

Every pass begins from seeds made of the run's seed, the stage and the number of the pass. So a run that was killed and
goes on from its last whole pass draws what an unbroken one draws, and ends with the very same weights.
"""

import hashlib
import io
import itertools
import math
import time
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.optim.lr_scheduler import ConstantLR, CosineAnnealingLR, LRScheduler, OneCycleLR

from ..errors import BeetlError
from .base import Resources, Row
from .batches import n_batches, pass_batches
from .losses import StageLoss
from .modules import copied, mixed_precision, own_generator
from .signals import Rows
from .stage import Judge, Stage, Step

STATES = "trainings"
"""Kind of what a store keeps of a training that goes on."""


@dataclass
class Run:
    """A stage with all that it needs."""

    stage: Stage
    module: nn.Module  # trained in place
    rows: Rows  # what is drawn from
    loss: StageLoss
    judge: Judge | None  # chooses the pass that is kept
    seed: int
    device: torch.device
    resources: Resources
    key: str  # digest of all that decides the result; a killed run of the same key is resumed
    passes: int  # those of the schedule that run
    fold: int = 0  # inner fold that the history names; 0 where a stage trains on all of its nights

    def __post_init__(self) -> None:
        training = self.stage.training
        beside = {} if self.stage.extra is None else {"extra": self.stage.extra}
        self.everything = nn.ModuleDict({"network": self.module, **beside})
        self.optimizer = _optimizer(self.everything, self.stage)
        self.per_pass = n_batches(self.rows, self.stage.draw, training)
        self.all_steps = training.passes * self.per_pass
        self.schedule = _schedule(self.optimizer, training.schedule, self.all_steps)
        self.history: list[Row] = []
        self.losses: list[float] = []
        self.steps = 0
        self.best_weights: dict[str, torch.Tensor] | None = None

    def train(self) -> list[Row]:
        """Train the module; the weights of the pass with the lowest held-out loss, or of the last one, are kept.

        The weights before the first pass compete as well where there is something held out.

        Returns
        -------
        list of dict
            History: one row per pass with ``seed``, ``stage``, ``fold``, ``pass``, ``train_loss``, ``valid_loss``,
            ``valid_score``, ``lr``, ``seconds`` and ``kept``.
        """
        if not self._resumed():
            self._judged()
        while len(self.history) < self.passes and not self._is_over():
            self.history.append(self._pass(len(self.history) + 1))
            self._save()
            if self.resources.log:
                self.resources.log(self.history[-1])
        if self.best_weights is not None:
            self.module.load_state_dict(self.best_weights)
        self.module.requires_grad_(True).eval()
        self.resources.store.drop(STATES, self.key)
        return [row | {"kept": not self.fold and row["pass"] == self.best_pass} for row in self.history]

    @property
    def best_pass(self) -> int:
        """Pass with the lowest held-out loss so far, 0 for none; the last one where nothing is held out."""
        return int(np.argmin(self.losses)) if self.losses else len(self.history)

    def _pass(self, number: int) -> Row:
        """Learn the batches of a pass, judge it, and return its row of the history."""
        began, stage = time.perf_counter(), self.stage
        root = [self.seed, _word(stage.name), number]
        of_torch, of_objective = np.random.SeedSequence(root).generate_state(2)
        rng, objective_rng = np.random.default_rng(root), torch.Generator().manual_seed(int(of_objective))
        batches = pass_batches(self.rows, stage.draw, stage.training, rng)
        losses: list[float] = []
        with own_generator(int(of_torch)):
            for index in batches:
                loss = self._batch(stage.compose(self.rows, index, rng), index, objective_rng)
                if not math.isfinite(loss):
                    raise BeetlError(
                        f"stage {stage.name}: the loss is not finite in pass {number}; "
                        "lower lr in [training] of the recipe, or check the signals with beetl-task1 inspect"
                    )
                losses.append(loss)
                self._tell(min(len(losses), self.per_pass), f"loss {loss:.3f}")
        seconds = time.perf_counter() - began
        valid_loss, valid_score = self._judged()
        return {
            "seed": self.seed, "stage": stage.name, "fold": self.fold, "pass": number,
            "train_loss": float(np.mean(losses)), "valid_loss": valid_loss, "valid_score": valid_score,
            "lr": max(group["lr"] for group in self.optimizer.param_groups), "seconds": round(seconds, 2),
        }  # fmt: skip

    def _batch(self, X: np.ndarray, index: np.ndarray, rng: torch.Generator) -> float:
        """Take one step of the optimiser, unless the loss is not finite, and return the loss."""
        self.everything.train()
        if self.stage.frozen:
            self.stage.frozen(self.module)
        rows, device = self.rows, self.device
        step = Step(
            module=self.module,
            X=torch.from_numpy(X).to(device),
            y=torch.from_numpy(rows.y[index]).to(device),
            labelled=torch.from_numpy(rows.labelled[index]).to(device),
            role=rows.role[index],
            night=torch.from_numpy(rows.night[index]).to(device),
            loss=self.loss,
            rng=rng,
            progress=self.steps / self.all_steps,
        )
        with mixed_precision(device):
            loss = self.stage.objective(step)
        if torch.isfinite(loss):
            self.optimizer.zero_grad()
            torch.autograd.backward(loss)
            if self.stage.training.clip:
                nn.utils.clip_grad_norm_(self.everything.parameters(), self.stage.training.clip)
            self.optimizer.step()
            self.steps += 1
            if self.steps < self.all_steps:  # passes drawn by recording may have some batches more
                self.schedule.step()
        return float(loss.item())

    def _judged(self) -> tuple[float, float] | tuple[None, None]:
        """Return loss and score of the present weights, which are kept if they are the best so far."""
        if self.judge is None:
            return None, None
        steps = itertools.count(1)
        loss, score = self.judge(self.module, lambda: self._tell_judged(next(steps)))
        if loss < min(self.losses, default=math.inf):
            self.best_weights = copied(self.module)
        self.losses.append(loss if math.isfinite(loss) else math.inf)
        return loss, score

    def _is_over(self) -> bool:
        patience = self.stage.training.patience
        return bool(patience and self.judge and len(self.history) - self.best_pass >= patience)

    def _save(self) -> None:
        """Keep all that the next pass depends on."""
        if self.resources.cache is None:
            return
        state = {name: part.state_dict() for name, part in self._parts().items()}
        state |= {name: getattr(self, name) for name in _PLAIN}
        buffer = io.BytesIO()
        torch.save(state, buffer)
        self.resources.store.save(STATES, self.key, buffer.getvalue())

    def _resumed(self) -> bool:
        """Go on from what a killed run of the same key left, if there is any."""
        content = self.resources.store.load(STATES, self.key) if self.resources.resume else None
        if content is None:
            return False
        state = torch.load(io.BytesIO(content), map_location=self.device, weights_only=True)
        for name, part in self._parts().items():
            part.load_state_dict(state[name])
        for name in _PLAIN:
            setattr(self, name, state[name])
        return True

    def _parts(self) -> dict[str, Any]:
        return {"everything": self.everything, "optimizer": self.optimizer, "schedule": self.schedule}

    def _tell_judged(self, done: int) -> None:
        """Tell that held-out nights are looked at, before the first pass and at the end of each."""
        n_steps = 0 if self.judge is None else self.judge.steps
        before = self.per_pass if self.losses else -n_steps
        self._tell(before + done, f"held-out nights, {done} of {n_steps}")

    def _tell(self, done: int, text: str) -> None:
        """Tell how far the pass that runs is, in batches and then steps of the judge."""
        if self.resources.progress:
            judged = 0 if self.judge is None else self.judge.steps
            of_pass, number = self.per_pass + judged, len(self.history) + 1
            fold = f", fold {self.fold}" if self.fold else ""
            score = next((row["valid_score"] for row in self.history[-1:]), None)
            held_out = "" if score is None else f", held out {score:.1f}"
            place = f"seed {self.seed}, {self.stage.name}{fold}, pass {number} of {self.passes}"
            self.resources.progress(
                judged + (number - 1) * of_pass + done, judged + self.passes * of_pass, f"{place}: {text}{held_out}"
            )


_PLAIN = ("history", "losses", "steps", "best_weights")


def _optimizer(everything: nn.ModuleDict, stage: Stage) -> torch.optim.Optimizer:
    """Return AdamW over what may move: a parameter has the rate of the first pattern that fits, and 0 freezes it."""
    groups: dict[float, list[nn.Parameter]] = {}
    for name, parameter in everything.named_parameters():
        fitting = (factor for pattern, factor in stage.rates if fnmatch(name, f"network.{pattern}"))
        factor = next(fitting, 1.0)
        parameter.requires_grad_(factor > 0)
        groups.setdefault(factor, []).append(parameter)
    lr, decay = stage.training.lr, stage.training.weight_decay
    moving = [{"params": found, "lr": lr * factor} for factor, found in groups.items() if factor]
    return torch.optim.AdamW(moving, lr=lr, weight_decay=decay)


def _schedule(optimizer: torch.optim.Optimizer, name: str, n_steps: int) -> LRScheduler:
    """Return the course of the learning rate over all passes."""
    if name == "one-cycle":
        rates = [group["lr"] for group in optimizer.param_groups]
        return OneCycleLR(optimizer, rates, total_steps=n_steps, cycle_momentum=False)
    return CosineAnnealingLR(optimizer, n_steps) if name == "cosine" else ConstantLR(optimizer, factor=1.0)


def _word(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")
