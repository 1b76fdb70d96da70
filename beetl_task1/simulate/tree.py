"""Writing a simulated competition in the formats of the real one."""

import json
from collections.abc import Callable
from pathlib import Path

import joblib
import numpy as np

from .. import __version__, task
from ..data.competition_files import recording_paths, write_header, write_recording, write_truth
from ..errors import BeetlError, unknown
from ..writing import write_text
from .borders import LEVELS
from .night import scored_hypnogram, simulate_night
from .plan import PRIORS, SIZES, NightPlan, plan
from .streams import generator
from .subject import draw_subject

MARKER = "simulation.json"
Progress = Callable[[int, int, str], None]


def simulate(
    out: str | Path,
    *,
    size: str = "demo",
    seed: int = 0,
    jobs: int = 1,
    prior: str = "target",
    border_evidence: str = "low",
    progress: Progress | None = None,
) -> dict:
    """Write a simulated competition: folders, truth, order, and a marker that says it is simulated.

    The same arguments give the same bytes, whatever ``jobs``.

    Parameters
    ----------
    out : path
        Folder to write below; new, empty, or an earlier simulation with the same arguments, whose whole files stay.
    size : str
        ``"demo"``, ``"medium"`` or ``"full"``, see :func:`plan`.
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
    nights = plan(size, seed)
    marker = _marker(nights, size=size, seed=seed, prior=prior, border_evidence=border_evidence)
    _claim(out, marker)
    for part in {night.part for night in nights if night.part.has_header}:
        write_header(out, part)
    options = {"seed": seed, "prior": prior, "border_evidence": border_evidence}
    tasks = (joblib.delayed(write_night)(out, night, options) for night in nights)
    done = joblib.Parallel(n_jobs=jobs, return_as="generator")(tasks)
    for i, name in enumerate(done, 1):
        if progress is not None:
            progress(i, len(nights), name)
    _write_truth(out, nights, seed, prior)
    return marker


def _check(size: str, seed: int, prior: str, border_evidence: str) -> None:
    if size not in SIZES:
        raise unknown("size", size, SIZES)
    if prior not in PRIORS:
        raise unknown("prior", prior, PRIORS)
    if border_evidence not in LEVELS:
        raise unknown("border evidence", border_evidence, LEVELS)
    if not isinstance(seed, int) or seed < 0:
        raise BeetlError(f"seed {seed!r}: expected a whole number of at least 0")


def _marker(nights: tuple[NightPlan, ...], **arguments) -> dict:
    counts = {}
    for night in nights:
        entry = counts.setdefault(night.part.folder, {"recordings": 0, "epochs": 0})
        entry["recordings"] += 1
        entry["epochs"] += night.n_epochs
    return {"simulated": True, **arguments, "version": __version__, "counts": counts}


def _claim(out: Path, marker: dict) -> None:
    """Make the folder ours, or refuse; the marker is there before any recording."""
    path = out / MARKER
    if path.is_file():
        if json.loads(path.read_text(encoding="utf-8")) != marker:
            raise BeetlError(f"{out} holds another simulation (see {path}); give another folder or delete it")
        return
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise BeetlError(f"{out} is not an empty folder nor a simulation (no {MARKER}); give another folder")
    write_text(path, json.dumps(marker, indent=1) + "\n")


def write_night(out: Path, night: NightPlan, options: dict) -> str:
    """Simulate, shuffle and write one night, unless all its files are there; return its name."""
    paths = recording_paths(out, night.part, night.subject, night.session)
    if not all(path.is_file() for path in paths.values()):
        drawn = simulate_night(*_key(night), n_epochs=night.n_epochs, **options)
        order = _row_order(night, options["seed"])
        write_recording(paths, drawn.X[order], drawn.y[order], drawn.onsets[order])
    return f"{night.part.group} s{night.subject}r{night.session}"


def _key(night: NightPlan) -> tuple[str, int, int]:
    return night.part.group, night.subject, night.session


def _row_order(night: NightPlan, seed: int) -> np.ndarray:
    return generator(seed, "shuffle", *_key(night)).permutation(night.n_epochs)


def _write_truth(out: Path, nights: tuple[NightPlan, ...], seed: int, prior: str) -> None:
    """Write the labels of the test nights in the order of a submission; they are drawn again, which is cheap."""
    for group in task.TARGET_GROUPS:
        test = [n for n in nights if n.part.group == group and not n.part.labelled]
        test.sort(key=lambda n: (n.subject, n.session))
        labels = np.concatenate([_labels(night, seed, prior) for night in test])
        write_truth(out, group, labels)


def _labels(night: NightPlan, seed: int, prior: str) -> np.ndarray:
    traits = draw_subject(seed, night.part.group, night.subject)
    scored = scored_hypnogram(seed, _key(night), traits, night.n_epochs, prior)
    return scored[_row_order(night, seed)]
