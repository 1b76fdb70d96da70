"""A user's own recordings, staged with the competition's models. For research; not a medical device."""

from .batch import Batch, annotate, stage, stage_all
from .night import StagedNight
from .output import write_night, write_summary
from .stager import Options, Stager, group_for_age

__all__ = [
    "Batch",
    "Options",
    "StagedNight",
    "Stager",
    "annotate",
    "group_for_age",
    "stage",
    "stage_all",
    "write_night",
    "write_summary",
]
