"""A user's own recordings, staged with the competition's models. For research; not a medical device."""

from .batch import annotate, stage, stage_all
from .staged import StagedNight
from .stager import Options, Stager, group_for_age

__all__ = ["Options", "StagedNight", "Stager", "annotate", "group_for_age", "stage", "stage_all"]
