"""Hypnograms: a semi-Markov chain whose transitions change with the clock and with the sleep cycle.

Fitted to 39 real nights of young adults; other ages tilt it towards their own shares of the stages. Time-varying
chains of sleep stages: Kemp & Kamphuisen 1986 (Sleep 9:405).
"""

from dataclasses import dataclass

import numpy as np

from . import tables

WAKE, S1, S2, S3, S4, REM = range(6)
EDGE_WAKE = 60
"""Epochs of Wake left before and after sleep (30 min), as the competition crops them."""
_SMOOTH = 8.0


@dataclass(frozen=True)
class Tilt:
    """How a night leaves the young chain: weights of the transitions into, and scales of the runs of, each stage."""

    into: np.ndarray
    scale: np.ndarray


def edge(n_epochs: int) -> int:
    """Return the epochs of Wake on either side of sleep in a night of ``n_epochs``."""
    return min(EDGE_WAKE, n_epochs // 20)


def tilt(fractions: np.ndarray, n_epochs: int) -> Tilt:
    """Return the tilt that gives a night the wanted shares of the stages.

    Half of the (log) change of a share is in how often a stage is entered, the rest in how long it lasts.

    Parameters
    ----------
    fractions : (6,)
        Wanted shares of all epochs, Wake at the edges included.
    n_epochs : int
        Length of the night.
    """
    counts = tables.load("hypnogram")["transitions"].sum((0, 1))
    mean = np.array([r.mean() for r in tables.load("hypnogram")["run_lengths"]])
    inside = np.maximum(fractions - np.eye(6)[WAKE] * 2 * edge(n_epochs) / n_epochs, 0.01 * fractions)
    inside = inside / inside.sum()
    young = counts.sum(0) * mean
    into = np.sqrt(inside / (young / young.sum()))
    visits = _stationary(counts * into)
    scale = inside / (visits * mean)
    return Tilt(into, scale / np.exp(visits @ np.log(scale)))


def _stationary(weights: np.ndarray) -> np.ndarray:
    chain = weights / weights.sum(1, keepdims=True)
    visits = np.full(6, 1 / 6)
    for _ in range(200):
        visits = 0.5 * visits + 0.5 * np.einsum("j,jk->k", visits, chain)
    return visits


def draw(rng: np.random.Generator, n_epochs: int, fractions: np.ndarray) -> np.ndarray:
    """Draw one night as a scorer writes it down.

    Parameters
    ----------
    rng : numpy.random.Generator
    n_epochs : int
        Epochs of the night, Wake at the edges included.
    fractions : (6,)
        Wanted shares of the stages.

    Returns
    -------
    (n_epochs,) int8
        Stages 0-5.
    """
    side = edge(n_epochs)
    night = np.zeros(n_epochs, dtype=np.int8)
    night[side:n_epochs - side] = _sleep(rng, n_epochs - 2 * side, tilt(fractions, n_epochs))
    return night


def _sleep(rng: np.random.Generator, length: int, lean: Tilt) -> np.ndarray:
    table = tables.load("hypnogram")
    first = table["first"] * (np.arange(6) > WAKE)
    night = np.empty(length, dtype=np.int8)
    stage, position, last_rem = int(rng.choice(6, p=first / first.sum())), 0, 0
    while position < length:
        end = min(length, position + _run(rng, table, stage, position, lean.scale[stage]))
        night[position:end] = stage
        last_rem = end if stage == REM else last_rem
        stage, position = _next(rng, table, stage, (end, end - last_rem), lean.into), end
    asleep = np.flatnonzero(night > WAKE)[-1]
    night[asleep:] = night[asleep]
    return night


def _run(rng: np.random.Generator, table: dict, stage: int, position: int, scale: float) -> int:
    """Length of a run: a real one that began at about this time of the night, scaled."""
    distance = np.abs(table["run_starts"][stage] - position)
    near = np.argpartition(distance, min(80, len(distance) - 1))[:80]
    length = table["run_lengths"][stage][near[rng.integers(len(near))]]
    return max(1, int(length * scale + rng.random()))


def _next(rng: np.random.Generator, table: dict, stage: int, times: tuple[int, int], into: np.ndarray) -> int:
    clock = np.searchsorted(table["clock_edges"], times[0], "right")
    cycle = np.searchsorted(table["rem_edges"], times[1], "right")
    overall = table["transitions"].sum((0, 1))[stage]
    weights = (table["transitions"][clock, cycle, stage] + _SMOOTH * overall / overall.sum()) * into
    return int(rng.choice(6, p=weights / weights.sum()))
