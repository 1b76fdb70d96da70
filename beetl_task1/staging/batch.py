"""Stage one recording or many."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mne

from ..errors import BeetlError
from ..progress import Progress
from ..recipes.recipe import DEFAULT
from .cohort import ByAge, CohortNight
from .output import NightFiles, check_summary, night_key, output_names, write_summary
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
    """
    stager = Stager.load(checkpoints, group, Options(**options), recipe=recipe, allow_simulated=allow_simulated)
    return stager.stage(recording, hypnogram)


def annotate(recording: PathOrRaw, **options: Any) -> mne.Annotations:
    """Return the stages of a recording as :class:`mne.Annotations`; takes what :func:`stage` takes."""
    return stage(recording, **options).annotations


@dataclass
class StagedNights:
    """What :func:`stage_all` has done.

    Attributes
    ----------
    accounts : dict
        Of each night by the name of its files, as :func:`beetl_task1.staging.staged.account_of` gives them.
    kept : list of str
        Names of the nights that an earlier staging with the same weights and settings had done.
    failures : dict
        Names of the nights that could not be staged, and why.
    summary : path
        The table of all nights.
    """

    summary: Path
    accounts: dict[str, dict[str, Any]] = field(default_factory=dict)
    kept: list[str] = field(default_factory=list)
    failures: dict[str, BeetlError] = field(default_factory=dict)


def stage_all(
    stagers: Stager | ByAge,
    nights: Sequence[CohortNight | str | Path],
    out: str | Path,
    progress: Progress | None = None,
    *,
    resume: bool = True,
    also: Sequence[str] = (),
) -> StagedNights:
    """Stage nights, one in memory at a time, and write what is known of each, and a summary that grows night by night.

    A night that cannot be staged does not keep the others from being staged.

    Parameters
    ----------
    stagers : Stager or ByAge
        Gives each night its stager.
    nights : sequence of CohortNight or path
        See :func:`beetl_task1.staging.cohort.find_nights`.
    out : path
        Folder of what is written; see :func:`beetl_task1.staging.output.NightFiles`, and ``summary.csv``, where nights
        of earlier stagings stay; those that failed have the reason in its column ``failed``.
    progress : Progress, optional
        Called after each recording.
    resume : bool
        Leave nights as they are that were staged before with the same weights and settings.
    also : sequence of {"svg", "pdf", "bids"}
        What is written beside.

    Raises
    ------
    BeetlError
        Two recordings would be written under one name, a night has neither age nor group, or a file is there that an
        earlier staging of them did not write.
    """
    found = [night if isinstance(night, CohortNight) else CohortNight(night) for night in nights]
    files = [NightFiles(Path(out), name, also) for name in output_names([night.recording for night in found], out)]
    for one, night in zip(files, found, strict=True):
        one.check_free(night.recording)
    staged = StagedNights(Path(out) / SUMMARY)
    check_summary(staged.summary)
    own = [stagers.for_night(night) for night in found]
    for done, (one, night, stager) in enumerate(zip(files, found, own, strict=True), start=1):
        try:
            key = night_key(stager.key, night.recording, night.hypnogram)
            account = one.kept(key) if resume else None
            if account is not None:
                staged.kept.append(one.name)
            staged.accounts[one.name] = account or one.write(stager.stage(night.recording, night.hypnogram), key)
            write_summary(staged.summary, one.name, staged.accounts[one.name])
        except BeetlError as error:
            staged.failures[one.name] = error
            write_summary(staged.summary, one.name, {}, str(error))
        if progress:
            progress(done, len(found), one.name)
    return staged
