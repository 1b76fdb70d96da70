"""An ensemble averages probabilities, and is itself a predictor."""

from collections.abc import Sequence
from typing import Self

import numpy as np

from .data.recording import Recording
from .errors import BeetlError
from .models.base import Predictor


class Ensemble:
    """The mean of the members' probabilities.

    Parameters
    ----------
    members : sequence of Predictor
        At least one.
    """

    def __init__(self, members: Sequence[Predictor]):
        if not members:
            raise BeetlError("an ensemble needs at least one member")
        self.members = list(members)

    def prepare(self, recordings: Sequence[Recording]) -> None:
        """Let each member prepare."""
        for member in self.members:
            member.prepare(recordings)

    def fit(
        self, *, source: Sequence[Recording], target: Sequence[Recording], unlabelled: Sequence[Recording] = ()
    ) -> Self:
        """Fit each member on the same nights."""
        for member in self.members:
            member.fit(source=source, target=target, unlabelled=unlabelled)
        return self

    def predict_proba(self, recording: Recording) -> np.ndarray:
        """Return the mean probabilities of a night, shape ``(n_epochs, 6)``."""
        mean: np.ndarray = np.mean([member.predict_proba(recording) for member in self.members], axis=0)
        return mean
