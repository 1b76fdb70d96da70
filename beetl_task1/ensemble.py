"""An ensemble averages probabilities, and is itself a predictor."""

from collections.abc import Sequence
from typing import Literal, Self

import numpy as np

from .context.similar import SimilarEpochs
from .data.recording import Recording
from .errors import BeetlError
from .features import night_of, prepare_features
from .models.base import Predictor, Resources

Mean = Literal["arithmetic", "geometric"]
FLOOR = 1e-6
"""The smallest probability that a geometric mean knows of, so that no member forbids a stage alone."""


def mean_of(
    probabilities: Sequence[np.ndarray], mean: Mean = "arithmetic", weights: Sequence[float] = ()
) -> np.ndarray:
    """Return the mean of what several predictors say of the same epochs.

    Parameters
    ----------
    probabilities : sequence of array, shape (n_epochs, 6)
        Of each predictor.
    mean : {"arithmetic", "geometric"}
        The geometric one (Genest and Zidek 1986, the logarithmic opinion pool) is led by members that rule a stage out.
    weights : sequence of float, optional
        How much each counts; alike by default.

    Returns
    -------
    array, shape (n_epochs, 6)
        Rows sum to 1; a stage that all members give 0 keeps it.
    """
    share = np.asarray(weights or np.ones(len(probabilities)), np.float64)
    plain = np.average(probabilities, axis=0, weights=share)
    if mean == "arithmetic" or len(probabilities) == 1:
        return np.asarray(plain)
    pooled = np.exp(np.average(np.log(np.maximum(probabilities, FLOOR)), axis=0, weights=share))
    pooled = np.where(plain > 0, pooled, 0)
    return np.asarray(pooled / pooled.sum(axis=1, keepdims=True))


class Ensemble:
    """The mean of the members' probabilities.

    Parameters
    ----------
    members : sequence of Predictor
        At least one.
    mean : {"arithmetic", "geometric"}
        See :func:`mean_of`.
    similar : SimilarEpochs, optional
        How the mean of an epoch hears those of similar epochs of its night.
    resources : Resources, optional
        Where features are kept that ``similar`` needs.
    weights : sequence of float, optional
        How much each member counts; alike by default.
    """

    def __init__(
        self,
        members: Sequence[Predictor],
        mean: Mean = "arithmetic",
        similar: SimilarEpochs | None = None,
        resources: Resources | None = None,
        weights: Sequence[float] = (),
    ):
        if not members:
            raise BeetlError("an ensemble needs at least one member")
        self.members, self.mean, self.similar = list(members), mean, similar
        self.resources, self.weights = resources or Resources(), tuple(weights)

    @property
    def is_network(self) -> bool:
        """Whether a member is one."""
        return any(member.is_network for member in self.members)

    def prepare(self, recordings: Sequence[Recording]) -> None:
        """Let each member prepare."""
        for member in self.members:
            member.prepare(recordings)
        if self.similar and self.resources.cache is not None:
            prepare_features(recordings, self.resources.store, self.resources.jobs, self.resources.progress)

    def fit(
        self, *, source: Sequence[Recording], target: Sequence[Recording], unlabelled: Sequence[Recording] = ()
    ) -> Self:
        """Fit each member on the same nights."""
        for member in self.members:
            member.fit(source=source, target=target, unlabelled=unlabelled)
        return self

    def predict_proba(self, recording: Recording) -> np.ndarray:
        """Return the mean probabilities of a night, shape ``(n_epochs, 6)``."""
        night = night_of(recording, self.resources.store)  # held, so that all members describe it once
        found = mean_of([member.predict_proba(recording) for member in self.members], self.mean, self.weights)
        if self.similar is None:
            return found
        return self.similar.heard(found, self.similar.rows(night.relative))
