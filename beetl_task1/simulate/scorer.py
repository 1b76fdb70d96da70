"""What the sleeper did, given what the scorer wrote.

The chain of :mod:`hypnogram` is fitted to scored nights, so the scored night comes first and the true course is drawn
given it: true borders lie anywhere, not on the grid of 30 s, and a scorer errs mostly at borders, in S1, and between
S3 and S4 (Danker-Hopfe et al. 2009, J Sleep Res 18:74; Rosenberg & Van Hout 2013, J Clin Sleep Med 9:81). Another
scorer of the same course is ``majority(course(rng, majority(path)))``: two agree as published (kappa about 0.76).
"""

import numpy as np

STEPS = 6
"""Steps of the true course an epoch (5 s each)."""
STEP_SECONDS = 5.0
_BORDER_SECONDS = 12.0
_FLICKER = np.array([0.20, 0.45, 0.18, 0.10, 0.02, 0.08])
"""Chance that a run of one or two epochs, by stage, was not what its neighbours in truth were."""
_SLIP = np.array([0.035, 0.26, 0.07, 0.05, 0.01, 0.05])
"""Chance an epoch, by stage, that the truth left the scored stage for a while."""
_SLIP_TO = np.array(
    [
        [0.0, 0.8, 0.1, 0.0, 0.0, 0.1],
        [0.3, 0.0, 0.3, 0.0, 0.0, 0.4],
        [0.10, 0.40, 0.00, 0.28, 0.00, 0.22],
        [0.00, 0.00, 0.45, 0.00, 0.55, 0.00],
        [0.0, 0.0, 0.1, 0.9, 0.0, 0.0],
        [0.2, 0.5, 0.3, 0.0, 0.0, 0.0],
    ]
)


def course(rng: np.random.Generator, scored: np.ndarray) -> np.ndarray:
    """Draw the true course of a night, (n_epochs * 6,) stages in steps of 5 s, from its scored hypnogram."""
    path = _move_borders(rng, _drop_flickers(rng, scored))
    for epoch in np.flatnonzero(rng.random(len(scored)) < _SLIP[scored]):
        start = int(epoch * STEPS + rng.integers(STEPS))
        stage = path[min(start, len(path) - 1)]
        path[start : start + int(rng.integers(3, 10))] = rng.choice(6, p=_SLIP_TO[stage])
    return path


def majority(path: np.ndarray) -> np.ndarray:
    """Return the stage that fills most of each epoch, (n_epochs,) int8."""
    counts = np.stack([(path.reshape(-1, STEPS) == k).sum(1) for k in range(6)], axis=1)
    return np.asarray(np.argmax(counts, axis=1).astype(np.int8))


def _starts(stages: np.ndarray) -> np.ndarray:
    return np.asarray(np.r_[0, np.flatnonzero(np.diff(stages)) + 1])


def _drop_flickers(rng: np.random.Generator, scored: np.ndarray) -> np.ndarray:
    starts = _starts(scored)
    lengths = np.diff(np.r_[starts, len(scored)])
    night = scored.copy()
    short = np.flatnonzero((lengths <= 2) & (rng.random(len(starts)) < _FLICKER[scored[starts]]))
    for i in short[(short > 0) & (short < len(starts) - 1)]:
        night[starts[i] : starts[i] + lengths[i]] = scored[starts[i] + rng.choice([-1, lengths[i]])]
    return night


def _move_borders(rng: np.random.Generator, night: np.ndarray) -> np.ndarray:
    starts = _starts(night)
    moved = starts * STEPS + np.r_[0, rng.normal(0, _BORDER_SECONDS / STEP_SECONDS, len(starts) - 1)]
    moved = np.maximum.accumulate(np.clip(np.round(moved).astype(int), 0, len(night) * STEPS))
    return np.repeat(night[starts], np.diff(np.r_[moved, len(night) * STEPS]))
