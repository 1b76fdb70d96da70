"""The statistics of a night, as the AASM manual and sleep laboratories define them, and agreement with a scorer's."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DataError
from ..hypnograms.formats import read_hypnogram
from ..hypnograms.names import UNSCORED, is_known
from ..hypnograms.schemes import AASM, RK, Scheme
from ..hypnograms.spans import Hypnogram, Span, listed, n_epochs, near_sleep, on_grid
from ..scoring import kappa
from ..task import EPOCH_SECONDS
from .window import epochs_in_bed, runs

MINUTES = EPOCH_SECONDS / 60
_PERSISTENT = 20
"""Epochs (10 min) of unbroken sleep that make it persistent."""
_NREM, _REM = 30, 10
"""Epochs of a cycle's NREM (15 min) and REM (5 min) at least; the first REM may be shorter (Feinberg & Floyd 1979)."""
_FEW = 0.1
_OUTSIDE = 60.0
"""s; the last epoch of a scoring is often one that the signal holds in part."""


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
        "awakenings": len(runs(asleep)) - 1 if slept else None,
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
    first["persistent_sleep"] = np.array([run[0] for run in runs(asleep) if len(run) >= _PERSISTENT])
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


def _cycles(stages: np.ndarray, rem: int) -> int:
    """Return the number of NREM-REM cycles of a sleep period."""
    cycles, end = 0, 0
    for dreams in runs(np.flatnonzero(stages == rem), _NREM):
        cycles += bool(dreams[0] - end >= _NREM and (len(dreams) >= _REM or not cycles))
        end = dreams[-1] + 1
    return cycles


@dataclass(frozen=True)
class Agreement:
    """How two stagings agree over the epochs that both have.

    ``accuracy`` is the share that agrees, None where no epoch was compared; ``kappa`` is Cohen's, None where both know
    a single stage; ``confusion`` (n_stages, n_stages) counts epochs, rows the scorer's, columns the models'.
    """

    stages: tuple[str, ...]
    n_epochs: int
    accuracy: float | None
    kappa: float | None
    confusion: np.ndarray

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return vars(self) | {"stages": list(self.stages), "confusion": self.confusion.tolist()}


def read_scored(
    path: str | Path, n_epochs: int, start: datetime | None = None, *, onsets: np.ndarray | None = None,
    names: Mapping[str, str] | None = None,
) -> Scored:  # fmt: skip
    """Read a scorer's stages of a recording with so many epochs and that start.

    Each epoch gets the stage that most of it has; ``onsets`` (n_epochs,) are theirs in s, where there are gaps;
    ``names`` as in :func:`beetl_task1.hypnograms.formats.read_hypnogram`. A file without stages of it is an error.
    """
    end = n_epochs * float(EPOCH_SECONDS) if onsets is None else float(onsets[-1]) + EPOCH_SECONDS
    hypnogram = read_hypnogram(path, start, seconds=end, names=names)
    stages = on_grid(hypnogram.spans, n_epochs, onsets=onsets)
    if (stages == UNSCORED).all():
        raise DataError(
            f"{path}: expected stages such as 'Sleep stage 2' or 'N2' within the recording, got "
            f"{hypnogram.names[:4]} outside of it; give the hypnogram of this recording"
        )
    scored = int((stages != UNSCORED).sum())
    few = [f"it covers {scored} of the recording's {n_epochs} epochs"] if scored < _FEW * n_epochs else []
    found = (*hypnogram.notes, *few, *_outside(hypnogram, end), *_lost(hypnogram, n_epochs, onsets))
    return Scored(stages, hypnogram.scheme, tuple(f"scoring: {note}" for note in found))


def _outside(hypnogram: Hypnogram, end: float) -> Iterator[str]:
    """Say how much is scored before or after the recording."""
    scored = [span for span in hypnogram.spans if span.stage != UNSCORED]
    total = sum(span.duration for span in scored)
    outside = total - sum(max(0.0, min(end, s.onset + s.duration) - max(0.0, s.onset)) for s in scored)
    if outside > _OUTSIDE:
        yield (f"{outside / 60:.1f} of its {total / 60:.1f} scored min lie outside the recording of "
               f"{end / 60:.1f} min")  # fmt: skip


def _lost(hypnogram: Hypnogram, n_epochs: int, onsets: np.ndarray | None) -> Iterator[str]:
    """Name what is no stage, where it alone lies over epochs."""

    def covered(spans: list[Span]) -> np.ndarray:
        return np.asarray(on_grid([replace(span, name="W") for span in spans], n_epochs, onsets=onsets) == 0)

    known = covered([span for span in hypnogram.spans if is_known(span.name)])
    unknown = {name: [span for span in hypnogram.spans if span.name == name] for name in hypnogram.names}
    counts = {name: int((covered(s) & ~known).sum()) for name, s in unknown.items() if not is_known(name)}
    if lost := {name: count for name, count in counts.items() if count}:
        yield (f"these names are no stage that is known, and their epochs count as not scored: {listed(lost)}; "
               f"if they are stages, say which with --stage-names")  # fmt: skip


def agreement_of(stages: np.ndarray, scheme: Scheme, scored: Scored) -> Agreement:
    """Compare stages, as labels of their scheme, with a scorer's: in five stages where either has only five."""
    both = scored.stages >= 0
    common = AASM if AASM in (scheme, scored.scheme) else RK
    truth, found = common.labels(scored.stages[both]), np.asarray(stages)[both]
    if scheme != common:
        found = common.labels(found)
    confusion = np.zeros((len(common.short),) * 2, dtype=np.int64)
    np.add.at(confusion, (truth, found), 1)
    accuracy = float(np.mean(truth == found)) if both.any() else None
    return Agreement(common.short, int(both.sum()), accuracy, kappa(truth, found), confusion)


def around_sleep(scored: Scored) -> Scored:
    """Return the scoring from 30 minutes before sleep to 30 minutes after, as sleep studies are compared."""
    kept = near_sleep(scored.stages)
    stages = np.full_like(scored.stages, UNSCORED)
    stages[kept] = scored.stages[kept]
    return replace(scored, stages=stages)
