"""Is one recipe better than another? Differences per subject, since epochs and nights of a subject are alike."""

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
from scipy.stats import permutation_test

from ..errors import BeetlError
from .resampling import Interval, confusion_score, subject_interval
from .result import Result
from .scorecard import Scorecard

EXACT_UP_TO = 14
"""Subjects up to which all sign flips are looked at."""
N_FLIPS = 9999
"""Random flips where there are more."""


class Comparison(Result, frozen=True):
    """One recipe against another on the same nights."""

    first: str
    second: str
    """Their names; differences are first less second."""
    differences: dict[str, float]
    """Score of each subject under the first less that under the second."""
    mean: float
    """Mean of the differences."""
    pooled: float
    """Difference of the pooled scores, which is what the leaderboard would show."""
    interval: Interval | None
    """Of the pooled difference, by drawing subjects for both recipes at once."""
    p_value: float
    """Two-sided sign-flip test of the mean difference (Fisher 1935): how often random signs give one as large."""
    smallest_p: float
    """The smallest that the test can give with so few subjects, ``2 / 2 ** n``."""
    exact: bool
    """Whether all flips were looked at."""
    better: int
    """For how many subjects the first is better."""

    def describe(self) -> str:
        """Return the comparison as one or two sentences."""
        n = len(self.differences)
        text = (
            f"{self.first} less {self.second}: {self.pooled:+.1f} pooled, {self.mean:+.1f} on average over subjects, "
            f"better for {self.better} of {n}; sign-flip test p = {self.p_value:.3g}"
        )
        if self.smallest_p > 0.05:
            text += f", which {n} subjects cannot bring below {self.smallest_p:.2g}"
        return text


class SeedSpread(Result, frozen=True):
    """Scores of one recipe under several seeds."""

    name: str
    """The recipe."""
    scores: dict[str, float]
    """Pooled score of each seed alone."""
    mean: float
    sd: float
    """Over the seeds; ``sd`` is the sample's, 0 for one seed."""

    def describe(self) -> str:
        """Return the spread as one line."""
        values = ", ".join(f"{seed} {score:.1f}" for seed, score in self.scores.items())
        if len(self.scores) < 2:
            return f"{self.name}: one seed ({values}), so no spread is known"
        return f"{self.name}: {self.mean:.1f} with SD {self.sd:.2f} over {len(self.scores)} seeds ({values})"


def compare(first: Scorecard, second: Scorecard) -> Comparison:
    """Compare two scorecards of the same nights.

    Parameters
    ----------
    first, second : Scorecard
        Of the same subjects, in the same scheme, against the same truth.

    Raises
    ------
    BeetlError
        If they are of different nights, or of fewer than two subjects.
    """
    _check(first, second)
    ours, theirs = first.subject_scores, second.subject_scores
    differences = {name: ours[name] - theirs[name] for name in ours}
    values = np.array(list(differences.values()))
    pairs = [np.stack([a.confusion, b.confusion]) for a, b in zip(first.subjects, second.subjects, strict=True)]
    return Comparison(
        first=first.name,
        second=second.name,
        differences=differences,
        mean=float(values.mean()),
        pooled=first.score - second.score,
        interval=subject_interval(pairs, lambda both: -np.diff(confusion_score(both), axis=1)[:, 0]),
        p_value=sign_flip_test(values),
        smallest_p=2.0 ** (1 - len(values)),
        exact=len(values) <= EXACT_UP_TO,
        better=int((values > 0).sum()),
    )


def compare_all(cards: Sequence[Scorecard]) -> list[Comparison]:
    """Compare each pair of scorecards, the better one first."""
    ranked = sorted(cards, key=lambda card: -card.score)
    return [compare(a, b) for a, b in combinations(ranked, 2)]


def sign_flip_test(differences: np.ndarray, seed: int = 0) -> float:
    """Return the two-sided p-value of a mean of paired differences under random signs.

    All ``2 ** n`` signs are looked at up to :data:`EXACT_UP_TO` differences, else random ones.

    Parameters
    ----------
    differences : array (n,)
        One per subject, at least two.
    seed : int
        For random signs.
    """
    values = np.asarray(differences, dtype=float)
    found = permutation_test(
        (values,),
        lambda x, axis: np.abs(np.mean(x, axis=axis)),
        permutation_type="samples",
        vectorized=True,
        n_resamples=np.inf if len(values) <= EXACT_UP_TO else N_FLIPS,
        alternative="greater",
        rng=np.random.default_rng(seed),
    )
    return float(found.pvalue)


def seed_spread(name: str, scores: Mapping[int | str, float]) -> SeedSpread:
    """Return the spread of a recipe's pooled scores over its seeds.

    Parameters
    ----------
    name : str
        The recipe.
    scores : mapping of seed to float
        At least one.
    """
    values = np.array(list(scores.values()), dtype=float)
    sd = float(values.std(ddof=1)) if len(values) > 1 else 0.0
    return SeedSpread(name, {str(seed): float(score) for seed, score in scores.items()}, float(values.mean()), sd)


def _check(first: Scorecard, second: Scorecard) -> None:
    if first.scheme != second.scheme:
        raise BeetlError(f"{first.name} is scored in {first.scheme}, {second.name} in {second.scheme}; use one scheme")
    ours, theirs = ({unit.name: unit.support for unit in card.subjects} for card in (first, second))
    if ours != theirs or len(ours) < 2:
        raise BeetlError(
            f"{first.name} and {second.name}: expected scores of the same nights of two or more subjects, "
            f"got {', '.join(ours) or 'none'} and {', '.join(theirs) or 'none'}; validate both on the same data"
        )
