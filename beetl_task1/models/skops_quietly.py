"""``skops.io``, imported without what models on features never use.

When it is imported it looks for all estimators of scikit-learn, and so walks through modules that import torch, Dask
and pytest where they are installed: seconds, and hundreds of megabytes.
"""

import sys

_hidden = [name for name in ("torch", "dask", "pytest") if name not in sys.modules]
for _name in _hidden:
    sys.modules[_name] = None  # type: ignore[assignment]  # such an import fails, which the walk passes over
try:
    import skops.io as skops_io
finally:
    for _name in _hidden:
        del sys.modules[_name]

__all__ = ["skops_io"]
