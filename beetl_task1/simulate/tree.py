"""Writing a simulated competition in the formats of the real one."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from .. import __version__, task
from ..data.competition_files import recording_paths, write_header, write_recording, write_truth
from ..data.files import DataFolder
from ..errors import BeetlError, unknown
from ..parallel import each
from ..progress import Progress
from ..writing import alone, is_free, write_text
from .borders import LEVELS
from .competition import PRIORS, SIZES, Slot, slots
from .night import scored_hypnogram, simulate_night
from .subject import draw_subject
from .tables import generator

MARKER = "simulation.json"


def simulate(
    out: str | Path,
    *,
    size: str = "demo",
    seed: int = 0,
    jobs: int = 1,
    prior: str = "target",
    border_evidence: str = "low",
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Write a simulated competition: folders, truth, order, and a marker that says it is simulated.

    The same arguments give the same bytes, whatever ``jobs``.

    Parameters
    ----------
    out : path
        Folder to write below; new, empty, or an earlier simulation with the same arguments, whose whole files stay.
    size : str
        ``"demo"``, ``"medium"`` or ``"full"``, see :func:`slots`.
    seed : int
        Non-negative.
    jobs : int
        Processes.
    prior : str
        ``"target"``: the test sets' shares of the stages vary around those of the target; ``"final"``: 80-95 has the
        shares of the real final test set.
    border_evidence : str
        How much the end of an epoch tells about the next one in sleep: ``"low"`` about 1 nat a channel, ``"mid"`` 2,
        ``"high"`` 3.5.
    progress : callable, optional
        Called with nights done, nights in all and the name of the last one.

    Returns
    -------
    dict
        What the marker holds.

    Raises
    ------
    BeetlError
        If an argument is unknown or the folder holds something else.
    """
    out = Path(out)
    _check(size, seed, prior, border_evidence)
    wanted = slots(size, seed)
    options = {"seed": seed, "prior": prior, "border_evidence": border_evidence}
    marker = _marker(wanted, size=size, **options)
    _check_ours(out, marker)
    with alone(out):
        _check_ours(out, marker)
        write_text(out / MARKER, json.dumps(marker, indent=1) + "\n")
        for part in {slot.part for slot in wanted if slot.part.has_header}:
            write_header(out, part)
        for i, name in enumerate(each(write_slot, ((out, slot, options) for slot in wanted), jobs), 1):
            if progress is not None:
                progress(i, len(wanted), name)
        for group in task.TARGET_GROUPS:
            write_truth(out, group, _truth(group, wanted, seed, prior))
    return marker


def _check(size: str, seed: int, prior: str, border_evidence: str) -> None:
    named = (("size", size, SIZES), ("prior", prior, PRIORS), ("border evidence", border_evidence, LEVELS))
    for kind, name, known in named:
        if name not in known:
            raise unknown(kind, name, known)
    if not isinstance(seed, int) or seed < 0:
        raise BeetlError(f"seed {seed!r}: expected a whole number of at least 0")


def _marker(wanted: tuple[Slot, ...], **arguments: Any) -> dict[str, Any]:
    counts: dict[str, dict[str, int]] = {}
    for slot in wanted:
        of_folder = counts.setdefault(slot.part.folder, {"recordings": 0, "epochs": 0})
        of_folder["recordings"] += 1
        of_folder["epochs"] += slot.n_epochs
    return {"simulated": True, **arguments, "version": __version__, "counts": counts}


def _check_ours(out: Path, marker: dict[str, Any]) -> None:
    """Refuse a folder that holds anything but this very simulation, whose marker is there before any recording."""
    path = out / MARKER
    if path.is_file():
        if DataFolder(out).provenance.details != marker:
            raise BeetlError(f"{out} holds another simulation (see {path}); give another folder or delete it")
    elif not is_free(out):
        raise BeetlError(f"{out} is not an empty folder nor a simulation (no {MARKER}); give another folder")


def write_slot(out: Path, slot: Slot, options: dict[str, Any]) -> str:
    """Simulate, shuffle and write one recording, unless all its files are there; return its name."""
    group, subject, session = slot.key
    paths = recording_paths(out, slot.part, subject, session)
    if not all(path.is_file() for path in paths.values()):
        night = simulate_night(slot.key, n_epochs=slot.n_epochs, **options)
        order = _row_order(slot, options["seed"])
        write_recording(paths, night.X[order], night.y[order], night.onsets[order])
    return f"{group} s{subject}r{session}"


def _row_order(slot: Slot, seed: int) -> np.ndarray:
    return generator(seed, "shuffle", *slot.key).permutation(slot.n_epochs)


def _truth(group: str, wanted: tuple[Slot, ...], seed: int, prior: str) -> np.ndarray:
    """Return the labels of a group's test nights in the order of a submission; drawn again, which is cheap."""
    test = [slot for slot in wanted if slot.key.group == group and not slot.part.labelled]
    labels = []
    for slot in sorted(test, key=lambda slot: slot.key):
        scored = scored_hypnogram(seed, slot.key, draw_subject(seed, slot.key), slot.n_epochs, prior)
        labels.append(scored[_row_order(slot, seed)])
    return np.concatenate(labels)
