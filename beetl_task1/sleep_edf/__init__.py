"""The competition's folders rebuilt from PhysioNet's Sleep-EDF Expanded, from whose recordings BEETL was made."""

from .epochs import read_night
from .match import match, truths
from .rebuild import counts_beside_competition, rebuild
from .study import assign_places, fetch

__all__ = ["assign_places", "counts_beside_competition", "fetch", "match", "read_night", "rebuild", "truths"]
