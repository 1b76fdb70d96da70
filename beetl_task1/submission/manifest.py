"""The manifest of a test set: which rows of an answer belong to which epochs of which file."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from ..data.files import COMPETITION, DataFolder, Provenance, check_distinct
from ..data.recording import Recording, RecordingKey
from ..errors import SubmissionError
from ..task import part


@dataclass(frozen=True)
class Entry:
    """One test recording in a submission."""

    recording: str
    """``group/s<subject>r<session>``."""
    file: str
    """Name of its signal file."""
    sha256: str
    """Digest of that file."""
    rows: int
    """Its epochs."""


def entries(recordings: Sequence[Recording]) -> list[Entry]:
    """Return the manifest of test recordings, in their order; each file is read once."""
    return [Entry(str(r.key), Path(r.name).name, r.file_sha256, r.n_epochs) for r in recordings]


def test_recordings(data: DataFolder, group: str, jobs: int) -> list[Recording]:
    """Return the test nights of a group in submission order; a night that is there twice is a ``DataError``."""
    recordings = data.recordings(group, "test")
    check_distinct(recordings, jobs)
    return recordings


def check_total(listed: Sequence[Entry], group: str, provenance: Provenance, *, allow_partial: bool) -> None:
    """Refuse a competition test set with another number of epochs than the leaderboard's, unless ``allow_partial``."""
    total, expected = sum(entry.rows for entry in listed), part(group, "test").n_epochs
    if provenance.kind == COMPETITION and total != expected and not allow_partial:
        raise SubmissionError(
            f"test set of {group}: {total} epochs, the leaderboard expects {expected}; fetch the files again, "
            "or pass --allow-partial for a test set that is not for upload"
        )


def is_partial(listed: Sequence[Entry], group: str) -> bool:
    """Whether the test set differs in size from the competition's."""
    return sum(entry.rows for entry in listed) != part(group, "test").n_epochs


def check_order(listed: Sequence[Entry], group: str) -> None:
    """Refuse a manifest that is not of this group, or out of order: subject by number, then session."""
    keys = [RecordingKey.parse(entry.recording) for entry in listed]
    for key in keys:
        if key.group != group:
            raise SubmissionError(f"{key}: not of group {group}; predict again")
    for before, after in pairwise(keys):
        if before >= after:
            raise SubmissionError(
                f"{after} follows {before}: rows go by subject number, then session; predict again to restore the order"
            )


def check_unchanged(listed: Sequence[Entry], current: Sequence[Entry]) -> None:
    """Refuse when a test file is missing, new or not the one that was predicted; the first is named."""
    then, now = {e.recording: e for e in listed}, {e.recording: e for e in current}
    for name in now:
        if name not in then:
            raise SubmissionError(f"{name}: a test recording without prediction; predict again")
    for name, entry in then.items():
        if name not in now:
            raise SubmissionError(f"{name}: predicted, but no longer in the test folder; put it back or predict again")
        if now[name].sha256 != entry.sha256:
            raise SubmissionError(f"{now[name].file}: changed since it was predicted; predict again")


def row_ranges(listed: Sequence[Entry]) -> list[dict[str, Any]]:
    """Return the manifest with the first row of each recording and the row after its last."""
    ends = np.cumsum([entry.rows for entry in listed]).tolist()
    return [
        asdict(entry) | {"first_row": end - entry.rows, "end_row": end} for entry, end in zip(listed, ends, strict=True)
    ]
