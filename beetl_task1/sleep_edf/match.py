"""Which recording of Sleep-EDF each night of the competition is, epoch by epoch."""

import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from ..data.competition_files import write_truth
from ..data.files import DataFolder, competition_keys
from ..data.recording import Recording
from ..errors import DataError
from ..parallel import each
from ..progress import Progress
from ..store import sha256
from ..task import EPOCH_SECONDS, PARTS, TARGET_GROUPS, part
from ..writing import whole_file, write_text
from .epochs import read_night
from .study import all_pairs

ENOUGH = 0.99
"""Share of a night's epochs that have to be found in a recording."""
PAIRS = "pairs.csv"
_COLUMNS = ("group", "role", "subject", "session", "record", "epochs", "found", "labels_that_differ")


@dataclass(frozen=True)
class Pair:
    """A night of the competition and its record, or the likeliest one where ``onsets`` are missing.

    ``onsets`` (n_epochs,) are seconds from the beginning of the record, NaN for an epoch that is not found there, and
    ``stages`` (n_epochs,) what the record's scoring says, -1 for nothing.
    """

    night: Recording
    role: str
    record: str
    onsets: np.ndarray
    stages: np.ndarray

    @property
    def found(self) -> int:
        """Epochs that are in the record."""
        return int(np.isfinite(self.onsets).sum())

    @property
    def is_sure(self) -> bool:
        """Whether nearly all epochs are in the record."""
        return self.found >= ENOUGH * len(self.onsets)

    @cached_property
    def labels_that_differ(self) -> int | None:
        """Epochs whose label is not that of the record; None for a night without labels."""
        return None if self.night.y is None else int((self.night.y != self.stages)[np.isfinite(self.onsets)].sum())

    def row(self) -> tuple[object, ...]:
        """Return the night's line of the table."""
        key = self.night.key
        numbers = (len(self.onsets), self.found, "" if self.labels_that_differ is None else self.labels_that_differ)
        return (key.group, self.role, key.subject, key.session, self.record if self.is_sure else "", *numbers)


@dataclass(frozen=True)
class _Epochs:
    """Where in a record each epoch is, by its digest, and the stages of all of its epochs."""

    record: str
    places: dict[str, list[int]]
    stages: np.ndarray


def match(
    sleep_edf: str | Path, data: DataFolder, out: str | Path, *, jobs: int = 1, progress: Progress | None = None
) -> list[Pair]:
    """Pair every night of the competition's folders with its record, by signals alone, in whatever order they are.

    Writes ``pairs.csv``, ``order/<group>/s<i>r<j>.npy`` with the onset (s) of every row that is found, and
    ``truth/<group>.txt`` for each group of which every test epoch is found and scored.

    Parameters
    ----------
    sleep_edf : path
        Holds Sleep-EDF's pairs of files, at any depth.
    data : DataFolder
        The competition's folders.
    out : path
        An empty folder, or one that does not exist.
    jobs : int
        Processes, each of which holds one recording at a time.

    Raises
    ------
    DataError
        If nothing can be compared, a recording is damaged, or ``out`` holds something.
    """
    out = Path(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DataError(f"{out}: expected an empty folder, got one with files in it; choose another --out")
    nights = [(night, one.role) for one in PARTS if data.files(one).signals
              for night in data.recordings(one.group, one.role)]  # fmt: skip
    if not nights:
        raise DataError(f"{data.path}: no night of the competition; --match names its downloaded folders")
    files, records, where = all_pairs(sleep_edf), list[_Epochs](), dict[str, list[int]]()
    tasks = ((name, files[name]["psg"], files[name]["hypnogram"]) for name in sorted(files))
    for record in each(_digested, tasks, jobs):
        for digest in record.places:
            where.setdefault(digest, []).append(len(records))
        records.append(record)
        if progress:
            progress(len(records), len(files), record.record)
    pairs = [_paired(night, role, records, where) for night, role in nights]
    _write(pairs, out)
    return pairs


def _digests(X: np.ndarray) -> list[str]:
    """Return a digest of each epoch in volts, as 32-bit numbers: both sides scaled the same digital values."""
    return [sha256(epoch.tobytes()) for epoch in np.ascontiguousarray(X, np.float32)]


def _digested(name: str, psg: Path, hypnogram: Path) -> _Epochs:
    """Digest every scored epoch of a record."""
    epochs = read_night(psg, hypnogram, lambda stages: slice(0, len(stages)))
    numbers = np.round(epochs.onsets / EPOCH_SECONDS).astype(int)
    places: dict[str, list[int]] = {}
    for digest, number in zip(_digests(epochs.X), numbers.tolist(), strict=True):
        places.setdefault(digest, []).append(number)
    stages = np.full(numbers[-1] + 1, -1)
    stages[numbers] = epochs.y
    return _Epochs(name, places, stages)


def _paired(night: Recording, role: str, records: Sequence[_Epochs], where: dict[str, list[int]]) -> Pair:
    """Find the record that has most of a night's epochs; equal epochs are taken in the order of the record."""
    digests = _digests(night.X)
    votes = Counter(number for digest in digests for number in where.get(digest, ()))
    onsets, stages = np.full(len(digests), np.nan), np.full(len(digests), -1)
    if not votes:
        return Pair(night, role, "", onsets, stages)
    record = records[min(votes, key=lambda number: (-votes[number], number))]
    left = {digest: iter(places) for digest, places in record.places.items()}
    for row, digest in enumerate(digests):
        number = next(left[digest], None) if digest in left else None
        if number is not None:
            onsets[row], stages[row] = number * EPOCH_SECONDS, record.stages[number]
    return Pair(night, role, record.record, onsets, stages)


def _write(pairs: Sequence[Pair], out: Path) -> None:
    table = io.StringIO()
    csv.writer(table, lineterminator="\n").writerows([_COLUMNS, *(pair.row() for pair in pairs)])
    write_text(out / PAIRS, table.getvalue())
    for pair in pairs:
        key = pair.night.key
        if pair.is_sure:
            with whole_file(out / "order" / key.group / f"s{key.subject}r{key.session}.npy") as file:
                np.save(file, pair.onsets)
    for group, labels in truths(pairs):
        write_truth(out, group, labels)


def truths(pairs: Sequence[Pair]) -> Iterator[tuple[str, np.ndarray]]:
    """Yield each group whose whole test set is found and scored, and its labels in the order of a submission."""
    for group in TARGET_GROUPS:
        test = sorted((p for p in pairs if (p.night.key.group, p.role) == (group, "test")), key=lambda p: p.night.key)
        whole = [pair.night.key for pair in test] == competition_keys(part(group, "test"))
        if whole and all(pair.is_sure and (pair.stages >= 0).all() for pair in test):
            yield group, np.concatenate([pair.stages for pair in test])
