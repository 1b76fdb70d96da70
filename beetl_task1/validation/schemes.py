"""Two readings of a night: the six stages of Rechtschaffen & Kales, or the five of today's sleep medicine."""

from dataclasses import dataclass

import numpy as np

from ..errors import unknown
from ..task import STAGES


@dataclass(frozen=True)
class Scheme:
    """Names of stages, and which of the six each one takes in."""

    name: str
    """``"rk"`` or ``"aasm"``."""
    stages: tuple[str, ...]
    """In the order of the labels."""
    merge: tuple[int, ...]
    """For each of the six stages its label in this scheme."""

    def labels(self, labels: np.ndarray) -> np.ndarray:
        """Return six-stage labels in this scheme."""
        merged: np.ndarray = np.asarray(self.merge)[labels]
        return merged

    def probabilities(self, probabilities: np.ndarray) -> np.ndarray:
        """Return probabilities (n_epochs, 6) in this scheme: those of merged stages add up."""
        merged = np.zeros((len(probabilities), len(self.stages)))
        np.add.at(merged.T, list(self.merge), probabilities.T.astype(np.float64))
        return merged


SCHEMES = {
    "rk": Scheme("rk", STAGES, (0, 1, 2, 3, 4, 5)),
    "aasm": Scheme("aasm", ("W", "N1", "N2", "N3", "REM"), (0, 1, 2, 3, 3, 4)),
}


def scheme(name: str) -> Scheme:
    """Return a scheme by its name.

    Raises
    ------
    BeetlError
        If there is none; the nearest name is given.
    """
    if name not in SCHEMES:
        raise unknown("scheme", name, SCHEMES)
    return SCHEMES[name]
