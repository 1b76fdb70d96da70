"""The time in bed, and the sleep period of a long recording."""

import re
from datetime import datetime

import numpy as np

from ..errors import BeetlError
from ..task import EPOCH_SECONDS

DAY = 86_400
MARGIN = 60
"""Epochs (30 min) kept on each side of sleep, as in the training recordings."""
_SHORT_NAP = 10
_BREAK = 240
_SHORTEST_NIGHT = 360


def seconds_from_start(time: str, start: datetime | None) -> float:
    """Return a time as seconds from the beginning of a recording.

    Parameters
    ----------
    time : str
        Clock time such as ``"23:15"`` or ``"23:15:30"``, or seconds from the beginning such as ``"1800"``.
    start : datetime or None
        When the recording began; clock times need it. A clock time before it is one of the next day.

    Raises
    ------
    BeetlError
        Neither form, or a clock time for a recording that does not say when it began.
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
    hours, minutes, seconds = (int(part or 0) for part in clock.groups())
    if hours > 23 or minutes > 59 or seconds > 59:
        raise BeetlError(f"time {time!r}: expected a clock time from 00:00 to 23:59:59")
    if start is None:
        raise BeetlError(f"time {time!r}: the recording does not say when it began; give seconds from its beginning")
    began = start.hour * 3600 + start.minute * 60 + start.second
    return float((hours * 3600 + minutes * 60 + seconds - began) % DAY)


def epochs_in_bed(n_epochs: int, start: datetime | None, lights_off: str | None, lights_on: str | None) -> slice:
    """Return which epochs lie between lights off and lights on; an epoch counts if its middle does.

    Parameters
    ----------
    n_epochs : int
        Epochs of the recording.
    start : datetime or None
        When the recording began.
    lights_off, lights_on : str or None
        See :func:`seconds_from_start`; the beginning and the end of the recording by default.

    Raises
    ------
    BeetlError
        Nothing lies between them.
    """
    middles = (np.arange(n_epochs) + 0.5) * EPOCH_SECONDS
    off = 0.0 if lights_off is None else seconds_from_start(lights_off, start)
    on = n_epochs * float(EPOCH_SECONDS) if lights_on is None else seconds_from_start(lights_on, start)
    if on <= off and lights_on is not None and ":" in lights_on:
        on += DAY
    inside = np.flatnonzero((middles >= off) & (middles < on))
    if not len(inside):
        raise BeetlError(
            f"lights off {lights_off or 'at the beginning'}, lights on {lights_on or 'at the end'}: no "
            f"epoch of the recording ({n_epochs * EPOCH_SECONDS / 3600:.2f} h) lies between them; check "
            f"--lights-off and --lights-on"
        )
    return slice(int(inside[0]), int(inside[-1]) + 1)


def widened(window: slice, n_epochs: int) -> slice:
    """Return a window with 30 minutes more on each side, as far as the recording goes."""
    return slice(max(0, window.start - MARGIN), min(n_epochs, window.stop + MARGIN))


def sleep_period(asleep: np.ndarray) -> slice:
    """Return the main sleep period of a recording with 30 minutes on each side.

    The models see each epoch relative to its night, and their nights were cropped so; a whole day would shift that.

    Parameters
    ----------
    asleep : array of bool (n_epochs,)
        Whether each epoch seems to be sleep. Runs below 5 minutes do not count, periods less than 2 hours apart are
        one, and the one with most sleep is taken.

    Returns
    -------
    slice
        Everything if that would be less than 3 hours.
    """
    whole = slice(0, len(asleep))
    edges = np.flatnonzero(np.diff(np.concatenate([[0], np.asarray(asleep).astype(int), [0]])))
    runs = [(first, last) for first, last in edges.reshape(-1, 2) if last - first >= _SHORT_NAP]
    if not runs:
        return whole
    periods = [[runs[0]]]
    for run in runs[1:]:
        if run[0] - periods[-1][-1][1] < _BREAK:
            periods[-1].append(run)
        else:
            periods.append([run])
    main = max(periods, key=lambda period: sum(last - first for first, last in period))
    found = widened(slice(int(main[0][0]), int(main[-1][1])), len(asleep))
    return found if found.stop - found.start >= _SHORTEST_NIGHT else whole
