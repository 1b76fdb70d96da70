"""Folds: which subjects train and which one is held out. Both nights of a subject stay on one side."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ..errors import BeetlError
from ..writing import write_text
from .recording import Recording


@dataclass(frozen=True)
class Fold:
    """One split of a group's labelled subjects.

    Parameters
    ----------
    group : str
        Age group; subject numbers restart in each.
    train, held_out : tuple of int
        Subjects.

    Raises
    ------
    BeetlError
        If a subject is on both sides, or a side is empty.
    """

    group: str
    train: tuple[int, ...]
    held_out: tuple[int, ...]

    def __post_init__(self):
        both = sorted(set(self.train) & set(self.held_out))
        if both:
            raise BeetlError(
                f"fold of {self.group}: subjects {both} are on both sides; a held-out subject never trains"
            )
        if not self.train or not self.held_out:
            raise BeetlError(f"fold of {self.group}: a side is empty; at least two labelled subjects are needed")

    def split(self, recordings: Sequence[Recording]) -> tuple[list[Recording], list[Recording]]:
        """Return the recordings that train and those that are held out.

        Raises
        ------
        BeetlError
            If a recording belongs to neither side or to another group.
        """
        for recording in recordings:
            if recording.key.group != self.group or recording.key.subject not in self.train + self.held_out:
                raise BeetlError(
                    f"{recording.key}: not in the saved folds of {self.group}; remove folds.json to split anew"
                )
        train = [r for r in recordings if r.key.subject in self.train]
        return train, [r for r in recordings if r.key.subject in self.held_out]


def leave_one_subject_out(recordings: Iterable[Recording]) -> list[Fold]:
    """Return one fold per subject of one group, in numeric order.

    Raises
    ------
    BeetlError
        If the recordings are of several groups or of one subject only.
    """
    keys = [recording.key for recording in recordings]
    groups = {key.group for key in keys}
    if len(groups) != 1:
        raise BeetlError(f"folds are made within one group, got {sorted(groups)}")
    subjects = sorted({key.subject for key in keys})
    return [Fold(groups.copy().pop(), tuple(s for s in subjects if s != out), (out,)) for out in subjects]


def save_folds(folds: Sequence[Fold], path: Path) -> None:
    """Write folds as JSON."""
    write_text(path, json.dumps([asdict(fold) for fold in folds], indent=1) + "\n")


def load_folds(path: Path) -> list[Fold]:
    """Read folds; a leak in the file is refused.

    Raises
    ------
    BeetlError
        If the file is damaged or holds a subject on both sides.
    """
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        folds = [Fold(row["group"], tuple(row["train"]), tuple(row["held_out"])) for row in rows]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BeetlError(f"{path}: not a file of folds ({error!r}); remove it to split anew") from error
    held_out = [subject for fold in folds for subject in fold.held_out]
    if len(held_out) != len(set(held_out)):
        raise BeetlError(f"{path}: a subject is held out twice; remove the file to split anew")
    return folds
