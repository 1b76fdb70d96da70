"""Hand-crafted features of an epoch, relative to its night where asked, and their cache.

``FEATURE_NAMES`` names the columns, for instance ``"Fpz-Cz log_delta"``; what a name means stands in the docstring of
the module that computes it.
"""

from .cache import FeatureCache, features_of
from .extraction import FEATURE_VERSION, extract, feature_names
from .relative import relative

__all__ = ["FEATURE_NAMES", "FEATURE_VERSION", "FeatureCache", "extract", "feature_names", "features_of", "relative"]


def __getattr__(name: str) -> tuple[str, ...]:
    """Work out ``FEATURE_NAMES`` when it is first asked for."""
    if name == "FEATURE_NAMES":
        return feature_names()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
