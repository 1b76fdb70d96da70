"""Predictors, their registry and their checkpoints."""

from . import (  # noqa: F401  (importing registers)
    attnsleep,
    blanco,
    chambon,
    deepsleepnet,
    eegnet,
    features_boost,
    features_logreg,
    relative_positioning,
    shallow,
    two_branch,
    usleep,
)
