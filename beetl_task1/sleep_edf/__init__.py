"""The competition's folders rebuilt from PhysioNet's Sleep-EDF Expanded, from whose recordings BEETL was made."""

from .build import Built, build, compare_counts
from .night import SOURCE, Night, read_night, scored_epochs
from .records import Plan, Record, fetch, plan

__all__ = [
    "SOURCE",
    "Built",
    "Night",
    "Plan",
    "Record",
    "build",
    "compare_counts",
    "fetch",
    "plan",
    "read_night",
    "scored_epochs",
]
