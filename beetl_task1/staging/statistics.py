"""The statistics of a night, as the AASM manual and sleep laboratories define them."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
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
class ScoredNight:
    """The statistics of a scorer's file, its scheme, and what a user should know of how it was read."""

    statistics: dict[str, float | None]
    scheme: Scheme
    notes: tuple[str, ...]


def statistics_of(
    path: str | Path,
    *,
    lights_off: str | None = None,
    lights_on: str | None = None,
    names: Mapping[str, str] | None = None,
) -> ScoredNight:
    """Return the statistics of a scorer's file alone.

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
    in_bed = epochs_in_bed(len(stages), found.start, lights_off, lights_on)
    first = in_bed.start if lights_off else max(in_bed.start, int(scored[0]))
    night, notes = stages[first : in_bed.stop], list(found.notes)
    missing = int((night == UNSCORED).sum())
    if missing == len(night):
        raise DataError(f"{path}: nothing is scored between lights off and lights on; check both")
    if missing:
        notes.append(f"{missing} of {len(night)} epochs are not scored, and left out of all times")
    labels = found.scheme.labels(night[night != UNSCORED])
    return ScoredNight(all_statistics(labels, found.scheme), found.scheme, tuple(notes))


def all_statistics(stages: np.ndarray, scheme: Scheme) -> dict[str, float | None]:
    """Return :func:`sleep_statistics` and :func:`course_statistics` of the same epochs."""
    return sleep_statistics(stages, scheme) | course_statistics(stages, scheme)


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
    asleep, rem = stages > 0, len(scheme.short) - 1
    names = ("sleep_period_time", "sleep_maintenance_efficiency", "wake_in_sleep_period")
    result: dict[str, float | None] = dict.fromkeys(names)
    first = {name: np.flatnonzero(stages == i + 1) for i, name in enumerate(scheme.short[1:])}
    result |= {f"latency_{name}": float(at[0] * MINUTES) if len(at) else None for name, at in first.items()}
    runs = [(bool(sleep), len(list(same))) for sleep, same in groupby(asleep)]
    begins = np.cumsum([0, *(length for _, length in runs)])
    lasting = [begin for begin, (sleep, length) in zip(begins, runs, strict=False) if sleep and length >= _PERSISTENT]
    result["latency_persistent_sleep"] = float(lasting[0] * MINUTES) if lasting else None
    if not asleep.any():
        return result | {"cycles": 0.0, "stage_transitions": None, "fragmentation_index": None}
    onset, end = np.flatnonzero(asleep)[[0, -1]]
    period = stages[onset : end + 1]
    slept, before, after = int(asleep.sum()), period[:-1], period[1:]
    lighter = (after <= 1) & (before > after)
    return result | {
        "sleep_period_time": len(period) * MINUTES,
        "sleep_maintenance_efficiency": 100.0 * slept / len(period),
        "wake_in_sleep_period": float((period == 0).sum() * MINUTES),
        "cycles": float(_cycles(period, rem)),
        "stage_transitions": float((before != after).sum()),
        "fragmentation_index": float(lighter.sum() / (slept * MINUTES / 60)),
    }


def _cycles(stages: np.ndarray, rem: int) -> int:
    """Return the number of NREM-REM cycles of a sleep period."""
    dreams = np.flatnonzero(stages == rem)
    periods = np.split(dreams, np.flatnonzero(np.diff(dreams) > _NREM) + 1) if len(dreams) else []
    cycles, end = 0, 0
    for period in periods:
        if period[0] - end >= _NREM and (len(period) >= _REM or not cycles):
            cycles += 1
        end = period[-1] + 1
    return cycles


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
    asleep = stages > 0
    minutes = np.bincount(stages, minlength=len(scheme.short)) * MINUTES
    slept = asleep.sum() * MINUTES
    result: dict[str, float | None] = {
        "time_in_bed": len(stages) * MINUTES,
        "total_sleep_time": slept,
        "sleep_efficiency": 100 * slept / (len(stages) * MINUTES) if len(stages) else None,
    }
    result |= _latencies(stages, asleep, rem=len(scheme.short) - 1)
    result |= {f"minutes_{name}": minutes[i] for i, name in enumerate(scheme.short)}
    for name, spent in zip(scheme.short[1:], minutes[1:], strict=True):
        result[f"percent_{name}"] = 100 * spent / slept if slept else None
    return {name: None if value is None else float(value) for name, value in result.items()}


def _latencies(stages: np.ndarray, asleep: np.ndarray, rem: int) -> dict[str, float | None]:
    if not asleep.any():
        return dict.fromkeys(("sleep_onset_latency", "rem_latency", "wake_after_sleep_onset", "awakenings"))
    onset, end = np.flatnonzero(asleep)[[0, -1]]
    dreams = np.flatnonzero(stages == rem)
    return {
        "sleep_onset_latency": onset * MINUTES,
        "rem_latency": (dreams[0] - onset) * MINUTES if len(dreams) else None,
        "wake_after_sleep_onset": (~asleep[onset:]).sum() * MINUTES,
        "awakenings": (np.diff(asleep[onset : end + 1].astype(int)) == -1).sum(),
    }
