"""The one training loop: skorch, over rows read as they are needed, stage by stage.

Every pass begins from seeds made of the run's seed, the stage and the number of the pass. So a run that was killed and
goes on from its last whole pass draws what an unbroken one draws, and ends with the very same weights.
"""

import contextlib
import hashlib
import io
import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import numpy as np
import torch
from skorch import NeuralNet
from skorch.callbacks import Callback, GradientNormClipping, LRScheduler
from torch import nn

from ..errors import BeetlError
from ..writing import whole_file
from .base import Resources
from .batches import n_batches, pass_batches
from .losses import StageLoss
from .signals import Rows
from .stage import Stage, Step

Evaluate = Callable[[nn.Module], tuple[float, float]]


@dataclass
class Run:
    """A stage with all that it needs.

    Attributes
    ----------
    stage : Stage
    module : torch.nn.Module
        Trained in place.
    rows : Rows
        What is drawn from.
    loss : StageLoss
    evaluate : callable or None
        Returns (loss, score) on nights that do not train; chooses the pass that is kept.
    seed : int
    device : torch.device
    resources : Resources
    resume : Path or None
        File of the state after each pass; removed at the end.
    key : str
        Digest of all that decides the result; a state of another one is not resumed.
    """

    stage: Stage
    module: nn.Module
    rows: Rows
    loss: StageLoss
    evaluate: Evaluate | None
    seed: int
    device: torch.device
    resources: Resources
    resume: Path | None = None
    key: str = ""


def run(task: Run) -> list[dict]:
    """Train a stage; the weights of the pass with the lowest held-out loss, or of the last one, are kept.

    The weights before the first pass compete as well where there is something held out: a stage that only hurts is
    undone.

    Returns
    -------
    list of dict
        History: one row per pass with ``stage``, ``pass``, ``train_loss``, ``valid_loss``, ``valid_score``, ``lr``,
        ``seconds`` and ``kept``.
    """
    training = task.stage.training
    if training.passes == 0:
        return []
    everything = nn.ModuleDict({"network": task.module} | ({"extra": task.stage.extra} if task.stage.extra else {}))
    _freeze(everything, task.stage.rates)
    keeper = _Keeper(task, everything)
    with _own_generator(task.device):
        net = _Net(task, everything, keeper)
        net.initialize()
        keeper.restore(net)
        net.partial_fit(_Dataset(task.rows), epochs=training.passes - keeper.done)
    keeper.finish()
    _freeze(everything, ())
    task.module.eval()
    return keeper.rows


class _Dataset(torch.utils.data.Dataset):
    """What skorch wants to see; batches are read by :class:`_Net`."""

    def __init__(self, rows: Rows):
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index):
        return self.rows.signals(np.array([index]))[0], self.rows.y[index]


class _Batches:
    """The batches of a pass: scaled signals and indices of rows, anew for each pass."""

    def __init__(self, task: Run, keeper: "_Keeper"):
        self.task, self.keeper = task, keeper

    def __iter__(self) -> Iterator[list]:
        task = self.task
        rng = np.random.default_rng([task.seed, _word(task.stage.name), self.keeper.number])
        compose = task.stage.compose or (lambda rows, index, _: rows.signals(index))
        for index in pass_batches(task.rows, task.stage.draw, task.stage.training, rng):
            yield [torch.from_numpy(compose(task.rows, index, rng)), index]


