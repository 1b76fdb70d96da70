"""Fine-tuning on the labelled target: all layers or the last one, by layer, pulled towards the source weights."""

from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Literal

import torch
from msgspec import Meta
from torch import nn

from ..models.batches import Draw
from ..models.modules import layers_of
from ..models.stage import Objective, Stage, Step, supervised
from ..models.torch_model import Nights, TorchModel
from ..typed import AtLeast0, Share
from .target_stage import TargetStage


class Finetune(TargetStage, frozen=True):
    """Train on labelled target nights.

    With the scope ``head`` the last layer learns while the others stay as they are, dropout and batch statistics
    included.
    """

    scope: Literal["all", "head"] = "all"
    layer_decay: Share = 1.0  # learning rate of a layer against that of the layer above it; 1 for one rate
    pull: AtLeast0 = 0.0  # weight of half the squared distance to the source weights (L2-SP, Li et al. 2018)
    source_share: Annotated[float, Meta(ge=0, le=0.95)] = 0.0  # of each batch, against forgetting

    name = "finetune"

    def target_stages(self, network: TorchModel, nights: Nights) -> Iterator[tuple[Stage, Nights]]:
        """Yield the one stage."""
        roles, head = {"target": 1.0}, network.head(network.module_)
        if self.source_share and nights["source"]:
            roles = {"target": 1 - self.source_share, "source": self.source_share}
        stage = self.stage(
            network.settings.training,
            f"finetune-{self.scope}",
            draw=Draw(roles),
            objective=self._objective(network.module_),
            rates=self._rates(network.module_, head),
            frozen=_trunk_as_it_is(head) if self.scope == "head" else None,
        )
        yield stage, {role: nights[role] for role in roles}

    def _rates(self, module: nn.Module, head: Sequence[str]) -> list[tuple[str, float]]:
        if self.scope == "head":
            return [(f"{name}*", 1.0) for name in head] + [("*", 0.0)]
        if self.layer_decay == 1:
            return []
        return [(f"{name}.*", self.layer_decay**depth) for depth, name in enumerate(reversed(layers_of(module)))]

    def _objective(self, module: nn.Module) -> Objective:
        if not self.pull:
            return supervised
        before = {name: p.detach().clone() for name, p in module.named_parameters()}

        def objective(step: Step) -> torch.Tensor:
            moved = sum(((p - before[name].to(p)) ** 2).sum() for name, p in step.module.named_parameters())
            return supervised(step) + 0.5 * self.pull * moved

        return objective


def _trunk_as_it_is(head: Sequence[str]) -> Callable[[nn.Module], None]:
    def freeze(module: nn.Module) -> None:
        module.eval()
        for name in head:
            module.get_submodule(name).train()

    return freeze
