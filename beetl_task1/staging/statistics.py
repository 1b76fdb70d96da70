"""The usual statistics of a night, as the AASM manual defines them."""

import numpy as np

from ..hypnograms.schemes import Scheme
from ..task import EPOCH_SECONDS

MINUTES = EPOCH_SECONDS / 60


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
