"""A recipe names a model with its parameters, its seeds and its decision: a TOML file of a few lines."""

import re
import tomllib
from dataclasses import asdict, dataclass, field, fields, replace
from importlib import resources
from pathlib import Path

from ..decision import BalancedDecision
from ..errors import BeetlError, unknown

DEFAULT = "default"


@dataclass(frozen=True)
class Recipe:
    """A named experiment; its name keys the checkpoint, the submission and the report.

    Parameters
    ----------
    name : str
        The file's name without its ending.
    description : str
        One line.
    model : str
        Registered name; empty for an ensemble.
    parameters : dict
        Keywords of the model.
    seeds : tuple of int
        The model is trained once per seed, and the probabilities are averaged.
    members : tuple of str
        Recipes of an ensemble; empty for a single model.
    younger_target : bool
        For 80-95: train on the labelled 65-79 subjects as further source, as the rules allow.
    decision : dict
        Keywords of :class:`beetl_task1.decision.BalancedDecision`.
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
    parameters: dict = field(default_factory=dict)
    seeds: tuple[int, ...] = (0,)
    members: tuple[str, ...] = ()
    younger_target: bool = True
    decision: dict = field(default_factory=dict)
    transfer: tuple[dict, ...] = ()
    loss: dict = field(default_factory=dict)
    training: dict = field(default_factory=dict)

    def __post_init__(self):
        if bool(self.model) == bool(self.members):
            raise BeetlError(f"recipe {self.name}: expected either a model or members; give one of them")
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise BeetlError(f"recipe {self.name}: seeds {list(self.seeds)}; give at least one number, each once")
        if self.members and (self.transfer or self.loss or self.training or self.parameters):
            raise BeetlError(f"recipe {self.name}: members bring their own parameters, loss, training and transfer")

    def to_dict(self) -> dict:
        """Return the recipe as plain values."""
        return asdict(self) | {
            "seeds": list(self.seeds), "members": list(self.members), "transfer": list(self.transfer),
        }  # fmt: skip

    @classmethod
    def from_dict(cls, values: dict) -> "Recipe":
        """Return the recipe of plain values.

        Raises
        ------
        BeetlError
            On a key that recipes do not have (the nearest one is given) or a value of another type.
        """
        known = [f.name for f in fields(cls)]
        for key in values:
            if key not in known:
                raise unknown(f"key of recipe {values.get('name', '')}:", key, known[1:])
        if isinstance(values.get("transfer"), dict):
            values = values | {"transfer": [values["transfer"]]}
        _check_types(values)
        values = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
        recipe = cls(**values)
        BalancedDecision(**recipe.decision)
        return recipe

    def varied(self, *, seed: int | None = None, younger_target: bool | None = None) -> "Recipe":
        """Return the recipe with what the command line overrides."""
        changes = {} if seed is None else {"seeds": tuple(seed + i for i in range(len(self.seeds)))}
        return replace(self, **changes, **({} if younger_target is None else {"younger_target": younger_target}))


_TYPES = {
    "name": (str, "a text"),
    "description": (str, "a text"),
    "model": (str, "a text"),
    "parameters": (dict, "a table"),
    "seeds": (list | tuple, "a list of whole numbers"),
    "members": (list | tuple, "a list of recipes"),
    "younger_target": (bool, "true or false"),
    "decision": (dict, "a table"),
    "transfer": (list | tuple, "a table, or several"),
    "loss": (dict, "a table"),
    "training": (dict, "a table"),
}
LARGEST_SEED = 2**32 - 1


def _check_types(values: dict) -> None:
    name = values.get("name", "")
    for key, value in values.items():
        if not isinstance(value, _TYPES[key][0]):
            raise BeetlError(f"recipe {name}: {key} is {value!r}; expected {_TYPES[key][1]}")
    for seed in values.get("seeds", ()):
        if type(seed) is not int or not 0 <= seed <= LARGEST_SEED:
            raise BeetlError(f"recipe {name}: seed {seed!r}; expected whole numbers from 0 to {LARGEST_SEED}")
    for member in values.get("members", ()):
        if member not in recipe_names() or load_recipe(member).members:
            single = [known for known in recipe_names() if known != DEFAULT]
            raise unknown(f"member of recipe {name}:", str(member), single)
    for table in values.get("transfer", ()):
        if not isinstance(table, dict):
            raise BeetlError(f"recipe {name}: transfer holds {table!r}; expected tables, each with a name")
    for key in values.get("decision", {}):
        if key not in _DECISION:
            raise unknown(f"key of the decision of recipe {name}:", key, _DECISION)


_DECISION = [f.name for f in fields(BalancedDecision)]


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


def _parse(path, name: str) -> Recipe:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise BeetlError(f"{path}: the name of a recipe keys folders; use letters, digits, '.', '_' and '-'")
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BeetlError(f"{path}: cannot be read ({error.strerror}); give the path of a recipe's TOML file") from error
    except ValueError as error:
        raise BeetlError(f"{path}: not TOML ({error}); compare it with the recipes in the README") from error
    return Recipe.from_dict({**values, "name": name})


def _folder():
    return resources.files(__package__)
