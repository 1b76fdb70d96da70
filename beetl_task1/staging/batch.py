"""Stage one recording or many."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import BeetlError
from ..recipes.recipe import DEFAULT
from .night import StagedNight
from .output import output_names, write_night, write_summary
from .stager import Options, Stager

SUMMARY = "summary.csv"


def stage(
    recording,
    *,
    checkpoints: str | Path,
    group: str,
    recipe: str = DEFAULT,
    allow_simulated: bool = False,
    hypnogram: str | Path | None = None,
    **options,
) -> StagedNight:
    """Stage one recording; ``stage(...).annotations`` are its :class:`mne.Annotations`.

    Parameters
    ----------
    recording : path or mne.io.BaseRaw
        Any format that mne reads.
    checkpoints : path
        Where trained recipes stand.
    group : {"65-79", "80-95"}
        Age group; :func:`group_for_age` picks it.
    recipe : str
        Name of a trained recipe.
    allow_simulated : bool
        Use weights trained on simulated data.
    hypnogram : path, optional
        A scorer's, to compare with.
    **options
        See :class:`Options`.

    Raises
    ------
    BeetlError
        Something is not as it must be.
    """
    stager = Stager.load(checkpoints, group, Options(**options), recipe=recipe, allow_simulated=allow_simulated)
    return stager.stage(recording, hypnogram)


def annotate(recording, **options):
    """Return the stages of a recording as :class:`mne.Annotations`; takes what :func:`stage` takes."""
    return stage(recording, **options).annotations


@dataclass
class Batch:
    """What :func:`stage_all` has done.

    Attributes
    ----------
    nights : dict of str to StagedNight
        By the name of their files.
    failures : list of BeetlError
        One per recording that could not be staged.
    summary : Path or None
        The table of all nights; None if there is none.
    """

    nights: dict[str, StagedNight] = field(default_factory=dict)
    failures: list[BeetlError] = field(default_factory=list)
    summary: Path | None = None


def stage_all(
    stager: Stager,
    recordings: Sequence[str | Path],
    out: str | Path,
    hypnograms: Sequence[str | Path] = (),
    progress: Callable[[int, int, str], None] | None = None,
) -> Batch:
    """Stage recordings, one in memory at a time, and write what is known of each, and a summary.

    A recording that cannot be staged does not keep the others from being staged.

    Parameters
    ----------
    stager : Stager
        With its checkpoint and options.
    recordings : sequence of path
        Any format that mne reads.
    out : path
        Folder of what is written; see :func:`beetl_task1.staging.output.write_night`, and ``summary.csv``.
    hypnograms : sequence of path
        None, or a scorer's for each recording, in their order.
    progress : callable, optional
        ``progress(recordings done, recordings in all, name)``.

    Raises
    ------
    BeetlError
        The hypnograms are not as many as the recordings, or two recordings would be written under one name.
    """
    if hypnograms and len(hypnograms) != len(recordings):
        raise BeetlError(
            f"expected one --hypnogram for each of {len(recordings)} recordings, got {len(hypnograms)}; "
            f"repeat it in the order of the recordings"
        )
    batch = Batch()
    names = output_names(recordings)
    for done, (name, recording) in enumerate(zip(names, recordings, strict=True), start=1):
        try:
            night = stager.stage(recording, hypnograms[done - 1] if hypnograms else None)
            write_night(night, out, name)
            batch.nights[name] = night
        except BeetlError as error:
            batch.failures.append(error)
        if progress:
            progress(done, len(recordings), name)
    if batch.nights:
        batch.summary = Path(out) / SUMMARY
        write_summary(batch.nights, batch.summary)
    return batch
