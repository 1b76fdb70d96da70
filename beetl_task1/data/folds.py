"""Folds: which subjects train and which one is held out. Both nights of a subject are on one side."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec

from ..errors import BeetlError
from ..typed import json_of
from ..writing import write_text
from .recording import Recording


@dataclass(frozen=True)
class Fold:
    """One split of a group's labelled subjects by their numbers, which restart in each group.

    Raises
    ------
    BeetlError
        If a subject is on both sides, or a side is empty.
    """

    group: str
    train: tuple[int, ...]
    held_out: tuple[int, ...]

    def __post_init__(self) -> None:
        both = sorted(set(self.train) & set(self.held_out))
        if both:
            raise BeetlError(
                f"fold of {self.group}: subjects {both} are on both sides; a held-out subject never trains"
            )
        if not self.train or not self.held_out:
            raise BeetlError(f"fold of {self.group}: a side is empty; at least two labelled subjects are needed")


def leave_one_subject_out(recordings: Iterable[Recording]) -> list[Fold]:
    """Return one fold per subject, in numeric order; several groups, or one subject alone, are a ``BeetlError``."""
    keys = sorted({recording.key[:2] for recording in recordings})
    groups = sorted({group for group, _ in keys})
    if len(groups) != 1:
        raise BeetlError(f"folds are made within one group, got {groups}")
    return [Fold(group, tuple(s for _, s in keys if s != out), (out,)) for group, out in keys]


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
        folds = msgspec.convert(json_of(path.read_bytes()), list[Fold])
    except (OSError, ValueError, msgspec.MsgspecError) as error:
        raise BeetlError(f"{path}: not a file of folds ({error}); remove it to split anew") from error
    held_out = [subject for fold in folds for subject in fold.held_out]
    if len(held_out) != len(set(held_out)):
        raise BeetlError(f"{path}: a subject is held out twice; remove the file to split anew")
    return folds
