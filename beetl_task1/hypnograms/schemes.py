"""The two schemes of scoring: six stages of Rechtschaffen & Kales, or five of the AASM, where S3 and S4 are N3."""

from dataclasses import dataclass

import numpy as np

from ..errors import unknown
from ..task import STAGES


@dataclass(frozen=True)
class Scheme:
    """Names of stages, and which of the six each one takes in.

    Attributes
    ----------
    name : str
        ``"rk"`` or ``"aasm"``.
    stages, short, annotations : tuple of str
        In the order of the labels: as scorecards call them; as the scheme's manual abbreviates them, and so the tables
        of staged nights; as EDF+ files call them.
    merge : tuple of int
        For each of the six stages its label in this scheme.
    """

    name: str
    stages: tuple[str, ...]
    short: tuple[str, ...]
    annotations: tuple[str, ...]
    merge: tuple[int, ...]

    def labels(self, stages: np.ndarray) -> np.ndarray:
        """Return six-stage labels in this scheme; negative values (not scored) stay."""
        return np.where(np.asarray(stages) < 0, stages, np.asarray(self.merge)[stages])

    def probabilities(self, probabilities: np.ndarray) -> np.ndarray:
        """Return probabilities (n_epochs, 6) in this scheme: those of merged stages add up."""
        merged = np.zeros((len(probabilities), len(self.stages)))
        np.add.at(merged.T, list(self.merge), np.asarray(probabilities, dtype=np.float64).T)
        return merged

    def decide(self, probabilities: np.ndarray) -> np.ndarray:
        """Return the label of the most probable of the scheme's stages for each row of (n_epochs, 6)."""
        return np.asarray(self.probabilities(probabilities).argmax(axis=1))


_FIVE = ("W", "N1", "N2", "N3", "R")
RK = Scheme("rk", STAGES, STAGES, tuple(f"Sleep stage {letter}" for letter in "W1234R"), (0, 1, 2, 3, 4, 5))
AASM = Scheme("aasm", (*_FIVE[:4], "REM"), _FIVE, tuple(f"Sleep stage {name}" for name in _FIVE), (0, 1, 2, 3, 3, 4))
SCHEMES = {scheme.name: scheme for scheme in (RK, AASM)}


def get_scheme(name: str) -> Scheme:
    """Return a scheme by its name; a :class:`BeetlError` gives the nearest one where there is none."""
    if name not in SCHEMES:
        raise unknown("scheme", name, SCHEMES)
    return SCHEMES[name]