class _Net(NeuralNet):
    """skorch's loop with the batches and the objective of a stage."""

    def __init__(self, task: Run, everything: nn.ModuleDict, keeper: "_Keeper"):
        self.task, self.keeper = task, keeper
        training = task.stage.training
        per_pass = n_batches(task.rows, task.stage.draw, training)
        course = _course(training.schedule, per_pass * training.passes)
        rate = LRScheduler("LambdaLR", lr_lambda=lambda k: course(k + keeper.begun), step_every="batch")
        callbacks = [("rate", rate), ("keeper", keeper)]
        if training.clip:
            callbacks.insert(0, ("clip", GradientNormClipping(training.clip)))
        groups = [
            (f"network.{pattern}", {"lr": training.lr * factor}) for pattern, factor in task.stage.rates if factor
        ]
        super().__init__(
            everything,
            criterion=nn.CrossEntropyLoss,
            optimizer=torch.optim.AdamW,
            optimizer__weight_decay=training.weight_decay,
            optimizer__param_groups=groups,
            lr=training.lr,
            max_epochs=training.passes,
            train_split=None,
            callbacks=callbacks,
            callbacks__print_log=None,
            verbose=0,
            device=str(task.device),
        )
        self.per_pass = per_pass

    def get_iterator(self, dataset, training=False):
        return _Batches(self.task, self.keeper)

    def train_step_single(self, batch, **fit_params):
        task, (X, index) = self.task, batch
        everything = self.module_
        self._set_training(True)
        if task.stage.frozen:
            task.stage.frozen(task.module)
        rows = task.rows
        step = Step(
            module=everything["network"],
            X=X.to(task.device),
            y=torch.from_numpy(rows.y[index]).to(task.device),
            labelled=torch.from_numpy(rows.labelled[index]).to(task.device),
            role=rows.role[index],
            night=torch.from_numpy(rows.night[index]).to(task.device),
            loss=task.loss,
            rng=self.keeper.rng,
            progress=self.keeper.steps / (self.per_pass * task.stage.training.passes),
        )
        with mixed_precision(task.device):
            loss = task.stage.objective(step)
        if not torch.isfinite(loss):
            raise BeetlError(
                f"stage {task.stage.name}: the loss is not finite in pass {self.keeper.number}; "
                "lower lr in [training] of the recipe, or check the signals with beetl-task1 inspect"
            )
        loss.backward()
        self.keeper.steps += 1
        return {"loss": loss, "y_pred": loss.detach()}


class _Keeper(Callback):
    """Seeds each pass, judges it on what is held out, keeps the best weights, the history and a state to go on from."""

    def __init__(self, task: Run, everything: nn.ModuleDict):
        self.task, self.everything = task, everything
        self.done = self.begun = self.steps = 0  # passes, and steps, done before; steps done by now
        self.rows: list[dict] = []
        self.best, self.best_pass = math.inf, 0
        self.best_weights = None

    @property
    def number(self) -> int:
        """Number of the pass that runs, from 1."""
        return len(self.rows) + 1

    def restore(self, net: NeuralNet) -> None:
        """Take up the state of a killed run of the same key, or judge the weights that the stage begins with."""
        state = _read_state(self.task)
        if state is None:
            if self.task.evaluate is not None:
                self.best = self.task.evaluate(self.task.module)[0]
                self.best_weights = _copied(self.task.module)
            return
        self.everything.load_state_dict(state["weights"])
        rates = [group["lr"] for group in net.optimizer_.param_groups]
        net.optimizer_.load_state_dict(state["optimizer"])
        for group, rate in zip(net.optimizer_.param_groups, rates, strict=True):
            group["lr"] = rate  # the scheduler begins again, and counts on from the passes that are done
            group.pop("initial_lr", None)
        self.best_weights = state["best_weights"]
        self.rows, self.best, self.best_pass = json.loads(state["rows"]), state["best"], state["best_pass"]
        self.done = self.task.stage.training.passes if state["stopped"] else len(self.rows)
        self.begun = self.steps = state["steps"]  # batches drawn by recording are not the same number in each pass

    def on_epoch_begin(self, net, **kwargs):
        self.began = time.perf_counter()
        seed = np.random.SeedSequence([self.task.seed, _word(self.task.stage.name), self.number]).generate_state(2)
        torch.manual_seed(int(seed[0]))
        self.rng = torch.Generator().manual_seed(int(seed[1]))

    def on_epoch_end(self, net, **kwargs):
        batches = [b["train_loss"] for b in net.history[-1]["batches"] if "train_loss" in b]
        seconds = time.perf_counter() - self.began
        held_out = (None, None) if self.task.evaluate is None else self.task.evaluate(self.task.module)
        row = {
            "seed": self.task.seed, "stage": self.task.stage.name, "pass": self.number,
            "train_loss": float(np.mean(batches)),
            "valid_loss": held_out[0], "valid_score": held_out[1], "lr": net.optimizer_.param_groups[0]["lr"],
            "seconds": round(seconds, 2),
        }  # fmt: skip
        self.rows.append(row)
        self._judge(held_out[0])
        stop = self._is_over()
        self._write_state(net, stop)
        self._tell(row)
        if stop:
            raise KeyboardInterrupt  # skorch's way to end a fit

    def _judge(self, loss: float | None) -> None:
        if loss is None or loss < self.best:
            self.best_pass = len(self.rows)
            self.best = math.inf if loss is None else loss
            self.best_weights = None if loss is None else _copied(self.task.module)

    def _is_over(self) -> bool:
        patience = self.task.stage.training.patience
        return bool(patience and self.task.evaluate and len(self.rows) - self.best_pass >= patience)

    def finish(self) -> None:
        """Put the best weights in place and clear the state away."""
        if len(self.rows) < self.task.stage.training.passes and not self._is_over():
            raise KeyboardInterrupt
        if self.best_weights is not None:
            self.task.module.load_state_dict(self.best_weights)
        for row in self.rows:
            row["kept"] = row["pass"] == self.best_pass
        if self.task.resume is not None:
            self.task.resume.unlink(missing_ok=True)

    def _write_state(self, net, stopped: bool) -> None:
        if self.task.resume is None:
            return
        state = {
            "key": self.task.key, "weights": self.everything.state_dict(), "optimizer": net.optimizer_.state_dict(),
            "best_weights": self.best_weights, "best": self.best, "best_pass": self.best_pass,
            "rows": json.dumps(self.rows), "steps": self.steps, "stopped": stopped,
        }  # fmt: skip
        with whole_file(self.task.resume) as file:
            torch.save(state, file)

    def _tell(self, row: dict) -> None:
        if self.task.resources.log:
            self.task.resources.log(row)
        if self.task.resources.progress:
            score = "" if row["valid_score"] is None else f", held out {row['valid_score']:.1f}"
            text = f"seed {row['seed']}, {row['stage']}: loss {row['train_loss']:.3f}{score}"
            self.task.resources.progress(row["pass"], self.task.stage.training.passes, text)


