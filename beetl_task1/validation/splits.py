"""Who is held out together: one subject for the score, several for what is fitted on top of probabilities."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from ..data.folds import Fold

HANDS = 4
"""Subjects are dealt into so many hands, and each two hands are held out together: at most six blocks."""


@dataclass(frozen=True)
class Split:
    """Target subjects that train and those that are predicted.

    Attributes
    ----------
    train, held_out : tuple of int
        Disjoint; ``train`` is empty where a model learns from the source alone.
    """

    train: tuple[int, ...]
    held_out: tuple[int, ...]

    @property
    def name(self) -> str:
        """Text for files and progress."""
        return "out-" + "-".join(map(str, self.held_out))


def outer_splits(folds: Sequence[Fold]) -> list[Split]:
    """Return the splits that are scored."""
    return [Split(fold.train, fold.held_out) for fold in folds]


def blocks(subjects: Sequence[int]) -> list[Split]:
    """Return splits in which every two subjects are held out together at least once.

    A model of such a split knows neither of the two. So each subject gets predictions of all the others by models that
    never saw its labels: inner out-of-fold predictions, shared between the outer folds.

    Parameters
    ----------
    subjects : sequence of int
        All target subjects.
    """
    hands = [tuple(subjects[i::HANDS]) for i in range(min(HANDS, len(subjects)))]
    pairs = combinations(hands, 2) if len(hands) > 1 else [(hands[0], ())]
    held_out = [tuple(sorted(a + b)) for a, b in pairs]
    return [Split(tuple(s for s in subjects if s not in out), out) for out in held_out]


def source_only(subjects: Sequence[int]) -> Split:
    """Return the split in which no target subject trains."""
    return Split((), tuple(subjects))
