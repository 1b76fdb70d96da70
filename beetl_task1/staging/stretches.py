"""The stretches of a recording that have no gap in them, and what its annotations say of them."""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from mne.io import BaseRaw

from ..hypnograms.edf import EdfHeader, read_tals, record_gaps, record_onsets
from ..task import EPOCH_SECONDS

_SKIPPED = "bad_acq_skip"
_JOINTS = ("bad boundary", "edge boundary", "new segment/")


@dataclass(frozen=True)
class Stretch:
    """Samples of a recording without a gap, ``first`` to before ``stop``, and the onset of the first in s."""

    first: int
    stop: int
    onset: float


def stretches(raw: BaseRaw, path: Path | None, header: EdfHeader | None) -> tuple[list[Stretch], list[str]]:
    """Return the stretches of a recording in order, and what a user should know of the gaps.

    Gaps are what the records of EDF+D tell, what was skipped in the acquisition, and where recordings were joined.
    """
    onsets = record_onsets(path, header) if path is not None and header is not None else None
    found = [Stretch(0, raw.n_times, 0.0)]
    if header is not None and onsets is not None and len(onsets) > 1:
        jumps = record_gaps(onsets, header)
        edges = [round(i * header.record_seconds * raw.info["sfreq"]) for i in (0, *jumps.tolist(), len(onsets))]
        begins = onsets[[0, *jumps]].tolist()
        found = [Stretch(a, min(b, raw.n_times), onset) for (a, b), onset in zip(pairwise(edges), begins, strict=True)]
    parts = [part for whole in found for part in _by_annotations(raw, whole)]
    gaps = [b.onset - a.onset - (a.stop - a.first) / raw.info["sfreq"] for a, b in pairwise(parts)]
    text = f"gap: {len(gaps)} {'gap' if len(gaps) == 1 else 'gaps'} or joints, {sum(gaps) / 60:.1f} min together; "
    return parts, [f"{text}no epoch lies across one, and the statistics are of the epochs that there are"] * bool(gaps)


def _by_annotations(raw: BaseRaw, whole: Stretch) -> list[Stretch]:
    """Return the parts of a stretch between what was skipped or joined."""
    sfreq = raw.info["sfreq"]
    holes = [(whole.first, whole.first), (whole.stop, whole.stop)]
    for onset, duration, name in annotated(raw):
        skipped = name.startswith(_SKIPPED)
        if skipped or name.startswith(_JOINTS):
            first = round(onset * sfreq)
            holes.append((first, first + (round(duration * sfreq) if skipped else 0)))
    holes.sort()
    edges = [(a[1], b[0]) for a, b in pairwise(holes)]
    return [
        Stretch(a, b, whole.onset + (a - whole.first) / sfreq) for a, b in edges if whole.first <= a < b <= whole.stop
    ]


def annotated(raw: BaseRaw) -> list[tuple[float, float, str]]:
    """Return onset (s from the first sample), duration and name in lower case of what is annotated."""
    shift = raw.first_time if raw.annotations.orig_time is not None else 0.0
    values = zip(raw.annotations.onset, raw.annotations.duration, raw.annotations.description, strict=True)
    return [(float(onset) - shift, float(duration), str(name).strip().lower()) for onset, duration, name in values]


def marked_bad(
    raw: BaseRaw, onsets: np.ndarray, path: Path | None, header: EdfHeader | None
) -> tuple[np.ndarray, list[str]]:
    """Return which epochs lie under annotations that begin with BAD, (n_epochs,), and what to say of it."""
    marks = annotated(raw)
    if path is not None and header is not None and header.discontinuous:  # mne drops what lies past the samples
        marks = [(tal.onset, tal.duration, text.lower()) for tal in read_tals(path, header) for text in tal.texts]
    bad, names = np.zeros(len(onsets), dtype=bool), set()
    for onset, duration, name in marks:
        if name.startswith("bad") and not name.startswith((_SKIPPED, *_JOINTS)):
            over = (onsets < onset + duration) & (onsets + EPOCH_SECONDS > onset)
            bad |= over
            names |= {name} if over.any() else set()
    text = f"bad: annotations ({', '.join(sorted(names)[:4])}) lie over {bad.sum()} epochs; they are staged, and marked"
    return bad, [f"{text} in the table"] * bool(names)
