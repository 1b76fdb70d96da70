"""``skops.io``, imported without torch.

When it is imported it looks for all estimators of scikit-learn, and so walks through modules that import torch where
that is installed: seconds, and hundreds of megabytes, for what models on features never use.
"""

import sys

_hidden = "torch" not in sys.modules
if _hidden:
    sys.modules["torch"] = None  # type: ignore[assignment]  # such an import fails, which the walk passes over
try:
    import skops.io as skops_io
finally:
    if _hidden:
        del sys.modules["torch"]

__all__ = ["skops_io"]
