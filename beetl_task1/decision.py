"""From probabilities to labels for a score that weighs every stage alike.

The leaderboard's score is the mean recall over the *pooled* test epochs, so the best label of an epoch is
``argmax_k p(k | x) / pi(k)`` with ``pi`` the pooled prior of the test set, not the plain argmax. The prior is not
known; the mean posterior over the test set takes its place, which on real recordings did as well as the true prior.

The models here weigh epochs by the root of their stage's inverse frequency, so their posteriors have come some of the
way already. How much is left belongs to a model, and its recipe says it: 0.75 for ``default`` (see "How to decide" in
``docs/evidence.md``), 0.5 where a recipe says nothing.
"""

from typing import Annotated

import numpy as np
from msgspec import Meta

from .data.probabilities import Probabilities
from .data.recording import RecordingKey
from .errors import BeetlError
from .task import N_OUTPUTS
from .typed import Settings

DEFAULT_STRENGTH = 0.5
HIGHEST_STRENGTH = 2.0
PSEUDO_EPOCHS = 30.0
"""Epochs, spread evenly over the stages, that join the mean posterior: a handful of test epochs cannot tell a prior."""


class BalancedDecision(Settings, frozen=True):
    """Label ``argmax_k p(k) / pi(k) ** strength`` with ``pi`` the mean posterior over all recordings given.

    Parameters
    ----------
    strength : float
        0 is the plain argmax, 1 divides by the whole prior, which suits models that weigh epochs alike.

    Raises
    ------
    BeetlError
        If the strength is not a number from 0 to 2.
    """

    strength: Annotated[float, Meta(ge=0, le=HIGHEST_STRENGTH)] = DEFAULT_STRENGTH

    def __post_init__(self) -> None:
        if not (isinstance(self.strength, int | float) and 0 <= self.strength <= HIGHEST_STRENGTH):
            raise BeetlError(f"decision: strength {self.strength!r}; expected 0 (plain argmax) to 2, usually 0.5")

    def decide(
        self, probabilities: Probabilities, prior_from: Probabilities | None = None
    ) -> dict[RecordingKey, np.ndarray]:
        """Return the labels of every recording, (n_epochs,) int64.

        Parameters
        ----------
        probabilities : mapping of RecordingKey to array (n_epochs, 6)
            All recordings that are scored together, since the score is pooled.
        prior_from : mapping of RecordingKey to array (n_epochs, 6), optional
            Recordings that the prior is pooled over instead.
        """
        weights = pooled_prior(probabilities if prior_from is None else prior_from) ** -self.strength
        return {key: np.argmax(p * weights, axis=1) for key, p in probabilities.items()}


def pooled_prior(probabilities: Probabilities) -> np.ndarray:
    """Return the prior of the test set, shape ``(6,)``: its mean posterior, with :data:`PSEUDO_EPOCHS` spread evenly.

    Parameters
    ----------
    probabilities : mapping of RecordingKey to array (n_epochs, 6)
        In any order; the result does not depend on it.
    """
    stacked = np.concatenate([np.asarray(probabilities[key], dtype=np.float64) for key in sorted(probabilities)])
    return np.asarray((stacked.sum(axis=0) + PSEUDO_EPOCHS / N_OUTPUTS) / (len(stacked) + PSEUDO_EPOCHS))
