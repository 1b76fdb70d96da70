"""Latent alignment: every recording is standardised by itself, at the input and inside the network."""

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated

import numpy as np
import torch
from msgspec import Meta
from torch import nn
from torch.nn import functional

from ..models.modules import outputs
from ..models.stage import Stage, Step
from ..models.torch_model import NetworkTransfer
from ..task import N_OUTPUTS
from .adabn import check_batch_norm
from .night_statistics import in_order
from .recording_norm import aligned, grouped, recording_norms

ROUNDS = 2
"""Rounds of predicting a night and weighing its stages by that."""
RAREST = 0.05


class LatentAlignment(NetworkTransfer, frozen=True):
    """Standardise each feature channel over the epochs of a recording, then a shared affine (Bakas et al. 2023).

    Written from the paper. At the input and in the place of every batch normalisation, in training and in prediction;
    training batches are drawn recording by recording. Statistics come from the epochs of the recording in the batch,
    or, in prediction, from the whole night.

    The statistics of a night that is nearly all of one stage say more of the stage than of the person. So they are
    mixed with those of the training recordings, the more, the fewer stages (in the sense of the exponential of the
    entropy) the network sees in the night without alignment. ``by_stage`` goes further: stages count alike in the
    statistics, however long they lasted, by their labels in training and by the predictions so far for a new night.
    """

    per_recording: Annotated[int, Meta(ge=2)] = 32  # epochs of a recording in a training batch
    at_input: bool = True  # align the input as well
    stages: Annotated[float, Meta(ge=1, le=6)] = 2.5  # number of them from which a night's statistics count in full
    by_stage: bool = False  # let stages count alike in the statistics of a recording

    name = "latent-alignment"
    by_night = True
    in_source = True

    def alter(self, module: nn.Module) -> nn.Module:
        """Return the module with alignment in the place of batch normalisation."""
        check_batch_norm(module, self.name)
        return aligned(module, self.at_input)

    def shaped(self, stage: Stage) -> Stage:
        """Draw batches recording by recording, and tell the module which epochs belong together."""

        def objective(step: Step) -> torch.Tensor:
            with grouped(step.module, step.night, self._weights(step) if self.by_stage else None):
                return stage.objective(step)

        draw = replace(stage.draw, per_recording=self.per_recording)
        return replace(stage, draw=draw, objective=objective)

    def _weights(self, step: Step) -> torch.Tensor:
        """Return weights of the epochs of a batch; those without a label count as they are."""
        weights = torch.ones(len(step.y), device=step.y.device)
        for night in torch.unique(step.night):
            here = (step.night == night) & step.labelled
            if here.any():
                weights[here] = stage_weights(functional.one_hot(step.y[here], N_OUTPUTS).float())
        return weights

    @contextlib.contextmanager
    def predicting(self, module: nn.Module, X: np.ndarray) -> Iterator[None]:
        """Measure the night layer by layer, mix it with the training recordings where it is one-sided, and predict."""
        layers, logits = in_order(recording_norms(module), lambda: outputs(module, X))
        seen = logits.double().softmax(dim=1)
        strength = self._strength(seen.numpy().mean(axis=0))
        with contextlib.ExitStack() as fitted:
            for again in range(ROUNDS if self.by_stage else 1):
                seen = outputs(module, X).double().softmax(dim=1) if again else seen
                weights = stage_weights(seen) if self.by_stage else None
                for layer in layers:
                    night = layer.measured(lambda: outputs(module, X), strength, weights)
                    fitted.enter_context(layer.using(night))
            yield

    def _strength(self, shares: np.ndarray) -> float:
        effective = float(np.exp(-(shares * np.log(np.maximum(shares, 1e-12))).sum()))
        return min(1.0, max(0.0, (effective - 1) / max(self.stages - 1, 1e-9)))


def stage_weights(p: torch.Tensor) -> torch.Tensor:
    """Return a weight for each epoch by which stages count alike, from their probabilities, ``(n, 6)``.

    One that is rarer than ``RAREST`` counts less: an epoch of it must not stand for the night.
    """
    return (p / p.mean(dim=0).clamp_min(RAREST)).sum(dim=1)
