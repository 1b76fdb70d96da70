"""A hypnogram as spans of time under a name, and the one way from there to the grid of epochs."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise

import numpy as np

from ..errors import DataError
from ..task import EPOCH_SECONDS
from .names import PRESETS, UNSCORED, is_aasm, is_known, is_placed, like_a_stage, numbers_with_two_meanings, stage_of
from .schemes import AASM, RK, Scheme

WAKE_MINUTES = 30.0
"""Minutes of Wake that are kept before the first and after the last epoch of sleep."""
HALF_DAY = 43_200
_SAMPLES = 60
"""Moments of an epoch that are looked at: one every half second."""
_SHOWN, _SHORT = 8, 60
LONGEST = 14 * 86_400
"""Seconds of the longest scoring that is read."""


@dataclass(frozen=True)
class Span:
    """A stretch of time under one name: onset and duration in seconds, and the name as the file has it."""

    onset: float
    duration: float
    name: str

    @property
    def stage(self) -> int:
        """See :func:`beetl_task1.hypnograms.names.stage_of`."""
        return stage_of(self.name)


@dataclass(frozen=True)
class Hypnogram:
    """What a file of stages says: spans, timed from the file's own start or, without one, from the recording's.

    Where two spans overlap the later one in the file counts, but what says no stage (an apnoea, an arousal, movement)
    takes none away. ``notes`` are what a user should know of how it was read, one line each.
    """

    spans: tuple[Span, ...]
    start: datetime | None = None
    notes: tuple[str, ...] = ()

    @classmethod
    def steady(cls, names: Iterable[str], seconds: float, notes: tuple[str, ...] = ()) -> "Hypnogram":
        """Return a hypnogram of names that each hold for so many seconds, one after the other."""
        return cls(tuple(Span(i * seconds, seconds, name) for i, name in enumerate(names)), notes=notes)

    @property
    def names(self) -> list[str]:
        """The names in it, sorted."""
        return sorted({span.name for span in self.spans})

    @property
    def scheme(self) -> Scheme:
        """AASM if it has N1, N2 or N3."""
        return AASM if any(map(is_aasm, self.names)) else RK

    def timed_from(self, start: datetime | None, seconds: float | None = None) -> "Hypnogram":
        """Return it with spans timed from the start of a recording of so many seconds, as far as both are known.

        Starts count by the clock where their dates are half a day or more apart, since copies are often dated anew.
        """
        if start is None or self.start is None:
            return self
        shift, notes = (self.start - start).total_seconds(), self.notes
        if not -HALF_DAY < shift < max(HALF_DAY, seconds or 0):
            shift = (shift + HALF_DAY) % (2 * HALF_DAY) - HALF_DAY
            notes = (*notes, f"it is dated {self.start:%Y-%m-%d}, the recording {start:%Y-%m-%d}: placed by the clock")
        if shift:
            notes = (*notes, f"it begins {shift:+g} s from the start of the recording, by the clock of its header")
        return Hypnogram(tuple(replace(span, onset=span.onset + shift) for span in self.spans), start, notes)

    def held(self) -> "Hypnogram":
        """Return it in the order of time, with stages that have no duration lasting until the next.

        Where the same stage is named again and again they are one per epoch, and each lasts a step, so that gaps
        stay gaps.
        """
        spans = sorted(self.spans, key=lambda span: span.onset)
        stages = [i for i, span in enumerate(spans) if is_known(span.name)]
        steps = [spans[b].onset - spans[a].onset for a, b in pairwise(stages)]
        repeated = any(spans[a].name == spans[b].name for a, b in pairwise(stages))
        usual, times = Counter(round(step, 3) for step in steps).most_common(1)[0] if steps else (0.0, 0)
        step = usual if repeated and usual > 0 and 2 * times > len(steps) else None
        for i, until in zip(stages, [*steps, step or EPOCH_SECONDS], strict=True):
            if not spans[i].duration > 0:
                spans[i] = replace(spans[i], duration=min(until, step or until))
        return replace(self, spans=tuple(spans))

    def renamed(self, names: Mapping[str, str] | None) -> "Hypnogram":
        """Return it with names of the scorer's own replaced (keys in folded case)."""
        given = names or {}
        spans = (replace(span, name=given.get(span.name.strip().casefold(), span.name)) for span in self.spans)
        return replace(self, spans=tuple(spans))

    def without_marks(self) -> "Hypnogram":
        """Return it with plain numbers as events where stages are written out (``Sleep stage 2``), as triggers are."""
        if sum(is_known(name) and like_a_stage(name) for name in self.names) < 2:
            return self
        spans = (replace(s, name=f"mark {s.name}") if s.name.strip().isdigit() else s for s in self.spans)
        return replace(self, spans=tuple(spans))

    def checked(self, name: str, *, events: bool) -> "Hypnogram":
        """Return it if each name in it is a stage that is known, not scored, or, with ``events``, an event.

        Raises
        ------
        DataError
            A name that calls itself a stage is not known, numbers have two meanings, or no stage is known.
        """
        counts = Counter(span.name for span in self.spans if not is_known(span.name))
        wrong = {text: n for text, n in counts.items() if not events or like_a_stage(text)}
        how = "say what they mean with --stage-names, a file of lines such as 'WK = W'"
        if wrong:
            raise DataError(f"{name}: expected stages such as 'W', 'N2' or 'REM', got {listed(wrong)}; {how}")
        known = [text for text in self.names if is_known(text)]
        if not any(stage_of(text) != UNSCORED for text in known):
            raise DataError(
                f"{name}: expected stages such as 'Sleep stage 2' or 'N2' within the recording, got "
                f"{self.names[:4]}; give the hypnogram of this recording, or {how}"
            )
        if numbers_with_two_meanings(known):
            raise DataError(
                f"{name}: the numbers {', '.join(known)} have two meanings (4 may be S4 or REM); "
                f"add --stage-names {' or --stage-names '.join(PRESETS)}, or {how}"
            )
        return self


