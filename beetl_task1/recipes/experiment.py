"""One recipe for one group on one data folder: made once, and handed to whatever trains, validates, predicts or checks.

What is in it is found out when it is asked for: to predict with a checkpoint needs no training nights.
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import msgspec

from ..data.files import DataFolder, check_distinct, check_people
from ..data.recording import Recording
from ..models.base import Model, Resources, Transfer
from ..models.registry import make, model_class, resolve
from ..store import key_of, sha256
from ..task import SOURCE_GROUP, TARGET_GROUPS
from ..transfer import check_transfers, make_transfer
from ..typed import Settings
from .recipe import Recipe


@dataclass(frozen=True)
class TrainingNights:
    """The nights that train, by role.

    Attributes
    ----------
    source, target : list of Recording
        Labelled nights.
    unlabelled : list of Recording
        The test nights, where a transfer learns from them.
    """

    source: list[Recording]
    target: list[Recording]
    unlabelled: list[Recording] = field(default_factory=list)

    @property
    def all(self) -> list[Recording]:
        """All of them."""
        return [*self.source, *self.target, *self.unlabelled]

    def listing(self) -> dict[str, dict[str, list[str]]]:
        """Return the nights by role, each with the digests of its signal (and unit) and of its labels."""
        labelled = (("source", self.source), ("target", self.target))
        found = {role: {str(r.key): [r.fingerprint, _digest_of_labels(r)] for r in nights} for role, nights in labelled}
        hidden = {str(r.key): [r.fingerprint] for r in self.unlabelled}
        return found | ({"unlabelled": hidden} if hidden else {})


@dataclass(frozen=True)
class Experiment:
    """A recipe, a group and the data, with all that follows from them.

    Parameters
    ----------
    recipe : Recipe
        A single model, trained once per seed, or an ensemble.
    group : {"65-79", "80-95"}
        Target group.
    data : DataFolder
        The competition.

    Raises
    ------
    BeetlError
        If the recipe names a model, parameter or transfer that does not exist, or that do not go together.
    """

    recipe: Recipe
    group: str
    data: DataFolder

    def __post_init__(self) -> None:
        if self.recipe.model:
            check_transfers(model_class(self.recipe.model), self.transfers, self._where)
            self.settings  # noqa: B018  (a typing error is told before any work)
        self.members  # noqa: B018  (as are those of members, which are made here)

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what no pickle holds, since some of its classes are made for a network: it is found again."""
        return {name: value for name, value in self.__dict__.items() if name != "settings"}

    @cached_property
    def members(self) -> list["Experiment"]:
        """Experiments of an ensemble's members; none of a single model."""
        return [Experiment(member, self.group, self.data) for member in self.recipe.member_recipes()]

    @cached_property
    def transfers(self) -> list[Transfer]:
        """Transfers, in their order."""
        return [make_transfer(table) for table in self.recipe.transfer]

    @cached_property
    def settings(self) -> Settings:
        """Everything that the recipe sets of its model, and the defaults of the rest."""
        return resolve(self.recipe.model, self.recipe.settings, self._where)

    @cached_property
    def nights(self) -> TrainingNights:
        """The nights that train.

        Raises
        ------
        DataError
            If a part is missing, a night is there twice, or the recipe keeps to the rules of the competition and a
            labelled night is of a person of its test sets.
        """
        if self.recipe.rules == "competition":
            check_people(self.data.provenance, self.data.path)
        source = self.data.recordings(SOURCE_GROUP, "source")
        if self.recipe.younger_target and self.group == TARGET_GROUPS[1]:
            source = source + self.data.recordings(TARGET_GROUPS[0], "target")
        test = self.data.recordings(self.group, "test") if self.uses_unlabelled else []
        found = TrainingNights(source, self.data.recordings(self.group, "target"), test)
        check_distinct(found.all)
        return found

    @cached_property
    def fit_key(self) -> str:
        """Digest of all that decides the probabilities: settings, seeds, nights, versions of features and networks."""
        if self.members:
            return key_of([member.fit_key for member in self.members])
        settings = [self.recipe.model, self.plain_settings, list(self.recipe.seeds)]
        return key_of(settings, self.nights.listing(), self.versions)

    @cached_property
    def key(self) -> str:
        """Digest of the experiment: its probabilities, and everything else that the recipe says."""
        return key_of(msgspec.to_builtins(self.recipe), self.group, self.fit_key)

    @property
    def plain_settings(self) -> dict[str, Any]:
        """Settings of model and transfers as plain values; empty for an ensemble."""
        if self.members:
            return {}
        transfers = [transfer.table() for transfer in self.transfers]
        plain: dict[str, Any] = msgspec.to_builtins(self.settings)
        return plain | ({"transfer": transfers} if transfers else {})

    @property
    def versions(self) -> dict[str, str]:
        """Versions that saved weights depend on; empty for an ensemble."""
        return {} if self.members else self.models(Resources())[0].versions()

    @property
    def uses_target(self) -> bool:
        """Whether labelled target nights change what a single model learns: its class says no, a transfer yes."""
        return model_class(self.recipe.model).uses_target or any(transfer.uses_target for transfer in self.transfers)

    @property
    def uses_unlabelled(self) -> bool:
        """Whether the unlabelled nights that are to be predicted change what is learned."""
        return any(transfer.uses_unlabelled for transfer in self.transfers)

    def models(self, resources: Resources) -> list[Model]:
        """Return the unfitted models of a single model's recipe, one per seed."""
        name, settings, transfers = self.recipe.model, self.settings, self.transfers
        return [make(name, settings, seed=s, resources=resources, transfers=transfers) for s in self.recipe.seeds]

    def but(self, **changes: Any) -> "Experiment":
        """Return the same experiment with other values in its recipe."""
        return Experiment(self.recipe.but(**changes), self.group, self.data)

    @property
    def _where(self) -> str:
        return f"recipe {self.recipe.name}"


def _digest_of_labels(recording: Recording) -> str:
    return sha256(b"" if recording.y is None else recording.y.tobytes())