def _read_state(task: Run) -> dict | None:
    if task.resume is None or not task.resources.resume:
        return None
    try:
        state = torch.load(io.BytesIO(task.resume.read_bytes()), map_location=task.device, weights_only=True)
    except Exception:  # a state is only a help: without one the stage begins anew
        return None
    return state if isinstance(state, dict) and state.get("key") == task.key else None


def _copied(module: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().clone() for name, tensor in module.state_dict().items()}


def _freeze(everything: nn.ModuleDict, rates: Sequence[tuple[str, float]]) -> None:
    """Let all parameters move but those whose first matching pattern has the factor 0."""
    for name, parameter in everything["network"].named_parameters():
        factor = next((factor for pattern, factor in rates if fnmatch(name, pattern)), 1.0)
        parameter.requires_grad_(factor > 0)


def _course(schedule: str, n_steps: int) -> Callable[[int], float]:
    """Return the factor of the learning rate by step."""
    rise = 0.3 * n_steps

    def one_cycle(k: int) -> float:
        if k < rise:
            return 0.04 + 0.96 * (1 - math.cos(math.pi * k / rise)) / 2
        return max(1e-4, (1 + math.cos(math.pi * min(1, (k - rise) / (n_steps - rise)))) / 2)

    def cosine(k: int) -> float:
        return max(1e-4, (1 + math.cos(math.pi * min(1, k / n_steps))) / 2)

    return {"one-cycle": one_cycle, "cosine": cosine, "constant": lambda k: 1.0}[schedule]


def mixed_precision(device: torch.device):
    """Return a context that computes in bfloat16 on CUDA, and as it is elsewhere."""
    if device.type != "cuda":
        return contextlib.nullcontext()
    return torch.autocast("cuda", dtype=torch.bfloat16)


@contextlib.contextmanager
def _own_generator(device: torch.device) -> Iterator[None]:
    """Leave torch's global generators as they were: dropout draws from them, and knows no other."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        yield


def _word(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")
