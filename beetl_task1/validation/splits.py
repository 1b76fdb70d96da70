"""Who trains and who is held out."""

from collections.abc import Sequence
from dataclasses import dataclass

from ..data.folds import Fold


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


def outer_splits(folds: Sequence[Fold]) -> list[Split]:
    """Return the splits that are scored."""
    return [Split(fold.train, fold.held_out) for fold in folds]


def source_only(splits: Sequence[Split]) -> Split:
    """Return the split in which no target subject trains."""
    return Split((), tuple(sorted(subject for split in splits for subject in split.held_out)))
