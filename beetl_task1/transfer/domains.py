"""Stages that see labelled and unlabelled nights of the target: deep CORAL, DANN, self-training."""

import copy
import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from ..models.batches import Draw
from ..models.modules import full_precision, own_generator
from ..models.settings import Training
from ..models.stage import Objective, Stage, Step, supervised
from ..models.torch_model import Nights, TorchModel
from ..task import N_CHANS, N_TIMES
from ..typed import AtLeast0, AtLeast1, Count, Share
from .skada_quietly import import_skada
from .target_stage import TargetStage


class DomainStage(TargetStage, frozen=True):
    """A stage on source, labelled target and unlabelled nights, a third of each batch from each that is there.

    A pass is over the source.
    """

    weight: AtLeast0 = 1.0  # of the term that the unlabelled nights bring

    uses_unlabelled = True

    def on_all(self, base: Training, nights: Nights, name: str = "", **parts: Any) -> tuple[Stage, Nights]:
        """Return what ``target_stages`` yields; the others as :meth:`stage` takes them."""
        found = {role: chosen for role, chosen in nights.items() if chosen}
        return self.stage(base, name, draw=Draw(dict.fromkeys(found, 1 / len(found))), **parts), found


class DeepCoral(DomainStage, frozen=True):
    """Pull the covariance of the last layer's input in source and target together (Sun & Saenko 2016)."""

    name = "deep-coral"

    def target_stages(self, network: TorchModel, nights: Nights) -> Iterator[tuple[Stage, Nights]]:
        """Yield the one stage."""
        import_skada()
        from skada.deep.losses import deepcoral_loss

        def objective(step: Step) -> torch.Tensor:
            features, logits = network.features_and_logits(step.module, step.X)
            source = step.role == "source"
            with full_precision(features.device):
                apart: torch.Tensor = deepcoral_loss(features[source].float(), features[~source].float())
            return supervised(step, logits) + self.weight * apart

        yield self.on_all(network.settings.training, nights, objective=objective)


class Dann(DomainStage, frozen=True):
    """Train the layers so that a discriminator cannot tell source from target (Ganin et al. 2016).

    The weight rises from 0 along the stage.
    """

    weight: AtLeast0 = 0.1

    name = "dann"

    def target_stages(self, network: TorchModel, nights: Nights) -> Iterator[tuple[Stage, Nights]]:
        """Yield the one stage."""
        import_skada()
        from skada.deep.modules import GradientReversalLayer

        device = network.device
        with own_generator(network.seed), torch.no_grad():
            discriminator = nn.Sequential(nn.LazyLinear(64), nn.ReLU(), nn.Linear(64, 1)).to(device)
            example = torch.zeros(2, N_CHANS, N_TIMES, device=device)
            discriminator(network.features_and_logits(network.module_.to(device).eval(), example)[0])

        def objective(step: Step) -> torch.Tensor:
            features, logits = network.features_and_logits(step.module, step.X)
            strength = self.weight * (2 / (1 + math.exp(-10 * step.progress)) - 1)
            domain = torch.tensor(step.role == "source", dtype=torch.float32, device=features.device)
            guess = discriminator(GradientReversalLayer.apply(features, strength))[:, 0].float()
            return supervised(step, logits) + functional.binary_cross_entropy_with_logits(guess, domain)

        yield self.on_all(network.settings.training, nights, objective=objective, extra=discriminator)


class SelfTraining(DomainStage, frozen=True):
    """Let the network of the round before label the unlabelled nights, and learn from what it is sure of."""

    passes: Count = 3  # of each round
    weight: AtLeast0 = 0.5
    rounds: AtLeast1 = 2  # how often the labels are made anew
    sure: Share = 0.9  # smallest probability of a label that is learned from

    name = "self-training"

    def target_stages(self, network: TorchModel, nights: Nights) -> Iterator[tuple[Stage, Nights]]:
        """Yield a stage per round."""
        for number in range(1, self.rounds + 1):
            objective = self._objective(copy.deepcopy(network.module_).eval())
            yield self.on_all(network.settings.training, nights, f"self-training-{number}", objective=objective)

    def _objective(self, teacher: nn.Module) -> Objective:
        def objective(step: Step) -> torch.Tensor:
            logits, hidden = step.module(step.X), ~step.labelled
            total = supervised(step, logits)
            if not hidden.any():
                return total
            with torch.no_grad():
                p, label = torch.softmax(teacher(step.X[hidden]).float(), dim=1).max(dim=1)
            kept = p >= self.sure
            if not kept.any():
                return total
            return total + self.weight * kept.float().mean() * step.loss(logits[hidden][kept], label[kept])

        return objective
