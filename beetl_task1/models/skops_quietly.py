"""``skops.io``, imported without what models on features never use.

When it is imported it looks for all estimators of scikit-learn, and so walks through modules that import torch, Dask
and pytest where they are installed: seconds, and hundreds of megabytes. scikit-learn itself imports pandas, which it
asks for nothing but data sets.
"""

import contextlib
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def _without(*names: str) -> Iterator[None]:
    """Let the import of libraries fail that are not imported yet, which those that can do without pass over."""
    hidden = [name for name in names if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


with _without("pandas"):
    import sklearn.utils  # noqa: F401
with _without("torch", "dask", "pytest"):
    import skops.io as skops_io

__all__ = ["skops_io"]
