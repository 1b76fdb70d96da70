"""The statistics of a night, as the AASM manual and sleep laboratories define them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import DataError
from ..hypnograms.formats import read_hypnogram
from ..hypnograms.names import UNSCORED
from ..hypnograms.schemes import Scheme
from ..hypnograms.spans import n_epochs, on_grid
from ..task import EPOCH_SECONDS
from .window import epochs_in_bed

MINUTES = EPOCH_SECONDS / 60
_PERSISTENT = 20
"""Epochs (10 min) of unbroken sleep that make it persistent."""
_NREM, _REM = 30, 10
"""Epochs of a cycle's NREM (15 min) and REM (5 min) at least; the first REM may be shorter (Feinberg & Floyd 1979)."""


@dataclass(frozen=True)
class Scored:
    """A scorer's R&K stages (n_epochs,) of a night, -1 where not scored, the scheme, and what to know of them."""

    stages: np.ndarray
    scheme: Scheme
    notes: tuple[str, ...] = ()

    @property
    def statistics(self) -> dict[str, float | None]:
        """See :func:`all_statistics`; of the epochs that are scored."""
        return all_statistics(self.scheme.labels(self.stages[self.stages != UNSCORED]), self.scheme)


def statistics_of(
    path: str | Path,
    *,
    lights_off: str | None = None,
    lights_on: str | None = None,
    names: Mapping[str, str] | None = None,
) -> Scored:
    """Return what a scorer's file alone says of the time in bed.

    Parameters
    ----------
    path, names
        As in :func:`beetl_task1.hypnograms.formats.read_hypnogram`.
    lights_off, lights_on : str, optional
        Seconds from the beginning of the file, or clock times where it says when it began; by default the first and the
        last scored epoch.

    Raises
    ------
    BeetlError
        The file cannot be read, or nothing in it is scored between the two.
    """
    found = read_hypnogram(path, names=names)
    stages = on_grid(found.spans, n_epochs([found], str(path)))
    scored = np.flatnonzero(stages != UNSCORED)
    if not len(scored):
        raise DataError(f"{path}: expected scored epochs of 30 s, got none after its beginning; give a whole scoring")
    onsets = np.arange(len(stages)) * float(EPOCH_SECONDS)
    in_bed, _ = epochs_in_bed(onsets, found.start, lights_off, lights_on)
    night = stages[in_bed.start if lights_off else max(in_bed.start, int(scored[0])) : in_bed.stop]
    missing = int((night == UNSCORED).sum())
    if missing == len(night):
        raise DataError(f"{path}: nothing is scored between lights off and lights on; check both")
    note = f"{missing} of {len(night)} epochs are not scored, and left out of all times"
    return Scored(night, found.scheme, (*found.notes, *[note] * bool(missing)))


def all_statistics(stages: np.ndarray, scheme: Scheme) -> dict[str, float | None]:
    """Return :func:`sleep_statistics` and :func:`course_statistics` of the same epochs."""
    return sleep_statistics(stages, scheme) | course_statistics(stages, scheme)


def sleep_statistics(stages: np.ndarray, scheme: Scheme) -> dict[str, float | None]:
    """Return the statistics of the epochs between lights off and lights on.

    ``stages`` (n_epochs,) are labels of the scheme (Wake is 0, REM the last), in order and without gaps.

    Returns
    -------
    dict
        Minutes, but where said otherwise: ``time_in_bed``; ``total_sleep_time`` (all but Wake);
        ``sleep_efficiency`` (percent of the time in bed asleep); ``sleep_onset_latency`` (lights off to the first
        epoch of any sleep); ``rem_latency`` (sleep onset to the first REM); ``wake_after_sleep_onset`` (Wake between
        sleep onset and lights on); ``awakenings`` (number of times that Wake follows sleep and sleep comes again);
        ``minutes_<stage>``; and ``percent_<stage>`` of the total sleep time, for every stage but Wake. None where
        there is no sleep, or no REM.
    """
    stages = np.asarray(stages)
    asleep, dreams = np.flatnonzero(stages > 0), np.flatnonzero(stages == len(scheme.short) - 1)
    in_bed, slept = len(stages) * MINUTES, len(asleep) * MINUTES
    minutes = np.bincount(stages, minlength=len(scheme.short)) * MINUTES
    result = {
        "time_in_bed": in_bed,
        "total_sleep_time": slept,
        "sleep_efficiency": 100 * slept / in_bed if in_bed else None,
        "sleep_onset_latency": asleep[0] * MINUTES if slept else None,
        "rem_latency": (dreams[0] - asleep[0]) * MINUTES if len(dreams) else None,
        "wake_after_sleep_onset": (stages[asleep[0] :] == 0).sum() * MINUTES if slept else None,
        "awakenings": len(_runs(asleep)) - 1 if slept else None,
        **{f"minutes_{name}": minutes[i] for i, name in enumerate(scheme.short)},
        **{f"percent_{name}": 100 * minutes[i] / slept if slept else None for i, name in _asleep(scheme)},
    }
    return {name: None if value is None else float(value) for name, value in result.items()}


