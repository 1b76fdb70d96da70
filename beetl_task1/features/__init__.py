"""Hand-crafted features of an epoch, relative to its night where asked, computed once and kept.

What the name of a feature such as ``"Fpz-Cz log_delta"`` means is in the docstring of the module that computes it.
"""

from .cache import Night, features_of, night_features, night_of, prepare_features
from .extraction import FEATURE_VERSION, extract, feature_names
from .relative import night_ranks, relative, with_night

__all__ = [
    "FEATURE_VERSION",
    "Night",
    "extract",
    "feature_names",
    "features_of",
    "night_features",
    "night_of",
    "night_ranks",
    "prepare_features",
    "relative",
    "with_night",
]
