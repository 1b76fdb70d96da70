"""The names of the models: one line of the table makes a class known to recipes and to the contract tests."""

import warnings
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from ..errors import BeetlError, unknown
from ..typed import Settings
from .base import Model, Resources, Transfer


class Registry:
    """Classes by name, imported when they are first asked for, since torch and scikit-learn take seconds.

    Parameters
    ----------
    kind : str
        What errors call the classes, such as ``"model"``.
    places : mapping of str to str
        Name to ``"module:Class"``.
    """

    def __init__(self, kind: str, places: Mapping[str, str]):
        self.kind = kind
        self._places: dict[str, str | type] = dict(places)

    def add(self, name: str, place: str | type) -> None:
        """Make a class known, as it is or by its place; a :class:`BeetlError` if the name is taken."""
        if name in self._places:
            raise BeetlError(f"{self.kind} {name!r} is registered already: {self._places[name]}; choose another name")
        self._places[name] = place

    def names(self) -> list[str]:
        """Return the known names, sorted."""
        return sorted(self._places)

    def get(self, name: str) -> Any:
        """Return the class of a name; a :class:`BeetlError` with the nearest name if there is none."""
        if name not in self._places:
            raise unknown(self.kind, name, self.names())
        place = self._places[name]
        if isinstance(place, str):
            module, _, attribute = place.partition(":")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", FutureWarning)  # braindecode and mne, of each other
                place = self._places[name] = getattr(import_module(module), attribute)
        return place


_HERE = __package__
MODELS = Registry(
    "model",
    {
        "attnsleep": f"{_HERE}.attnsleep:AttentionSleep",
        "blanco": f"{_HERE}.braindecode:Blanco",
        "braindecode": f"{_HERE}.braindecode:Braindecode",
        "chambon": f"{_HERE}.braindecode:Chambon",
        "deepsleepnet": f"{_HERE}.braindecode:DeepSleep",
        "eegnet": f"{_HERE}.braindecode:EEGNet",
        "features-boost": f"{_HERE}.features_boost:FeaturesBoost",
        "features-logreg": f"{_HERE}.features_logreg:FeaturesLogreg",
        "features-set": f"{_HERE}.features_set:FeaturesSet",
        "relative-positioning": f"{_HERE}.relative_positioning:RelativePositioning",
        "shallow": f"{_HERE}.braindecode:Shallow",
        "two-branch": f"{_HERE}.two_branch:TwoBranch",
        "usleep": f"{_HERE}.braindecode:USleep",
    },
)
model_names = MODELS.names


def model_class(name: str) -> type[Model]:
    """Return the class of a model; see :meth:`Registry.get`."""
    found: type[Model] = MODELS.get(name)
    return found


def resolve(name: str, values: Mapping[str, Any], where: str) -> Settings:
    """Return all settings of a model.

    Parameters
    ----------
    name : str
        Registered name.
    values : mapping
        What a recipe sets: ``[parameters]``, with ``loss`` and ``training`` as tables in it.
    where : str
        What an error calls the place, such as ``"recipe mine"``.

    Raises
    ------
    BeetlError
        On an unknown model or key, a wrong value, or a table that the model does not have.
    """
    model, given = model_class(name), dict(values)
    for table in ("loss", "training"):
        if not model.is_network and given.pop(table, None):
            raise BeetlError(f"{where}: model {name} has no [{table}]; remove that table")
    return model.resolve(given, where)


def make(
    name: str, settings: Settings, *, seed: int, resources: Resources, transfers: Sequence[Transfer] = ()
) -> Model:
    """Return an unfitted model; its parameters are those of :class:`beetl_task1.models.base.Model`."""
    return model_class(name)(settings, seed=seed, resources=resources, transfers=transfers)
