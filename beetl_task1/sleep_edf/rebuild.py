"""Write the competition's folders from Sleep-EDF nights."""

import json
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from .. import __version__
from ..data.competition_files import recording_paths, write_header, write_recording, write_truth
from ..data.files import OPEN, DataFolder
from ..data.recording import RecordingKey
from ..errors import DataError
from ..hypnograms.spans import near_sleep
from ..parallel import each
from ..progress import Progress
from ..task import N_OUTPUTS, PARTS, STAGES, Part, part
from ..writing import alone, is_free, write_text
from .epochs import as_cropped, read_night
from .splits import GROUPS, Split
from .study import Assignment, Place, assign_places

SOURCE = "Sleep-EDF Expanded 1.0.0, {} (PhysioNet, ODC-By 1.0)"
MARKER = "provenance.json"
NOTES = {"beetl": "beetl rebuilt: the competition's people, cropped as it did, with the truth of both test sets"}
NOTES |= dict.fromkeys(("ages", "everybody"), "a local leaderboard on open recordings, not the competition's split")


@dataclass
class Rebuilt:
    """The data folder that :func:`rebuild` has written, which night went where, and its epochs per stage (6,).

    ``notes`` are what the reader of each recording warned of.
    """

    out: Path
    assignment: Assignment
    split: Split = "beetl"
    stages: dict[RecordingKey, np.ndarray] = field(default_factory=dict)
    notes: dict[RecordingKey, tuple[str, ...]] = field(default_factory=dict)

    @property
    def warnings(self) -> list[str]:
        """What readers warned of, by night, in order."""
        names = {place.key: place.night.name for place in self.assignment.places}
        return [f"{names[key]}: {line}" for key in sorted(self.notes) for line in self.notes[key]]

    def keys(self, wanted: Part) -> list[RecordingKey]:
        """Return the recordings of a folder in submission order."""
        places = self.assignment.places
        return sorted(p.key for p in places if (p.key.group, p.role) == (wanted.group, wanted.role))


def rebuild(
    sleep_edf: str | Path,
    out: str | Path,
    groups: Iterable[str] = GROUPS,
    *,
    seed: int = 0,
    jobs: int = 1,
    split: Split = "beetl",
    progress: Progress | None = None,
) -> Rebuilt:
    """Build the competition's folders from Sleep-EDF Expanded: real data, real labels, those of the test sets too.

    Writes the competition's folders, ``truth/<group>.txt`` in submission order, the onset (s) of every row in
    ``order/<group>/s<i>r<j>.npy``, and ``provenance.json``, first, so that the tree is never taken for the
    competition's. Each process holds one recording at a time. Same recordings and seed, same bytes, whatever
    ``jobs``.

    Parameters
    ----------
    sleep_edf, groups, split
        See :func:`beetl_task1.sleep_edf.study.assign_places`.
    out : path
        An empty folder, one that does not exist, or one that was built before: its recordings are replaced.
    seed, jobs : int
        What shuffles the epochs of each recording, and processes.

    Raises
    ------
    DataError
        Nothing to build, a damaged recording, or ``out`` holds something else.
    """
    built = Rebuilt(Path(out), assign_places(sleep_edf, groups, split=split), split)
    _check_ours(built.out)
    with alone(built.out):
        _check_ours(built.out)
        for name in {Path(wanted.folder).parts[0] for wanted in PARTS} | {"order", "truth"}:
            shutil.rmtree(built.out / name, ignore_errors=True)
        _write_marker(built, seed, complete=False)
        _write_places(built, seed, jobs, progress)
        _write_marker(built, seed, complete=True)
    return built


def _write_places(built: Rebuilt, seed: int, jobs: int, progress: Progress | None) -> None:
    places, truth = built.assignment.places, dict[RecordingKey, np.ndarray]()
    tasks = ((place, built.out, seed, built.split) for place in places)
    for key, labels, said in each(_write_place, tasks, jobs, ordered=False):
        built.notes[key] = said
        built.stages[key], truth[key] = np.bincount(labels, minlength=N_OUTPUTS), labels
        if progress:
            progress(len(truth), len(places), str(key))
    for wanted in PARTS:
        keys = built.keys(wanted)
        if keys and not wanted.labelled:
            write_truth(built.out, wanted.group, np.concatenate([truth[key] for key in keys]))
        if keys and wanted.has_header:
            write_header(built.out, wanted)


def counts_beside_competition(built: Rebuilt) -> list[dict[str, Any]]:
    """Return, per folder, counts of subjects, recordings, epochs and stages, and what the competition had."""
    rows = []
    for wanted in PARTS:
        keys = built.keys(wanted)
        stages = sum((built.stages[key] for key in keys if key in built.stages), np.zeros(N_OUTPUTS, dtype=int))
        rows.append(
            {
                "group": wanted.group,
                "role": wanted.role,
                "subjects": len({key.subject for key in keys}),
                "recordings": len(keys),
                "epochs": int(stages.sum()),
                "stages": stages.tolist(),
                "competition_subjects": len(wanted.subjects),
                "competition_epochs": wanted.n_epochs,
            }
        )
    return rows


def _write_place(place: Place, out: Path, seed: int, split: Split) -> tuple[RecordingKey, np.ndarray, tuple[str, ...]]:
    """Read, shuffle and write one recording; return its labels in the order written, and what its reader warned of."""
    key = place.key
    crop = partial(as_cropped, minutes=part(key.group, place.role).margin)
    epochs = read_night(place.psg, place.hypnogram, crop if split == "beetl" else near_sleep)
    rng = np.random.default_rng([seed, int(key.group[:2]), key.subject, key.session])
    order = rng.permutation(len(epochs.y))
    paths = recording_paths(out, part(key.group, place.role), key.subject, key.session)
    write_recording(paths, epochs.X[order], epochs.y[order], epochs.onsets[order])
    return key, epochs.y[order], epochs.notes


def _write_marker(built: Rebuilt, seed: int, *, complete: bool) -> None:
    counts = {
        wanted.folder: {name: row[name] for name in ("subjects", "recordings", "epochs", "stages")}
        for wanted, row in zip(PARTS, counts_beside_competition(built), strict=True)
        if row["recordings"]
    }
    subjects: dict[str, dict[str, Any]] = {}
    for place in built.assignment.places:
        night, name = place.night, f"{place.key.group}/s{place.key.subject}"
        about = {"sleep_edf_subject": night.subject, "age": night.age, "sex": night.sex, "records": []}
        subjects.setdefault(name, about)["records"].append(night.name)
    drugs = any(place.night.drug for place in built.assignment.places)
    content = {
        "data": OPEN,
        "source": SOURCE.format("sleep-cassette study" + (" and sleep-telemetry study" if drugs else "")),
        "version": __version__,
        "seed": seed,
        "complete": complete,
        "split": built.split,
        "note": NOTES[built.split],
        "stages": list(STAGES),
        "counts": counts,
        "subjects": subjects,
        "left_out": built.assignment.left_out,
        "warnings": built.warnings,
    }
    write_text(built.out / MARKER, json.dumps(content, indent=1) + "\n")


def _check_ours(out: Path) -> None:
    """Refuse a folder that holds anything but an earlier build."""
    if out.exists() and not out.is_dir():
        raise DataError(f"{out}: is a file, expected a folder; choose another with --out")
    if not is_free(out) and DataFolder(out).provenance.kind != OPEN:
        raise DataError(f"{out}: expected an empty folder or an earlier build, got other files; choose another --out")
