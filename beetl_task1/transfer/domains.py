"""Stages that see labelled and unlabelled nights of the target: deep CORAL, DANN, self-training."""

import copy
import math
from dataclasses import dataclass

from ..models.batches import Draw
from ..models.checks import check_number, check_whole
from ..models.stage import Stage, Step, supervised
from .registry import register_transfer
from .skada_quietly import import_skada
from .target_stage import TargetStage


@dataclass
class DomainStage(TargetStage):
    """A stage on source, labelled target and unlabelled nights, a third of each batch from each that is there.

    Parameters
    ----------
    passes, lr, batch_size, pass_epochs, holdout, patience
        As in :class:`TargetStage`; a pass is over the source.
    weight : float
        Weight of the term that the unlabelled nights bring.
    """

    weight: float = 1.0

    uses_unlabelled = True

    def __post_init__(self):
        super().__post_init__()
        check_number(f"transfer {self.name}", "weight", self.weight, 0)

    def drawn(self, network, nights):
        """Return the draw, the nights by role and the held-out nights."""
        train, held_out = self.split(nights["target"], network.seed)
        found = {"source": nights["source"], "target": train, "unlabelled": nights["unlabelled"]}
        found = {role: chosen for role, chosen in found.items() if chosen}
        return Draw(dict.fromkeys(found, 1 / len(found))), found, held_out

    def stage(self, network, nights, objective, extra=None, name=""):
        """Return what ``target_stages`` yields."""
        draw, found, held_out = self.drawn(network, nights)
        training = self.training(network.training)
        made = Stage(name or self.name, training, draw=draw, objective=objective, extra=extra, setting=self.setting())
        return made, found, held_out


@register_transfer("deep-coral")
@dataclass
class DeepCoral(DomainStage):
    """Pull the covariance of the last layer's input in source and target together (Sun & Saenko 2016).

    Parameters
    ----------
    passes, lr, batch_size, pass_epochs, holdout, patience, weight
        As in :class:`DomainStage`.
    """

    weight: float = 1.0

    def target_stages(self, network, nights):
        """Yield the one stage."""
        import_skada()
        from skada.deep.losses import deepcoral_loss

        from ..models.engine import features_and_logits

        def objective(step: Step):
            features, logits = features_and_logits(network, step.module, step.X)
            source = step.role == "source"
            apart = deepcoral_loss(features[source].float(), features[~source].float())
            return supervised(step, logits) + self.weight * apart

        yield self.stage(network, nights, objective)


@register_transfer("dann")
@dataclass
class Dann(DomainStage):
    """Train the layers so that a discriminator cannot tell source from target (Ganin et al. 2016).

    Parameters
    ----------
    passes, lr, batch_size, pass_epochs, holdout, patience, weight
        As in :class:`DomainStage`; the weight rises from 0 along the stage.
    """

    weight: float = 0.1

    def target_stages(self, network, nights):
        """Yield the one stage."""
        import torch

        import_skada()
        from skada.deep.modules import GradientReversalLayer
        from torch import nn

        from ..models.engine import features_and_logits, find_device

        device = find_device(network.resources.device)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(network.seed)
            discriminator = nn.Sequential(nn.LazyLinear(64), nn.ReLU(), nn.Linear(64, 1)).to(device)
            with torch.no_grad():
                example = torch.zeros(2, 2, 3000, device=device)
                discriminator(features_and_logits(network, network.module_.to(device).eval(), example)[0])

        def objective(step: Step):
            features, logits = features_and_logits(network, step.module, step.X)
            strength = self.weight * (2 / (1 + math.exp(-10 * step.progress)) - 1)
            domain = torch.tensor(step.role == "source", dtype=torch.float32, device=features.device)
            guess = discriminator(GradientReversalLayer.apply(features, strength))[:, 0].float()
            return supervised(step, logits) + nn.functional.binary_cross_entropy_with_logits(guess, domain)

        yield self.stage(network, nights, objective, discriminator)


@register_transfer("self-training")
@dataclass
class SelfTraining(DomainStage):
    """Let the network of the round before label the unlabelled nights, and learn from what it is sure of.

    Parameters
    ----------
    passes, lr, batch_size, pass_epochs, holdout, patience, weight
        As in :class:`DomainStage`; passes of each round.
    rounds : int
        How often the labels are made anew.
    sure : float
        Smallest probability of a label that is learned from.
    """

    passes: int = 3
    weight: float = 0.5
    rounds: int = 2
    sure: float = 0.9

    def __post_init__(self):
        super().__post_init__()
        check_whole("transfer self-training", "rounds", self.rounds, 1)
        check_number("transfer self-training", "sure", self.sure, 0, 1)

    def target_stages(self, network, nights):
        """Yield a stage per round."""
        import torch

        for number in range(1, self.rounds + 1):
            teacher = copy.deepcopy(network.module_).eval()

            def objective(step: Step, teacher=teacher):
                logits = step.module(step.X)
                hidden = ~step.labelled
                total = supervised(step, logits)
                if hidden.any():
                    with torch.no_grad():
                        p, label = torch.softmax(teacher(step.X[hidden]).float(), dim=1).max(dim=1)
                    kept = p >= self.sure
                    if kept.any():
                        share = kept.float().mean()
                        total = total + self.weight * share * step.loss(logits[hidden][kept], label[kept])
                return total

            yield self.stage(network, nights, objective, name=f"self-training-{number}")
