"""The time in bed, and the sleep period of a long recording."""

import re
from datetime import datetime, timedelta

import numpy as np

from ..errors import BeetlError
from ..task import EPOCH_SECONDS

DAY = 86_400
OUTSIDE = 900.0
"""s by which noted times may lie outside the recording."""
MARGIN = 60
"""Epochs (30 min) kept on each side of sleep, as in the training recordings."""
_SHORT_NAP = 10
_BREAK = 240
_SHORTEST_NIGHT = 360


def seconds_from_start(time: str, start: datetime | None) -> float:
    """Return a time as seconds from the beginning of a recording.

    ``time`` is a clock time such as ``"23:15"`` or ``"23:15:30"``, or seconds from the beginning such as ``"1800"``.
    Clock times need the start of the recording; one before it is of the next day.
    """
    clock = re.fullmatch(r"(\d{1,2}):(\d\d)(?::(\d\d))?", time.strip())
    if clock is None:
        try:
            seconds = float(time)
        except ValueError:
            seconds = -1.0
        if not 0 <= seconds < 7 * DAY:
            raise BeetlError(f"time {time!r}: expected a clock time such as 23:15, or seconds from the beginning")
        return seconds
    hours, minutes, rest = (int(part or 0) for part in clock.groups())
    if hours > 23 or minutes > 59 or rest > 59:
        raise BeetlError(f"time {time!r}: expected a clock time from 00:00 to 23:59:59")
    if start is None:
        raise BeetlError(f"time {time!r}: the recording does not say when it began; give seconds from its beginning")
    began = start.hour * 3600 + start.minute * 60 + start.second
    return float((hours * 3600 + minutes * 60 + rest - began) % DAY)


def epochs_in_bed(
    onsets: np.ndarray, start: datetime | None, lights_off: str | None, lights_on: str | None
) -> tuple[slice, list[str]]:
    """Return which epochs lie between lights off and lights on, and which of the times lie outside the recording.

    An epoch counts if its middle does. Times are as in :func:`seconds_from_start`; the beginning and the end of the
    recording by default, also for times up to 15 minutes outside it, which are told in one line each. ``onsets``
    (n_epochs,) in s.
    """
    end, middles = float(onsets[-1]) + EPOCH_SECONDS, onsets + EPOCH_SECONDS / 2
    off, on = _lights(end, start, lights_off, lights_on)
    inside = np.flatnonzero((middles >= off) & (middles < on))
    if not len(inside):
        raise BeetlError(
            f"lights off {lights_off or 'at the beginning'}, lights on {lights_on or 'at the end'}: no "
            f"epoch of the recording ({len(onsets) * EPOCH_SECONDS / 3600:.2f} h) lies between them; check "
            f"--lights-off and --lights-on"
        )
    lines = []
    if off < 0:
        lines.append(f"lights off {lights_off} lies {-off:g} s before the recording begins: its beginning is taken")
    if on > end + EPOCH_SECONDS:
        lines.append(f"lights on {lights_on} lies {(on - end) / 60:.1f} min after the recording ends: its end is taken")
    return slice(int(inside[0]), int(inside[-1]) + 1), lines


def _lights(end: float, start: datetime | None, lights_off: str | None, lights_on: str | None) -> tuple[float, float]:
    """Return both times in s from the start of a recording that ends at ``end``, a little outside it at most."""
    off = 0.0 if lights_off is None else seconds_from_start(lights_off, start)
    on = end if lights_on is None else seconds_from_start(lights_on, start)
    if ":" in (lights_off or "") and off > end and DAY - off < off - end:
        off -= DAY  # nearer before the recording than after it
    if on <= off and lights_on is not None:
        if ":" not in lights_on or on + DAY > end + OUTSIDE:
            hint = "; swap them" if lights_off is not None and 0 <= on < off <= end else "; check both"
            raise BeetlError(
                f"lights on {lights_on} comes before lights off {lights_off or 'at the beginning'}: no epoch of the "
                f"recording lies between them{hint}"
            )
        on += DAY
    for name, text, time in (("off", lights_off, off), ("on", lights_on, on)):
        if text is not None and not -OUTSIDE <= time <= end + OUTSIDE:
            span = f"lasts {end:g} s"
            if start is not None:
                span = f"lasts from {start:%H:%M:%S} to {start + timedelta(seconds=end):%H:%M:%S}"
            raise BeetlError(
                f"lights {name} {text}: no epoch of the recording has it, which {span}; give times within it with "
                f"--lights-off and --lights-on"
            )
    return off, on


def widened(window: slice, n_epochs: int) -> slice:
    """Return a window with 30 minutes more on each side, as far as the recording goes."""
    return slice(max(0, window.start - MARGIN), min(n_epochs, window.stop + MARGIN))


def sleep_period(asleep: np.ndarray) -> slice:
    """Return the main sleep period of a recording with 30 minutes on each side.

    The models see each epoch relative to its night, and their nights were cropped so; a whole day would shift that.

    ``asleep`` (n_epochs,) says whether each epoch seems to be sleep. Runs below 5 minutes do not count, periods less
    than 2 hours apart are one, and the one with most sleep is taken; everything, if that would be less than 3 hours.
    """
    naps = [run for run in runs(np.flatnonzero(asleep)) if len(run) >= _SHORT_NAP]
    main = max(runs(np.concatenate(naps), _BREAK), key=len) if naps else np.arange(len(asleep))
    found = widened(slice(int(main[0]), int(main[-1]) + 1), len(asleep))
    return found if found.stop - found.start >= _SHORTEST_NIGHT else slice(0, len(asleep))


def runs(epochs: np.ndarray, least: int = 1) -> list[np.ndarray]:
    """Return ascending numbers of epochs in runs, between which more than ``least`` epochs pass."""
    return np.split(epochs, np.flatnonzero(np.diff(epochs) > least) + 1) if len(epochs) else []
