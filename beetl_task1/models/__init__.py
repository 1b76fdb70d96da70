"""Predictors, their registry and their checkpoints."""

from . import features_boost, features_logreg  # noqa: F401  (importing registers)
