"""The names of the models. Registering a class is what makes it usable by recipes and covered by the contract tests."""

import inspect
from collections.abc import Callable
from dataclasses import asdict, is_dataclass

from ..errors import BeetlError, unknown
from .settings import merged

_NOT_PARAMETERS = {"seed", "resources"}


class Registry:
    """Classes by name: a name is taken once, and a mistyped one gets the nearest.

    Parameters
    ----------
    kind : str
        What errors call the classes, such as ``"model"``.
    """

    def __init__(self, kind: str):
        self.kind = kind
        self._classes: dict[str, type] = {}

    def register(self, name: str) -> Callable[[type], type]:
        """Register a class under a name.

        Raises
        ------
        BeetlError
            If the name is taken.
        """

        def decorate(cls: type) -> type:
            if name in self._classes:
                by = self._classes[name].__module__
                raise BeetlError(f"{self.kind} {name!r} is registered already, by {by}; choose another name")
            self._classes[name] = cls
            return cls

        return decorate

    def names(self) -> list[str]:
        """Return the registered names, sorted."""
        return sorted(self._classes)

    def get(self, name: str) -> type:
        """Return the class of a name.

        Raises
        ------
        BeetlError
            If there is none; the nearest name is given.
        """
        if name not in self._classes:
            raise unknown(self.kind, name, self.names())
        return self._classes[name]


_MODELS = Registry("model")
register, model_names, model_class = _MODELS.register, _MODELS.names, _MODELS.get


def parameter_names(name: str) -> list[str]:
    """Return the parameters that a recipe may set for a model."""
    return [p for p in inspect.signature(model_class(name)).parameters if p not in _NOT_PARAMETERS]


def resolved(name: str, parameters: dict) -> dict:
    """Return all parameters of a model as plain values: its defaults, and what a recipe sets."""
    signature = inspect.signature(model_class(name)).parameters
    defaults = {p: signature[p].default for p in parameter_names(name)}
    found = defaults | parameters
    tables = {p: asdict(merged(default, found[p])) for p, default in defaults.items() if is_dataclass(default)}
    return found | tables


def resolve(name, values, where):  # interim
    known = parameter_names(name)
    for parameter in values:
        if parameter not in known:
            raise unknown(f"key of {where}:", parameter, known)
    return resolved(name, values)


def make(name: str, parameters: dict, *, seed: int, resources, transfers=()):
    """Return an unfitted model.

    Parameters
    ----------
    name : str
        Registered name.
    parameters : dict
        As in the recipe.
    seed : int
        Seed of everything random in it.
    resources : Resources
        Where and how to compute.

    Raises
    ------
    BeetlError
        On an unknown model or parameter.
    """
    known = parameter_names(name)
    for parameter in parameters:
        if parameter not in known:
            raise unknown(f"parameter of model {name}", parameter, known)
    model = model_class(name)(seed=seed, resources=resources, **parameters)
    model.transfers.extend(transfers)
    return model
