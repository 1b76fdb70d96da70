"""Intervals for a handful of subjects: whole subjects are drawn again, since epochs of one subject are alike."""

from collections.abc import Callable, Sequence
from itertools import combinations_with_replacement
from math import factorial, prod

import numpy as np

from .result import Result

EXACT_UP_TO = 8
"""Subjects up to which every possible draw is looked at, instead of a sample of them."""
N_DRAWS = 10_000
"""Random draws where there are more subjects."""
LEVEL = 0.95
"""Coverage that an interval aims at."""


class Interval(Result, frozen=True):
    """Percentile bootstrap interval over subjects (Efron 1979).

    With five or six subjects such an interval is a lower bound of the uncertainty: subjects unlike all of those drawn
    from are never drawn.
    """

    low: float
    high: float
    """Bounds, in the unit of the statistic."""
    level: float
    """0.95 for a 95 % interval."""
    n_subjects: int
    """Subjects that were drawn from."""
    n_draws: int
    """Draws that were looked at."""
    exact: bool
    """Whether these are all possible draws, weighted by their probability; else a random sample."""
    lacking: float
    """Share of the draws in which some stage is absent; the mean recall there is over the stages present."""

    def describe(self) -> str:
        """Return the interval as text, with what it rests on."""
        kind = "all draws" if self.exact else f"{self.n_draws:,} random draws"
        text = f"{self.level:.0%} interval {self.low:.1f} to {self.high:.1f}, {kind} of {self.n_subjects} subjects"
        if self.lacking:
            share = "under 0.1%" if self.lacking < 0.001 else f"{self.lacking:.1%}"
            text += f"; {share} of the draws lack a stage and are scored over the stages present"
        return text


def subject_draws(n_subjects: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return how often each subject is in each draw with replacement, and the probability of each draw.

    Parameters
    ----------
    n_subjects : int
        At least 1.
    seed : int
        For random draws, taken beyond :data:`EXACT_UP_TO` subjects.

    Returns
    -------
    times : numpy.ndarray (n_draws, n_subjects), int
    probability : numpy.ndarray (n_draws,)
        Sums to 1.
    """
    if n_subjects > EXACT_UP_TO:
        rng = np.random.default_rng(seed)
        times = rng.multinomial(n_subjects, np.full(n_subjects, 1 / n_subjects), size=N_DRAWS)
        return times, np.full(N_DRAWS, 1 / N_DRAWS)
    draws = combinations_with_replacement(range(n_subjects), n_subjects)
    times = np.array([np.bincount(draw, minlength=n_subjects) for draw in draws])
    ways = [factorial(n_subjects) / prod(factorial(k) for k in row) for row in times.tolist()]
    return times, np.array(ways) / n_subjects**n_subjects


def confusion_score(confusion: np.ndarray) -> np.ndarray:
    """Return 100 x mean recall over the stages present of confusion matrices (..., n, n), rows the truth."""
    total = confusion.sum(axis=-1)
    correct = np.diagonal(confusion, axis1=-2, axis2=-1)
    recall = np.divide(correct, total, out=np.zeros(total.shape), where=total > 0)
    score: np.ndarray = 100 * recall.sum(axis=-1) / (total > 0).sum(axis=-1)
    return score


def subject_interval(
    confusions: Sequence[np.ndarray],
    statistic: Callable[[np.ndarray], np.ndarray] = confusion_score,
) -> Interval:
    """Return the interval of a statistic of pooled confusion matrices by drawing subjects with replacement.

    Parameters
    ----------
    confusions : sequence of array (..., n, n)
        One per subject, rows the truth; the pooled matrix of a draw is their sum.
    statistic : callable
        Maps matrices (n_draws, ..., n, n) to values (n_draws,).
    """
    stacked = np.stack(confusions).astype(float)
    times, probability = subject_draws(len(stacked))
    pooled = np.tensordot(times, stacked, axes=1)
    values = statistic(pooled)
    low, high = (_quantile(values, probability, (1 + side * LEVEL) / 2) for side in (-1, 1))
    absent = (pooled.sum(axis=-1) == 0) & (stacked.sum(axis=(0, -1)) > 0)
    lacking = probability[absent.reshape(len(pooled), -1).any(axis=1)].sum()
    exact = len(stacked) <= EXACT_UP_TO
    return Interval(low, high, LEVEL, len(stacked), len(times), exact, float(lacking))


def _quantile(values: np.ndarray, probability: np.ndarray, q: float) -> float:
    """Return the smallest value that a draw does not exceed with probability ``q``."""
    order = np.argsort(values)
    reached = int(np.searchsorted(np.cumsum(probability[order]), q - 1e-12))
    return float(values[order[min(reached, len(values) - 1)]])
