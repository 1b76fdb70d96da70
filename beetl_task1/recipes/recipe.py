"""A recipe names a model with its parameters, its seeds and its decision: a TOML file of a few lines."""

import re
from collections.abc import Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Literal

import msgspec

from ..context.similar import SimilarEpochs
from ..decision import BalancedDecision
from ..ensemble import Mean
from ..errors import BeetlError, unknown
from ..task import LARGEST_SEED
from ..typed import NAME, Positive, Seed, Settings, toml_of, typed

DEFAULT = "default"
Rules = Literal["competition", "open"]
Table = dict[str, Any]


class Recipe(Settings, frozen=True):
    """A named experiment; its name keys the checkpoint, the submission and the report.

    Parameters
    ----------
    name : str
        The file's name without its ending.
    description : str
        One line.
    model : str
        Registered name; empty for an ensemble.
    network : str
        For ``model = "braindecode"``: which of its networks.
    parameters : dict
        What is set of the model.
    seeds : tuple of int
        The model is trained once per seed, and the probabilities are averaged.
    members : tuple of str
        Recipes of an ensemble, of those that ship or of ``own``; empty for a single model.
    own : dict
        Recipes of one's own among the members, by name. In a TOML file a member is named by the path of its file, from
        there, and is put in here when that is read: a card then holds all of it, and no path.
    weights : tuple of float
        How much each member counts; alike without.
    mean : {"arithmetic", "geometric"}
        Of the members' probabilities.
    similar : SimilarEpochs, optional
        How an epoch hears similar epochs of its night.
    younger_target : bool
        For 80-95: train on the labelled 65-79 subjects as further source, as the rules allow.
    rules : {"competition", "open"}
        What may train. ``competition``: no label of a person of its test sets, which a tree that was built by age has.
    decision : BalancedDecision
        From probabilities to labels.
    transfer : tuple of dict
        Transfers, each with its ``name`` and parameters, one after the other.
    loss, training : dict
        For networks: what is put over the model's defaults of :class:`beetl_task1.models.settings.Loss` and
        ``Training``.

    Raises
    ------
    BeetlError
        If it names neither or both of a model and members, or no seed.
    """

    name: str
    description: str = ""
    model: str = ""
    network: str = ""
    parameters: Table = msgspec.field(default_factory=dict)
    seeds: tuple[Seed, ...] = (0,)
    members: tuple[str, ...] = ()
    own: dict[str, Table] = msgspec.field(default_factory=dict)
    weights: tuple[Positive, ...] = ()
    mean: Mean = "arithmetic"
    similar: SimilarEpochs | None = None
    younger_target: bool = True
    rules: Rules = "competition"
    decision: BalancedDecision = BalancedDecision()
    transfer: tuple[Table, ...] = ()
    loss: Table = msgspec.field(default_factory=dict)
    training: Table = msgspec.field(default_factory=dict)

    def __post_init__(self) -> None:
        if bool(self.model) == bool(self.members):
            raise BeetlError(f"recipe {self.name}: expected either a model or members; give one of them")
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise BeetlError(f"recipe {self.name}: seeds {list(self.seeds)}; give at least one number, each once")
        if not all(0 <= seed <= LARGEST_SEED for seed in self.seeds):
            raise BeetlError(f"recipe {self.name}: seeds {list(self.seeds)}; each is 0 to {LARGEST_SEED}")
        if self.weights and len(self.weights) != len(self.members):
            expected, got = len(self.members), len(self.weights)
            raise BeetlError(f"recipe {self.name}: expected a weight for each of {expected} members, got {got}")
        if self.members and (self.transfer or self.settings):
            raise BeetlError(f"recipe {self.name}: members bring their own parameters, loss, training and transfer")

    @property
    def settings(self) -> Table:
        """All that is set of the model, in one table."""
        named = {"network": self.network, "loss": self.loss, "training": self.training}
        return self.parameters | {key: value for key, value in named.items() if value}

    def varied(
        self, *, seed: int | None = None, younger_target: bool | None = None, rules: Rules | None = None
    ) -> "Recipe":
        """Return the recipe with what the command line overrides."""
        changes: Table = {"younger_target": younger_target, "rules": rules}
        if seed is not None:
            changes["seeds"] = tuple(seed + i for i in range(len(self.seeds)))
        return self.but(**{key: value for key, value in changes.items() if value is not None})

    def but(self, **changes: Any) -> "Recipe":
        """Return the recipe with other values, which are checked here: old versions of msgspec do not."""
        changed = msgspec.structs.replace(self, **changes)
        changed.__post_init__()
        return changed

    def member_recipes(self) -> list["Recipe"]:
        """Return the recipes of the members; what this recipe overrides is passed on, all of its seeds included."""
        found = [self._member(name) for name in self.members]
        found = [m.but(younger_target=m.younger_target and self.younger_target, rules=self.rules) for m in found]
        if len(self.seeds) > 1:
            return [member.but(seeds=self.seeds) for member in found]
        return [member.varied(seed=self.seeds[0]) for member in found] if self.seeds != (0,) else found

    def _member(self, name: str) -> "Recipe":
        return recipe_from({**self.own[name], "name": name}) if name in self.own else load_recipe(name)