def course_statistics(stages: np.ndarray, scheme: Scheme) -> dict[str, float | None]:
    """Return what laboratories report of the course of a night, beside :func:`sleep_statistics`, from the same epochs.

    Returns
    -------
    dict
        Minutes, but where said otherwise: ``sleep_period_time`` (first to last epoch of sleep);
        ``sleep_maintenance_efficiency`` (percent of the sleep period asleep); ``wake_in_sleep_period``;
        ``latency_<stage>`` (lights off to the first epoch of each stage but Wake); ``latency_persistent_sleep``
        (lights off to the first 10 unbroken minutes of sleep); ``cycles`` (number of NREM of at least 15 min that REM
        of at least 5 min ends, the first of any length; REM that less than 15 min of NREM part is one);
        ``stage_transitions`` (number of changes of stage in the sleep period);
        ``fragmentation_index`` (changes from deeper sleep or REM to Wake or the lightest stage, and from that to Wake,
        per hour of sleep). None where there is no such sleep.
    """
    stages = np.asarray(stages)
    asleep = np.flatnonzero(stages > 0)
    slept, period = len(asleep), stages[asleep[0] : asleep[-1] + 1] if len(asleep) else stages[:0]
    first = {name: np.flatnonzero(stages == i) for i, name in _asleep(scheme)}
    first["persistent_sleep"] = np.array([run[0] for run in _runs(asleep) if len(run) >= _PERSISTENT])
    before, after = period[:-1], period[1:]
    lighter = (after <= 1) & (before > after)
    result = {
        "sleep_period_time": len(period) * MINUTES if slept else None,
        "sleep_maintenance_efficiency": 100 * slept / len(period) if slept else None,
        "wake_in_sleep_period": (period == 0).sum() * MINUTES if slept else None,
        **{f"latency_{name}": at[0] * MINUTES if len(at) else None for name, at in first.items()},
        "cycles": _cycles(period, rem=len(scheme.short) - 1),
        "stage_transitions": (before != after).sum() if slept else None,
        "fragmentation_index": lighter.sum() / (slept * MINUTES / 60) if slept else None,
    }
    return {name: None if value is None else float(value) for name, value in result.items()}


def _asleep(scheme: Scheme) -> list[tuple[int, str]]:
    """Return the labels and names of all stages but Wake."""
    return list(enumerate(scheme.short))[1:]


def _runs(epochs: np.ndarray, least: int = 1) -> list[np.ndarray]:
    """Return ascending numbers of epochs in runs, between which more than ``least`` epochs pass."""
    return np.split(epochs, np.flatnonzero(np.diff(epochs) > least) + 1) if len(epochs) else []


def _cycles(stages: np.ndarray, rem: int) -> int:
    """Return the number of NREM-REM cycles of a sleep period."""
    cycles, end = 0, 0
    for dreams in _runs(np.flatnonzero(stages == rem), _NREM):
        cycles += bool(dreams[0] - end >= _NREM and (len(dreams) >= _REM or not cycles))
        end = dreams[-1] + 1
    return cycles
