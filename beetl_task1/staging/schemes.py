"""Stages as Rechtschaffen & Kales have them (six) and as the AASM has them (S3 and S4 are N3)."""

from dataclasses import dataclass

import numpy as np

from ..errors import unknown
from ..task import STAGES
from ..validation.schemes import Scheme as ScoringScheme


@dataclass(frozen=True)
class Scheme(ScoringScheme):
    """A scheme of scoring, with the names that its stages have in EDF+ files.

    Attributes
    ----------
    annotations : tuple of str
        What each stage is called in EDF+ annotations.
    """

    annotations: tuple[str, ...]

    def decide(self, probabilities: np.ndarray) -> np.ndarray:
        """Return the most probable of the scheme's stages for each epoch, as indices into ``stages``."""
        return self.probabilities(probabilities).argmax(axis=1)

    def translate(self, stages: np.ndarray) -> np.ndarray:
        """Return R&K stages as indices into ``stages``; negative values (not scored) stay."""
        return np.where(np.asarray(stages) < 0, stages, self.labels(stages))


RK = Scheme("rk", STAGES, tuple(range(6)), tuple(f"Sleep stage {letter}" for letter in "W1234R"))
AASM = Scheme(
    "aasm",
    ("W", "N1", "N2", "N3", "R"),
    (0, 1, 2, 3, 3, 4),
    tuple(f"Sleep stage {stage}" for stage in ("W", "N1", "N2", "N3", "R")),
)


def get_scheme(name: str) -> Scheme:
    """Return a scheme by its name, ``"rk"`` or ``"aasm"``."""
    for scheme in (RK, AASM):
        if scheme.name == name:
            return scheme
    raise unknown("scheme", name, ("rk", "aasm"))
