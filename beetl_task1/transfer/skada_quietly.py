"""skada, without what importing it does to scikit-learn."""

from importlib import import_module
from types import ModuleType

import sklearn


def import_skada() -> ModuleType:
    """Import skada, which switches on scikit-learn's metadata routing for everybody, and switch that off again."""
    with sklearn.config_context():
        return import_module("skada")
