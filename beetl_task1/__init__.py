"""BEETL Task 1: sleep staging carried over to older people, from the data to the Codalab zip."""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"
__all__ = ["load", "predict", "score", "stage", "train", "validate"]
"""The calls of ``api.py``, which is imported when one of them is asked for."""


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.api"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
