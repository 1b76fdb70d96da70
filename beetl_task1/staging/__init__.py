"""A user's own recordings, staged with the competition's models. For research; not a medical device."""

from .batch import stage_all
from .cohort import ByAge, CohortNight, find_nights
from .staged import StagedNight
from .stager import Options, Stager, annotate, group_for_age, stage

__all__ = [
    "ByAge", "CohortNight", "Options", "StagedNight", "Stager", "annotate", "find_nights", "group_for_age", "stage",
    "stage_all",
]  # fmt: skip