def n_epochs(hypnograms: Iterable[Hypnogram], name: str) -> int:
    """Return how many epochs scorings of a night reach over, from its beginning.

    Raises
    ------
    DataError
        They reach over more than two weeks.
    """
    spans = (span for one in hypnograms for span in one.spans if span.stage != UNSCORED)
    end = max(span.onset + span.duration for span in spans)
    if not end <= LONGEST:
        raise DataError(
            f"{name}: the last stage ends {end:g} s after the beginning, more than {LONGEST // 86_400} days; "
            "write onsets in seconds from the beginning"
        )
    return max(1, round(end / EPOCH_SECONDS))


def listed(counts: Mapping[str, int]) -> str:
    """Return names with their counts, the most frequent first."""
    most = sorted(counts.items(), key=lambda item: -item[1])
    more = f" and {len(most) - _SHOWN} more" if len(most) > _SHOWN else ""
    return ", ".join(f"{name[:_SHORT]!r} ({n})" for name, n in most[:_SHOWN]) + more


def on_grid(
    spans: Iterable[Span], n_epochs: int, *, whole: bool = False, onsets: Sequence[float] | np.ndarray | None = None
) -> np.ndarray:
    """Return the R&K stage of each epoch of a recording, (n_epochs,) int64, -1 where not scored.

    Spans are timed from the beginning of the recording; a later one overwrites an earlier one, and one that is no stage
    none. An epoch gets the stage that most of it has, in doubt that of its middle, or, with ``whole``, the one that all
    of it has. Epochs begin every 30 s, or at ``onsets`` (n_epochs,), ascending.
    """
    begins = np.arange(n_epochs) * float(EPOCH_SECONDS) if onsets is None else np.asarray(onsets, dtype=float)
    times = (begins[:, None] + (np.arange(_SAMPLES) + 0.5) * EPOCH_SECONDS / _SAMPLES).ravel()
    painted = np.full(times.size, UNSCORED, dtype=np.int64)
    for span in spans:
        if is_placed(span.name) and np.isfinite([span.onset, span.duration]).all():
            first, end = np.searchsorted(times, [span.onset, span.onset + span.duration])
            painted[first:end] = span.stage
    stages = painted.reshape(n_epochs, _SAMPLES)
    middle = stages[:, _SAMPLES // 2]
    if whole:
        return np.where((stages == middle[:, None]).all(axis=1), middle, UNSCORED)
    counts = np.stack([(stages == stage).sum(axis=1) for stage in range(UNSCORED, 6)], axis=1).astype(float)
    counts[np.arange(n_epochs), middle + 1] += 0.5
    return np.asarray(counts.argmax(axis=1) + UNSCORED, dtype=np.int64)


def near_sleep(stages: np.ndarray, wake_minutes: float = WAKE_MINUTES) -> slice:
    """Return the epochs from some minutes before the first sleep to as many after the last; all without sleep.

    ``stages`` (n_epochs,) are in order, -1 where not scored.
    """
    asleep = np.flatnonzero(np.asarray(stages) > 0)
    if not len(asleep):
        return slice(0, len(stages))
    margin = round(wake_minutes * 60 / EPOCH_SECONDS)
    return slice(max(0, int(asleep[0]) - margin), int(asleep[-1]) + 1 + margin)