def recipe_from(values: Mapping[str, Any]) -> Recipe:
    """Return the recipe of plain values.

    Raises
    ------
    BeetlError
        On a key that recipes do not have (the nearest one is given), or a value of another type.
    """
    if isinstance(values.get("transfer"), Mapping):
        values = {**values, "transfer": [values["transfer"]]}
    recipe = typed(Recipe, values, f"recipe {values.get('name', '')}")
    if len(set(recipe.members)) < len(recipe.members):
        raise BeetlError(f"recipe {recipe.name}: members {', '.join(recipe.members)}; name each once")
    _check_own(recipe)
    for member in recipe.members:
        if member not in recipe.own and (member not in recipe_names() or load_recipe(member).members):
            single = [known for known in recipe_names() if not load_recipe(known).members]
            raise unknown(f"member of recipe {recipe.name}:", member, single)
    return recipe


def _check_own(recipe: Recipe) -> None:
    """Refuse members of one's own that are no single model, or that could be taken for another."""
    for name, values in recipe.own.items():
        if name not in recipe.members:
            raise BeetlError(f"recipe {recipe.name}: {name} of own is no member; name it in members, or leave it out")
        if name in (*recipe_names(), recipe.name):
            raise BeetlError(f"recipe {recipe.name}: another recipe is called {name}, as its member is; rename one")
        if not re.fullmatch(NAME, name):
            raise BeetlError(f"recipe {recipe.name}: member {name!r}; use letters, digits, '.', '_' and '-'")
        if "members" in values or "own" in values:
            raise BeetlError(f"recipe {recipe.name}: member {name} is an ensemble itself; name its members instead")
        recipe_from({**values, "name": name})


def recipe_names() -> list[str]:
    """Return the names of the recipes that ship with the package, the default first."""
    names = sorted(Path(entry.name).stem for entry in _folder().iterdir() if entry.name.endswith(".toml"))
    return sorted(names, key=lambda name: name != DEFAULT)


def load_recipe(name: str) -> Recipe:
    """Return a recipe by its name, or a user's own by the path of its TOML file.

    Raises
    ------
    BeetlError
        If there is none of that name (the nearest is given), or the file is not a recipe.
    """
    if name.endswith(".toml"):
        if Path(name).stem in recipe_names():
            raise BeetlError(f"{name}: a recipe of that name ships with the package; give your file another name")
        return _parse(Path(name), Path(name).stem)
    if name not in recipe_names():
        raise unknown("recipe", name, recipe_names())
    return _parse(_folder() / f"{name}.toml", name)


def _parse(path: Path | Traversable, name: str) -> Recipe:
    if not re.fullmatch(NAME, name):
        raise BeetlError(f"{path}: the name of a recipe keys folders; use letters, digits, '.', '_' and '-'")
    values = _table(path)
    if isinstance(path, Path) and isinstance(values.get("members"), list):
        values |= _read_members(path, values)
    return recipe_from({**values, "name": name})


def _read_members(path: Path, values: Table) -> Table:
    """Return the members by name, and the tables of those that are named by their files."""
    files = [member for member in values["members"] if isinstance(member, str) and member.endswith(".toml")]
    own = {Path(file).stem: _table(path.parent / file) for file in files}
    if len(own) < len(files):
        raise BeetlError(f"{path}: members {', '.join(files)}; name each once, and give each file another name")
    names = [Path(member).stem if member in files else member for member in values["members"]]
    given = values.get("own", {})
    return {"members": names, "own": {**given, **own} if isinstance(given, dict) else given}


def _table(path: Path | Traversable) -> Table:
    """Read the table of a recipe's file."""
    try:
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", error)
        raise BeetlError(f"{path}: cannot be read ({why}); give the path of a recipe's TOML file") from error
    try:
        return toml_of(content)
    except ValueError as error:
        raise BeetlError(f"{path}: not TOML ({error}); compare it with the recipes of docs/zoo.md") from error


def _folder() -> Traversable:
    return resources.files(__package__)
