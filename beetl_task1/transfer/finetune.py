"""Fine-tuning on the labelled target: all layers or the last one, by layer, pulled towards the source weights."""

from dataclasses import dataclass

from ..models.batches import Draw
from ..models.checks import check_choice, check_number
from ..models.stage import Stage, supervised
from .registry import register_transfer
from .target_stage import TargetStage

SCOPES = ("all", "head")


@register_transfer("finetune")
@dataclass
class Finetune(TargetStage):
    """Train on labelled target nights.

    Parameters
    ----------
    passes, lr, batch_size, pass_epochs, holdout, patience
        As in :class:`TargetStage`.
    scope : {"all", "head"}
        All layers, or the last one while the others stay as they are, dropout and batch statistics included.
    layer_decay : float
        Learning rate of a layer against that of the layer above it; 1 for one rate.
    pull : float
        Weight of half the squared distance to the source weights (L2-SP, Li et al. 2018).
    source_share : float
        Share of each batch that stays with the source, against forgetting.
    """

    scope: str = "all"
    layer_decay: float = 1.0
    pull: float = 0.0
    source_share: float = 0.0

    def __post_init__(self):
        super().__post_init__()
        check_choice("transfer finetune", "scope", self.scope, SCOPES)
        for name, most in (("layer_decay", 1), ("source_share", 0.95), ("pull", 1e6)):
            check_number("transfer finetune", name, getattr(self, name), 0, most)

    def target_stages(self, network, nights):
        """Yield the one stage."""
        train, held_out = self.split(nights["target"], network.seed)
        drawn, roles = {"target": train}, {"target": 1.0}
        if self.source_share and nights["source"]:
            drawn["source"] = nights["source"]
            roles = {"target": 1 - self.source_share, "source": self.source_share}
        stage = Stage(
            f"finetune-{self.scope}",
            self.training(network.training),
            draw=Draw(roles),
            objective=self._objective(network.module_),
            rates=self._rates(network),
            setting=self.setting(),
            frozen=_trunk_as_it_is(network.head) if self.scope == "head" else None,
        )
        yield stage, drawn, held_out

    def _rates(self, network) -> list[tuple[str, float]]:
        if self.scope == "head":
            return [(f"{name}*", 1.0) for name in network.head] + [("*", 0.0)]
        if self.layer_decay == 1:
            return []
        layers = [name for name, part in network.module_.named_modules() if list(part.parameters(recurse=False))]
        return [(f"{name}.*", self.layer_decay**depth) for depth, name in enumerate(reversed(layers))]

    def _objective(self, module):
        if not self.pull:
            return supervised
        before = {name: p.detach().clone() for name, p in module.named_parameters()}

        def objective(step):
            moved = sum(((p - before[name].to(p)) ** 2).sum() for name, p in step.module.named_parameters())
            return supervised(step) + 0.5 * self.pull * moved

        return objective


def _trunk_as_it_is(head):
    def freeze(module):
        module.eval()
        for name in head:
            module.get_submodule(name).train()

    return freeze
