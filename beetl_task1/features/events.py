"""What comes and goes within an epoch: spindles, theta bursts, eye movements, muscle, alpha that waxes and wanes."""

import numpy as np

from .counting import mean_of_rows, median_of
from .filters import BIN_SECONDS, sampling_rate

POWER_FLOOR = np.float32(1e-2)
"""Added to the power of a band (uV^2), so that silence has finite logs and ratios."""

_VARYING = ("delta", "theta", "alpha", "spindle", "beta")
_WINDOW_SECONDS = 2
_SPINDLE_SHARE = 0.2
_BURST = 4
"""A burst has this many times the median power of its epoch, which is twice the amplitude."""


def event_features(power: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the features of bursts, muscle and variability, each (n_epochs, n_chans).

    ``power`` holds the mean squares of bands from :func:`~.filters.binned_power`, without :data:`POWER_FLOOR`.
    """
    power = {band: values + POWER_FLOOR for band, values in power.items()}
    windows = {band: _pool(power[band], _WINDOW_SECONDS) for band in _VARYING}
    return {
        **spindle_features(power),
        **burst_features(power["saw"]),
        **muscle_features(power["muscle"]),
        **variability_features(windows),
        **dominance_features(windows),
    }


def spindle_features(power: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return number, time and strength of spindle-like bursts.

    A burst is at least 0.4 s with twice the median amplitude of the epoch in 11-16 Hz and a fifth of the power of
    4-30 Hz (the relative-power rule of Lacourse et al. 2019, doi 10.1016/j.jneumeth.2018.08.014).

    ``spindle_count`` is log10 of 1 + bursts; ``spindle_time`` share of the epoch, 0 to 1; ``spindle_share`` largest
    share of the power of 4-30 Hz, 0 to 1; ``spindle_contrast`` log10 of the largest power over the median.
    """
    spindle = _smooth(power["spindle"])
    others = _smooth(power["theta"] + power["alpha"] + power["beta"])
    share = spindle / (spindle + others)
    median = median_of(spindle)
    held = (spindle > _BURST * median) & (share > _SPINDLE_SHARE)
    held = held[..., 1:] & held[..., :-1]
    starts = np.count_nonzero(held[..., 1:] & ~held[..., :-1], axis=-1) + held[..., 0]
    return {
        "spindle_count": np.log10(1 + starts),
        "spindle_time": np.count_nonzero(held, axis=-1) / held.shape[-1],
        "spindle_share": share.max(-1),
        "spindle_contrast": np.log10(spindle.max(-1) / median[..., 0]),
    }


def burst_features(saw: np.ndarray) -> dict[str, np.ndarray]:
    """Return the bursts of 2-6 Hz, where sawtooth waves of REM lie.

    ``saw_time`` is the share of the epoch above twice the median amplitude, 0 to 1; ``saw_contrast`` log10 of the
    largest power over the median.
    """
    smooth = _smooth(saw)
    median = median_of(smooth)
    return {
        "saw_time": (smooth > _BURST * median).mean(-1),
        "saw_contrast": np.log10(smooth.max(-1) / median[..., 0]),
    }


def muscle_features(muscle: np.ndarray) -> dict[str, np.ndarray]:
    """Return log10 of the power of 30-45 Hz (uV^2) in windows of 1 s: smallest, median, 90th percentile."""
    ranked = np.log10(np.sort(_pool(muscle, 1), axis=-1))
    last = ranked.shape[-1] - 1
    return {
        "muscle_min": ranked[..., 0],
        "muscle_median": ranked[..., round(0.5 * last)],
        "muscle_p90": ranked[..., round(0.9 * last)],
    }


def variability_features(windows: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the standard deviation of each band's log10 power over windows of 2 s."""
    return {f"vary_{band}": np.log10(values).std(-1) for band, values in windows.items()}


def dominance_features(windows: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the shares of 2 s windows that alpha rules, 0 to 1: more than half of them make Wake, fewer S1.

    ``alpha_time`` has alpha above theta; ``alpha_strong_time`` alpha above a third of the power of 0.5-30 Hz;
    ``delta_time`` delta above four times the power of theta, alpha and beta.
    """
    alpha = windows["alpha"]
    rest = windows["theta"] + alpha + windows["beta"]
    return {
        "alpha_time": (alpha > windows["theta"]).mean(-1),
        "alpha_strong_time": (3 * alpha > rest + windows["delta"]).mean(-1),
        "delta_time": (windows["delta"] > 4 * rest).mean(-1),
    }


def eye_features(eye: np.ndarray) -> dict[str, np.ndarray]:
    """Return the steepness of deflections of 0.5-5 Hz, which rapid eye movements make in front.

    ``eye_steepest`` is log10 of the largest slope in uV/s of the ``eye`` band of the frontal channel, (n_epochs,
    n_samples); ``eye_contrast`` log10 of it over the median; ``eye_time`` share of the time above four times the median
    slope, 0 to 1.
    """
    slope = np.abs(np.diff(eye)) * np.float32(sampling_rate("eye")) + np.float32(1)
    median = median_of(slope)
    steepest = slope.max(-1)
    return {
        "eye_steepest": np.log10(steepest),
        "eye_contrast": np.log10(steepest / median[..., 0]),
        "eye_time": (slope > 4 * median).mean(-1),
    }


def _pool(power: np.ndarray, seconds: int) -> np.ndarray:
    """Return the mean power in windows of whole seconds."""
    return mean_of_rows(power.reshape(*power.shape[:-1], -1, round(seconds / BIN_SECONDS)))


def _smooth(power: np.ndarray) -> np.ndarray:
    """Return the mean of three neighbouring bins; the ends, of two."""
    padded = np.concatenate([power[..., :1], power, power[..., -1:]], axis=-1)
    return np.asarray((padded[..., :-2] + padded[..., 1:-1] + padded[..., 2:]) / 3)
