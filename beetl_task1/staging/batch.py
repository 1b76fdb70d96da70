"""Stage one recording or many."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mne

from ..errors import BeetlError
from ..progress import Progress
from ..recipes.recipe import DEFAULT
from .output import check_free, check_summary, output_names, write_night, write_summary
from .reading import PathOrRaw
from .staged import StagedNight
from .stager import Options, Stager

SUMMARY = "summary.csv"


def stage(
    recording: PathOrRaw,
    *,
    checkpoints: str | Path,
    group: str,
    recipe: str = DEFAULT,
    allow_simulated: bool = False,
    hypnogram: str | Path | None = None,
    **options: Any,
) -> StagedNight:
    """Stage one recording in any format that mne reads; ``stage(...).annotations`` are its :class:`mne.Annotations`.

    With the recipe as :meth:`beetl_task1.staging.stager.Stager.load` finds it, and the options of
    :class:`beetl_task1.staging.stager.Options`; compared with a scorer's hypnogram where one is given.

    Raises
    ------
    BeetlError
        Something is not as it must be.
    """
    stager = Stager.load(checkpoints, group, Options(**options), recipe=recipe, allow_simulated=allow_simulated)
    return stager.stage(recording, hypnogram)


def annotate(recording: PathOrRaw, **options: Any) -> mne.Annotations:
    """Return the stages of a recording as :class:`mne.Annotations`; takes what :func:`stage` takes."""
    return stage(recording, **options).annotations


@dataclass
class StagedNights:
    """What :func:`stage_all` has done: nights by the name of their files, errors, and the table of all nights."""

    nights: dict[str, StagedNight] = field(default_factory=dict)
    failures: list[BeetlError] = field(default_factory=list)
    summary: Path | None = None


def stage_all(
    stager: Stager,
    recordings: Sequence[str | Path],
    out: str | Path,
    hypnograms: Sequence[str | Path] = (),
    progress: Progress | None = None,
) -> StagedNights:
    """Stage recordings, one in memory at a time, and write what is known of each, and a summary.

    A recording that cannot be staged does not keep the others from being staged.

    Parameters
    ----------
    out : path
        Folder of what is written; see :func:`beetl_task1.staging.output.write_night`, and ``summary.csv``,
        which grows: nights of earlier stagings stay in it.
    hypnograms : sequence of path
        None, or a scorer's for each recording, in their order.
    progress : Progress, optional
        Called after each recording.

    Raises
    ------
    BeetlError
        The hypnograms are not as many as the recordings, two recordings would be written under one name, or a file is
        there that an earlier staging of them did not write.
    """
    if hypnograms and len(hypnograms) != len(recordings):
        raise BeetlError(
            f"expected one --hypnogram for each of {len(recordings)} recordings, got {len(hypnograms)}; "
            f"repeat it in the order of the recordings"
        )
    names = output_names(recordings)
    for name, recording in zip(names, recordings, strict=True):
        check_free(out, name, recording)
    missing = [str(path) for path in hypnograms if not Path(path).is_file()]
    if missing:
        raise BeetlError(f"--hypnogram {missing[0]}: no such file; give one that is there")
    check_summary(Path(out) / SUMMARY)
    staged = StagedNights()
    scored: Sequence[str | Path | None] = hypnograms or [None] * len(recordings)
    tasks = zip(names, recordings, scored, strict=True)
    for done, (name, recording, hypnogram) in enumerate(tasks, start=1):
        try:
            night = stager.stage(recording, hypnogram)
            write_night(night, out, name)
            staged.nights[name] = night
        except BeetlError as error:
            staged.failures.append(error)
        if progress:
            progress(done, len(recordings), name)
    if staged.nights:
        staged.summary = Path(out) / SUMMARY
        write_summary(staged.nights, staged.summary)
    return staged
