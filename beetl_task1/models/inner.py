"""Inner splits of training nights by subject, and the choice of the passes of a stage that rests on them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ..data.recording import Recording

Nights = Sequence[Recording]
Fold = tuple[list[Recording], list[Recording]]
"""Nights that train, and held-out ones."""


def by_subject(nights: Nights) -> list[list[Recording]]:
    """Return nights by subject, subjects in order."""
    subjects = sorted({night.key[:2] for night in nights})
    return [[night for night in nights if night.key[:2] == subject] for subject in subjects]


def inner_split(nights: Nights, share: float, seed: int) -> Fold:
    """Return nights that train and held-out ones, a share of the subjects (at least one) drawn by the seed.

    Nothing is held out where fewer than three subjects are there, or the share is 0.
    """
    n_subjects = len(by_subject(nights))
    if not share or n_subjects < 3:
        return list(nights), []
    n_out = max(1, round(share * n_subjects))
    return _apart(nights, np.random.default_rng(seed).choice(n_subjects, n_out, replace=False))


def inner_folds(nights: Nights, n_folds: int, seed: int) -> list[Fold]:
    """Return training and held-out nights of each fold; every subject is held out once, drawn by the seed.

    There are as many folds as subjects at most, and none where there are fewer than two, of either.
    """
    n_subjects = len(by_subject(nights))
    n_folds = min(n_folds, n_subjects)
    drawn = np.random.default_rng(seed).permutation(n_subjects)
    return [_apart(nights, out) for out in np.array_split(drawn, n_folds)] if n_folds > 1 else []


def _apart(nights: Nights, out: np.ndarray) -> Fold:
    subjects = by_subject(nights)
    held_out = {subjects[i][0].key[:2] for i in out}
    kept = [night for night in nights if night.key[:2] not in held_out]
    return kept, [night for night in nights if night.key[:2] in held_out]


@dataclass(frozen=True)
class Choice:
    """How many passes of a stage on the target are kept."""

    stage: str
    passes: int  # 0 where the stage is undone
    losses: tuple[float, ...]  # held out, before the first pass and after each, the mean over all subjects

    def __str__(self) -> str:
        kept = f"{self.passes} of {len(self.losses) - 1} passes kept" if self.passes else "undone"
        after = min(self.losses[1:])
        return f"{self.stage}: {kept} (held-out loss {self.losses[0]:.3f} before, {after:.3f} at best after)"


def choose(stage: str, folds: Sequence[Fold], losses_of: Callable[[int, Nights, Nights], Sequence[float]]) -> Choice:
    """Choose the number of passes with the lowest held-out loss, each subject counting alike; the fewest of equals.

    ``losses_of`` goes from the number of a fold and its nights to the held-out loss, the mean over its subjects, before
    the first pass and after each. Where one stops early, the passes that all have reached can be chosen.
    """
    found = [losses_of(number, *fold) for number, fold in enumerate(folds, 1)]
    reached = min(map(len, found))
    weights = [len(by_subject(held_out)) for _, held_out in folds]
    mean = np.average([losses[:reached] for losses in found], axis=0, weights=weights)
    return Choice(stage, int(mean.argmin()), tuple(mean.tolist()))
