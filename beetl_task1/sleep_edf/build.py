"""Write the competition's folders from Sleep-EDF nights."""

import json
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from .. import __version__
from ..data.competition_files import recording_paths, write_header, write_recording, write_truth
from ..data.files import OPEN, DataFolder
from ..data.recording import RecordingKey
from ..errors import DataError
from ..task import N_OUTPUTS, PARTS, SOURCE_GROUP, STAGES, TARGET_GROUPS, Part, part
from ..writing import write_text
from .night import SOURCE, read_night
from .records import Place, Plan, plan

MARKER = "provenance.json"


@dataclass
class Built:
    """What :func:`build` has written.

    Attributes
    ----------
    out : Path
        The data folder.
    plan : Plan
        Which night went where, and what was left out.
    stages : dict
        Epochs per stage, ``{RecordingKey: array (6,)}``.
    """

    out: Path
    plan: Plan
    stages: dict[RecordingKey, np.ndarray] = field(default_factory=dict)


def build(
    sleep_edf: str | Path,
    out: str | Path,
    groups: Iterable[str] = (SOURCE_GROUP, *TARGET_GROUPS),
    *,
    seed: int = 0,
    jobs: int = 1,
    single_nights: bool = False,
    progress: Callable[[int, int, str], None] | None = None,
) -> Built:
    """Build a local competition from Sleep-EDF Expanded: real data, real labels, not the competition's own split.

    Writes the competition's folders, ``truth/<group>.txt`` in submission order, the onset (s) of every row in
    ``order/<group>/s<i>r<j>.npy``, and ``provenance.json``, first, so that the tree is never taken for the
    competition's. Each process holds one recording at a time. Same recordings and seed, same bytes, whatever
    ``jobs``.

    Parameters
    ----------
    sleep_edf : path
        Folder of the EDF files.
    out : path
        An empty folder, one that does not exist, or one that was built before: its recordings are replaced.
    groups : iterable of str
        Age groups to build.
    seed : int
        Shuffles the epochs of each recording.
    jobs : int
        Processes.
    single_nights : bool
        See :func:`beetl_task1.sleep_edf.records.plan`.
    progress : callable, optional
        ``progress(recordings done, recordings in all, name)``.

    Returns
    -------
    Built

    Raises
    ------
    DataError
        Nothing to build, a damaged recording, or ``out`` holds something else.
    """
    from joblib import Parallel, delayed

    built = Built(Path(out), plan(sleep_edf, groups, single_nights=single_nights))
    _clear(built.out)
    _write_marker(built, seed, complete=False)
    tasks = (delayed(_write_night)(place, built.out, seed) for place in built.plan.places)
    truth = {}
    for key, labels in Parallel(n_jobs=jobs, return_as="generator_unordered")(tasks):
        built.stages[key], truth[key] = np.bincount(labels, minlength=N_OUTPUTS), labels
        if progress:
            progress(len(truth), len(built.plan.places), str(key))
    _write_truth(built, truth)
    _write_headers(built)
    _write_marker(built, seed, complete=True)
    return built


def compare_counts(built: Built) -> list[dict]:
    """Return, per folder, what was built beside what the competition had.

    Returns
    -------
    list of dict
        ``group``, ``role``, ``subjects``, ``recordings``, ``epochs``, ``stages`` (six counts),
        ``competition_subjects``, ``competition_epochs``.
    """
    rows = []
    for wanted in PARTS:
        keys = _keys(built.plan, wanted)
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


def _write_night(place: Place, out: Path, seed: int) -> tuple[RecordingKey, np.ndarray]:
    """Read, shuffle and write one recording; return its labels in the order written."""
    night = read_night(place.psg, place.hypnogram)
    key = place.key
    rng = np.random.default_rng([seed, int(key.group[:2]), key.subject, key.session])
    order = rng.permutation(len(night.y))
    paths = recording_paths(out, part(key.group, place.role), key.subject, key.session)
    write_recording(paths, night.X[order], night.y[order], night.onsets[order])
    return key, night.y[order]


def _write_truth(built: Built, truth: dict[RecordingKey, np.ndarray]) -> None:
    for wanted in PARTS:
        keys = [] if wanted.labelled else _keys(built.plan, wanted)
        if keys:
            write_truth(built.out, wanted.group, np.concatenate([truth[key] for key in keys]))


def _write_headers(built: Built) -> None:
    for wanted in PARTS:
        if wanted.has_header and _keys(built.plan, wanted):
            write_header(built.out, wanted)


def _write_marker(built: Built, seed: int, *, complete: bool) -> None:
    counts = {
        wanted.folder: {name: row[name] for name in ("subjects", "recordings", "epochs", "stages")}
        for wanted, row in zip(PARTS, compare_counts(built), strict=True)
        if row["recordings"]
    }
    subjects = {}
    for place in built.plan.places:
        entry = subjects.setdefault(
            f"{place.key.group}/s{place.key.subject}",
            {
                "sleep_edf_subject": place.record.subject,
                "age": place.record.age,
                "sex": place.record.sex,
                "records": [],
            },
        )
        entry["records"].append(place.record.name)
    content = {
        "data": OPEN,
        "source": SOURCE,
        "version": __version__,
        "seed": seed,
        "complete": complete,
        "note": "a local leaderboard on open recordings, not the competition's split",
        "stages": list(STAGES),
        "counts": counts,
        "subjects": subjects,
        "left_out": built.plan.left_out,
    }
    write_text(built.out / MARKER, json.dumps(content, indent=1) + "\n")


def _keys(found: Plan, wanted: Part) -> list[RecordingKey]:
    """Return the recordings of a folder in submission order."""
    return sorted(place.key for place in found.places if (place.key.group, place.role) == (wanted.group, wanted.role))


def _clear(out: Path) -> None:
    """Empty what an earlier build has left; refuse anything else."""
    if out.exists() and not out.is_dir():
        raise DataError(f"{out}: is a file, expected a folder; choose another with --out")
    if not out.is_dir() or not any(out.iterdir()):
        return
    if DataFolder(out).provenance.kind != OPEN:
        raise DataError(f"{out}: expected an empty folder or an earlier build, got other files; choose another --out")
    for name in {Path(wanted.folder).parts[0] for wanted in PARTS} | {"order", "truth"}:
        shutil.rmtree(out / name, ignore_errors=True)
