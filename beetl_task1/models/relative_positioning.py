"""Relative positioning (Banville et al. 2020): a pretext task without labels, then logistic regression."""

from collections.abc import Callable, Sequence
from typing import Annotated, Self

import msgspec
import numpy as np
import torch
from braindecode.models import SleepStagerChambon2018
from sklearn.linear_model import LogisticRegression
from torch import nn
from torch.nn import functional

from ..data.recording import Recording
from ..errors import BeetlError
from ..task import N_OUTPUTS, N_TIMES, SFREQ
from ..typed import AtLeast0, Positive
from .losses import class_weights
from .modules import own_generator, parts_of, threads
from .network import Network
from .settings import Loss
from .signals import Rows, night_signals
from .stage import Groups, Judge, Stage
from .torch_model import SIGNAL, NetworkSettings

EMBEDDING = 100
JUDGED_PAIRS = 2048


class RelativePositioning(Network):
    """Embed windows so that near ones can be told from far ones, then classify the embedding of epochs.

    The pretext: pairs of windows, half of them near and half far, ``|z1 - z2|`` to a logistic head. With onsets, as in
    the paper, near are windows of two epochs within ``tau_pos`` and far those beyond ``tau_neg`` in one recording.
    Epochs of the competition are shuffled; there, near are two windows of one epoch that do not overlap, and far are
    windows of two epochs of one recording. The embedder is the trunk of Chambon et al. 2018 on a window. An epoch has
    the mean of the 100 values of its windows, which follow each other without overlap. Standardised, they go to a
    multinomial logistic regression fitted on the labelled source, which becomes the network's last layer.

    With ``passes = 0`` in ``[training]`` the regression stands on an untrained embedder, to compare with.
    """

    class Settings(NetworkSettings, frozen=True):
        """What a recipe may set; ``training`` is that of the pretext, weights of the ``loss`` are the regression's."""

        window: Annotated[float, msgspec.Meta(ge=3, le=15)] = 6.0  # seconds
        tau_pos: AtLeast0 = 60.0  # seconds
        tau_neg: AtLeast0 = 900.0
        C: Positive = 1.0  # inverse strength of the regression's penalty

        def __post_init__(self) -> None:
            if self.tau_neg < self.tau_pos:
                limit = f"expected at least tau_pos ({self.tau_pos:g})"
                raise BeetlError(f"model relative-positioning: tau_neg is {self.tau_neg:g}; {limit}")
            if self.loss != Loss(weights=self.loss.weights, balance=self.loss.balance):
                raise BeetlError(
                    "model relative-positioning: of [loss] only weights and balance count; remove the others"
                )

    settings: Settings
    by_night = False
    """Its regression is fitted to features that are not fitted to each night."""

    def make_module(self) -> nn.Module:
        """Return the untrained embedder with its last layer."""
        return WindowEmbedder(round(self.settings.window * SFREQ))

    def fit_source(self, *, source: Sequence[Recording]) -> Self:
        """Train the pretext on the source, without its labels, then the regression with them."""
        with own_generator(self.seed + 1):
            head = nn.Linear(EMBEDDING, 1).to(self.device)

        stage = Stage(
            "pretext",
            self.settings.training,
            objective=lambda step: self._told_apart(head, step.module, step.X)[0],
            compose=self.pairs,
            extra=head,
            judge=lambda held_out, transfers: self._pretext_judge(held_out, head),
        )
        self._fit_source(stage, source)
        with threads(self.resources.jobs):
            self._fit_last_layer([night for night in source if night.labelled])
        return self

    def _told_apart(self, head: nn.Module, module: nn.Module, X: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the loss of the pretext on pairs of windows, and the share of pairs that are told right."""
        first, second = self.features_and_logits(module, X)[0].chunk(2)
        near = torch.from_numpy(_near(len(first))).to(X.device)
        guess = head((first - second).abs())[:, 0].float()
        loss = functional.binary_cross_entropy_with_logits(guess, near.float())
        return loss, ((guess > 0) == near).float().mean()

    def _pretext_judge(self, held_out: Groups, head: nn.Module) -> Judge:
        nights = [night for group in held_out for night in group]
        rows = Rows(nights, ["source"] * len(nights), self.resources.store, self.settings.scaling)
        rng = np.random.default_rng(self.seed)
        index = rng.choice(len(rows), min(len(rows), JUDGED_PAIRS), replace=False)
        parts = [self.pairs(rows, index[i : i + 128], rng) for i in range(0, len(index), 128)]

        def judged(module: nn.Module, after_step: Callable[[], None]) -> tuple[float, float]:
            module.eval()
            found = []
            with torch.no_grad():
                for X in parts:
                    found.append(self._told_apart(head, module, torch.from_numpy(X).to(self.device)))
                    after_step()
            loss, right = (float(np.mean([float(pair[i]) for pair in found])) for i in (0, 1))
            return loss, 100 * right

        return Judge(len(parts), judged)

    def pairs(self, rows: Rows, index: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return a window of each row, then those of their partners: near ones for the first half, far ones after it.

        The shape is ``(2 * len(index), 2, n_times)``.
        """
        places = zip(index, _near(len(index)), strict=True)
        partner = np.array([self._partner(rows, int(row), near, rng) for row, near in places])
        length = round(self.settings.window * SFREQ)
        n_slots = N_TIMES // length
        slots = rng.permuted(np.tile(np.arange(n_slots), (len(index), 1)), axis=1)[:, :2]  # no overlap in one epoch
        start = slots * length + rng.integers(N_TIMES - n_slots * length + 1, size=(len(index), 1))
        epochs, starts = rows.signals(np.concatenate([index, partner])), start.T.ravel()
        return np.stack([epoch[:, at : at + length] for epoch, at in zip(epochs, starts, strict=True)])

    def _partner(self, rows: Rows, row: int, near: bool, rng: np.random.Generator) -> int:
        """Draw the row of a partner from the same night."""
        first, end = np.searchsorted(rows.night, [rows.night[row], rows.night[row] + 1])
        if end - first < 2:
            raise BeetlError("relative positioning needs recordings of two epochs or more")
        if np.isnan(rows.onset[row]):
            other = first + int(rng.integers(end - first - 1))
            return row if near else other + (other >= row)
        apart = np.abs(rows.onset[first:end] - rows.onset[row])
        fitting = np.flatnonzero(apart <= self.settings.tau_pos if near else apart >= self.settings.tau_neg)
        fitting = fitting[fitting != row - first]
        if len(fitting):
            return int(first + rng.choice(fitting))
        return row if near else int(first + apart.argmax())  # a night too short for a far one

    def _fit_last_layer(self, nights: Sequence[Recording]) -> None:
        """Fit the regression on embedded epochs, and write it into the last layer."""
        Z, y = np.concatenate([self._embedded(night) for night in nights]), np.concatenate([n.y for n in nights])
        mean, scale = Z.mean(axis=0), np.maximum(Z.std(axis=0), 1e-9)
        weights = class_weights(self.settings.loss, y)[y]
        regression = LogisticRegression(C=self.settings.C, max_iter=300)
        regression.fit((Z - mean) / scale, y, sample_weight=weights)
        weight, bias = (self.module_.get_parameter(f"final_layer.{name}") for name in ("weight", "bias"))
        with torch.no_grad():
            weight.zero_()
            bias.fill_(-30.0)  # a stage never seen gets no probability
            slope, intercept = regression.coef_ / scale, regression.intercept_
            if len(regression.classes_) == 2:  # scikit-learn keeps one row for two classes
                slope, intercept = np.concatenate([-slope, slope]), np.concatenate([-intercept, intercept])
            weight[regression.classes_] = torch.from_numpy(slope).to(weight)
            bias[regression.classes_] = torch.from_numpy(intercept - slope @ mean).to(bias)

    def _embedded(self, night: Recording) -> np.ndarray:
        """Return what the last layer is given for a night, shape ``(n_epochs, 100)``."""
        X = night_signals(night, self.resources.store, self.settings.scaling)
        module = self.module_.to(self.device).eval()
        with torch.no_grad():
            parts = [self.features_and_logits(module, part)[0].cpu() for part in parts_of(X, self.device)]
        return torch.cat(parts).double().numpy()


class WindowEmbedder(nn.Module):
    """The mean embedding of windows of ``n_times`` samples, as many as fit into an epoch, then a linear layer."""

    def __init__(self, n_times: int):
        super().__init__()
        self.n_times = n_times
        self.trunk = SleepStagerChambon2018(**SIGNAL | {"n_times": n_times}, return_feats=True, apply_batch_norm=True)
        self.drop, self.embed = nn.Dropout(0.25), nn.Linear(self.trunk.len_last_layer, EMBEDDING)
        self.final_layer = nn.Linear(EMBEDDING, N_OUTPUTS)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Return the logits, shape ``(n, 6)``, of epochs or windows."""
        windows = X.unfold(2, self.n_times, self.n_times).transpose(1, 2).flatten(0, 1)
        embedded = self.embed(self.drop(self.trunk(windows))).reshape(len(X), -1, EMBEDDING)
        logits: torch.Tensor = self.final_layer(embedded.mean(dim=1))
        return logits


def _near(n: int) -> np.ndarray:
    """Return which of ``n`` pairs are near ones: the first half."""
    return np.arange(n) < (n + 1) // 2
