"""Relative positioning (Banville et al. 2020): a pretext task without labels, then logistic regression."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..data.recording import Recording
from ..errors import BeetlError
from ..task import N_OUTPUTS
from .base import Resources
from .checks import check_number
from .network import SIGNAL, Network, inner_split
from .registry import register
from .settings import Loss, Training
from .signals import Rows
from .stage import Stage, Step

EMBEDDING = 100
JUDGED_PAIRS = 2048


@register("relative-positioning")
class RelativePositioning(Network):
    """Embed epochs so that near ones can be told from far ones, then classify the embedding.

    The pretext: pairs of epochs, half of them near and half far, ``|z1 - z2|`` to a logistic head. With onsets, near is
    within ``tau_pos`` and far beyond ``tau_neg`` in one recording. Epochs of the competition are shuffled; there, near
    means *the same recording* and far means *another one*, so what is learned is at first who is who. The embedder is
    the trunk of :class:`beetl_task1.models.chambon.Chambon`. Its 100 values, standardised, go to a multinomial logistic
    regression fitted on the labelled source, which becomes the network's last layer.

    Parameters
    ----------
    seed, resources, scaling, training
        As in :class:`beetl_task1.models.network.Network`; ``training`` is that of the pretext.
    loss : Loss or mapping
        Its weights are those of the regression.
    tau_pos, tau_neg : float
        Seconds.
    C : float
        Inverse strength of the regression's penalty.
    """

    by_night = False
    """Its regression is fitted to features that are not fitted to each night."""

    def __init__(
        self,
        *,
        seed: int,
        resources: Resources,
        tau_pos: float = 60.0,
        tau_neg: float = 900.0,
        C: float = 1.0,
        scaling: str = "night",
        loss: Loss = Loss(),  # noqa: B008  (frozen)
        training: Training = Training(),  # noqa: B008
    ):
        super().__init__(seed=seed, resources=resources, scaling=scaling, loss=loss, training=training)
        check_number("model relative-positioning", "tau_pos", tau_pos, 0)
        check_number("model relative-positioning", "tau_neg", tau_neg, tau_pos)
        check_number("model relative-positioning", "C", C, 1e-9)
        self.tau_pos, self.tau_neg, self.C = tau_pos, tau_neg, C
        plain = replace(Loss(), weights=self.loss.weights, balance=self.loss.balance)
        if self.loss != plain:
            raise BeetlError("model relative-positioning: of [loss] only weights and balance count; remove the others")

    def make_module(self):
        """Return the untrained embedder with its last layer."""
        from collections import OrderedDict

        from braindecode.models import SleepStagerChambon2018
        from torch import nn

        trunk = SleepStagerChambon2018(**SIGNAL, return_feats=True, apply_batch_norm=True)
        parts = {
            "trunk": trunk,
            "drop": nn.Dropout(0.25),
            "embed": nn.Linear(trunk.len_last_layer, EMBEDDING),
            "final_layer": nn.Linear(EMBEDDING, N_OUTPUTS),
        }
        return nn.Sequential(OrderedDict(parts))

    def fit_source(self, *, source: Sequence[Recording]):
        """Train the pretext on the source, without its labels, then the regression with them."""
        from . import engine

        train, held_out = inner_split(source, self.training.holdout, self.seed)
        with engine.threads(self.resources.jobs):
            self.module_, self.history_ = engine.fresh_module(self), []
            stage = self._shaped(self._pretext(engine))
            if not engine.read_stage(self, stage, {"source": train}, held_out):
                engine.run_stage(self, stage, {"source": train}, held_out, keep=True)
            self._fit_last_layer(engine, source)
        return self

    def _pretext(self, engine) -> Stage:
        import torch
        from torch import nn

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed + 1)
            head = nn.Linear(EMBEDDING, 1).to(engine.find_device(self.resources.device))

        def loss_of(module, X):
            z = engine.features_and_logits(self, module, X)[0]
            first, second = z.chunk(2)
            near = torch.from_numpy(_near(len(first))).to(X.device)
            guess = head((first - second).abs())[:, 0].float()
            loss = nn.functional.binary_cross_entropy_with_logits(guess, near.float())
            return loss, ((guess > 0) == near).float().mean()

        def objective(step: Step):
            return loss_of(step.module, step.X)[0]

        def judge(network, held_out, transfers):
            rows = Rows(held_out, ["source"] * len(held_out), self.store(), self.scaling)
            rng = np.random.default_rng(self.seed)
            index = rng.choice(len(rows), min(len(rows), JUDGED_PAIRS), replace=False)
            parts = [index[i : i + 128] for i in range(0, len(index), 128)]
            pairs = [torch.from_numpy(self.pairs(rows, part, rng)) for part in parts]

            def evaluate(module):
                module.eval()
                device = next(module.parameters()).device
                with torch.no_grad():
                    found = [loss_of(module, X.to(device)) for X in pairs]
                loss, right = (np.mean([float(pair[i]) for pair in found]) for i in (0, 1))
                return float(loss), 100 * float(right)

            return evaluate

        setting = f"pretext {self.tau_pos} {self.tau_neg}"
        return Stage(
            "pretext", self.training, objective=objective, compose=self.pairs, extra=head, setting=setting, judge=judge
        )

    def pairs(self, rows: Rows, index: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return the signals of rows, then those of their partners: near ones for the first half, far ones after it.

        Parameters
        ----------
        rows : Rows
            What partners are drawn from.
        index : array (n,)
            Rows.
        rng : numpy.random.Generator
            Draws.

        Returns
        -------
        numpy.ndarray (2 * n, 2, 3000), float32
        """
        first = np.searchsorted(rows.night, rows.night[index], side="left")
        end = np.searchsorted(rows.night, rows.night[index], side="right")
        places = zip(index, first, end, _near(len(index)), strict=True)
        partner = [self._partner(rows, *place, rng) for place in places]
        return rows.signals(np.concatenate([index, partner]))

    def _partner(self, rows: Rows, row: int, first: int, end: int, near: bool, rng: np.random.Generator) -> int:
        """Draw a partner; the night of the row is ``first`` to ``end``."""
        if np.isnan(rows.onset[row]):
            if near and end - first > 1:
                other = first + int(rng.integers(end - first - 1))
                return other + (other >= row)
            if not near and len(rows) > end - first:
                other = int(rng.integers(len(rows) - (end - first)))
                return other + (end - first) * (other >= first)
            raise BeetlError("relative positioning needs two recordings or more, each of two epochs or more")
        apart = np.abs(rows.onset[first:end] - rows.onset[row])
        fitting = np.flatnonzero(apart <= self.tau_pos if near else apart >= self.tau_neg)
        fitting = fitting[fitting != row - first]
        return first + int(rng.choice(fitting)) if len(fitting) else row  # in a night too short for a far one

    def _fit_last_layer(self, engine, source: Sequence[Recording]) -> None:
        import torch
        from sklearn.linear_model import LogisticRegression

        from .losses import class_weights

        labelled = [night for night in source if night.labelled]
        Z = np.concatenate([engine.night_features(self, self.module_, night) for night in labelled]).astype(float)
        y = np.concatenate([night.y for night in labelled])
        mean, scale = Z.mean(axis=0), np.maximum(Z.std(axis=0), 1e-9)
        weights = class_weights(self.loss, y)[y]
        regression = LogisticRegression(C=self.C, max_iter=300).fit((Z - mean) / scale, y, sample_weight=weights)
        last = self.module_.final_layer
        with torch.no_grad():
            last.weight.zero_()
            last.bias.fill_(-30.0)  # a stage never seen gets no probability
            slope, intercept = regression.coef_ / scale, regression.intercept_
            if len(regression.classes_) == 2:  # scikit-learn keeps one row for two classes
                slope, intercept = np.concatenate([-slope, slope]), np.concatenate([-intercept, intercept])
            last.weight[regression.classes_] = torch.from_numpy(slope).to(last.weight)
            last.bias[regression.classes_] = torch.from_numpy(intercept - slope @ mean).to(last.bias)


def _near(n: int) -> np.ndarray:
    """Return which of ``n`` pairs are near ones: the first half."""
    return np.arange(n) < (n + 1) // 2
