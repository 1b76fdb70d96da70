"""Hypnograms: a semi-Markov chain whose transitions change with the clock and with the sleep cycle.

Fitted to the real nights of each cohort; a night tilts the chain of its cohort towards its own shares of the stages.
Time-varying chains of sleep stages: Kemp & Kamphuisen 1986 (Sleep 9:405).
"""

import bisect
from dataclasses import dataclass
from typing import Any

import numpy as np

from .tables import Floats, load

WAKE, S1, S2, S3, S4, REM = range(6)
EDGE_WAKE = 60
"""Epochs of Wake left before and after sleep (30 min), as the competition crops them."""
OLDEST_EDGE_WAKE = 40
"""The same of 80-95, whom the competition cropped to 20 min."""
_SMOOTH = 8.0
_NEAR = 80
"""Real runs of a stage, nearest in clock time, that the length of a run is drawn from."""
_INTO = np.array([0.2, 0.5, 0.5, 0.5, 0.5, 0.5])
"""Part of the (log) change of a share that is in how often the stage is entered; the rest is in how long it lasts."""
_LAST_BOUT = 12
"""Wake that would last to the end of the night is cut short by a bout of sleep of fewer epochs, which ends it."""
CANDIDATES = 10
"""Nights drawn; the one nearest to the wanted shares is kept, as the chain alone varies more than real people do."""


Table = dict[str, Any]
"""What was fitted to the nights of one cohort."""


@dataclass(frozen=True)
class Tilt:
    """How a night leaves the chain of its cohort."""

    into: Floats
    """Weights of the transitions into each stage, (6,)."""
    scale: Floats
    """Scale of how long a run of each stage is beyond its first epoch, so that runs of one stay as common, (6,)."""


def edge(n_epochs: int, cohort: str) -> int:
    """Return the epochs of Wake on either side of sleep in a night of ``n_epochs``."""
    return min(OLDEST_EDGE_WAKE if cohort == "80+" else EDGE_WAKE, n_epochs // 16)


def tilt(table: Table, fractions: Floats) -> Tilt:
    """Return the tilt that gives what lies between the edges the wanted shares of the stages, (6,).

    The chain changes along the night and long runs are cut at its end, so that its stationary shares are only near to
    those that come out: ``table["trim"]`` holds what was wanted over what came out.
    """
    counts = table["transitions"].sum((0, 1)) + 1e-3
    mean = np.array([r.mean() if len(r) else 2.0 for r in table["run_lengths"]])
    shares = counts.sum(0) * mean
    wanted = fractions * table["trim"]
    wanted = wanted / wanted.sum()
    into = (wanted / (shares / shares.sum())) ** _INTO
    visits = _stationary(counts * into)
    scale = np.divide(wanted, visits * mean, out=np.ones(6), where=wanted > 0)
    scale = scale / np.exp(visits @ np.log(scale))
    return Tilt(into, np.maximum(scale * mean - 1, 0) / np.maximum(mean - 1, 0.1))


def _stationary(weights: Floats) -> Floats:
    chain = weights / weights.sum(1, keepdims=True)
    visits = np.full(6, 1 / 6)
    for _ in range(200):
        visits = 0.5 * visits + 0.5 * np.einsum("j,jk->k", visits, chain)
    return visits


def draw(
    rng: np.random.Generator, n_epochs: int, fractions: Floats, candidates: int = CANDIDATES, cohort: str = "25-34"
) -> np.ndarray:
    """Draw one night as a scorer writes it down.

    Parameters
    ----------
    rng : numpy.random.Generator
    n_epochs : int
        Epochs of the night, Wake at the edges included.
    fractions : (6,)
        Wanted shares of the stages.
    candidates : int
        Nights drawn, of which the nearest to the wanted shares is kept.
    cohort : str
        Whose chain it is, see :data:`tables.COHORTS`.

    Returns
    -------
    (n_epochs,) int8
        Stages 0-5.
    """
    table, side = load("hypnogram")[cohort], edge(n_epochs, cohort)
    inside = np.maximum(fractions - np.eye(6)[WAKE] * 2 * side / n_epochs, 0.01 * fractions)
    lean = tilt(table, inside / inside.sum())
    chain = np.cumsum(_chances(table, lean.into), axis=-1)
    nights = np.zeros((candidates, n_epochs), dtype=np.int8)
    for night in nights:
        night[side : n_epochs - side] = _sleep(rng, n_epochs - 2 * side, table, lean, chain)
    shares = np.array([np.bincount(night, minlength=6) for night in nights]) / n_epochs
    return np.asarray(nights[((shares - fractions) ** 2 / (fractions + 0.01)).sum(1).argmin()])


def _sleep(rng: np.random.Generator, length: int, table: Table, lean: Tilt, chain: Floats) -> np.ndarray:
    first = np.cumsum(table["first"] * (np.arange(6) > WAKE) * (lean.into > 0))
    night = np.empty(length, dtype=np.int8)
    stage, position, last_rem = _pick(rng, first), 0, 0
    while position < length:
        end = position + _run(rng, table, stage, position, lean.scale[stage])
        if stage == WAKE and end >= length:
            end = max(position + 1, length - int(rng.integers(1, _LAST_BOUT)))
        end = min(length, end)
        night[position:end] = stage
        last_rem = end if stage == REM else last_rem
        clock = bisect.bisect(table["clock_edges"], end)
        cycle = bisect.bisect(table["rem_edges"], end - last_rem)
        stage, position = _pick(rng, chain[clock, cycle, stage]), end
    asleep = np.flatnonzero(night > WAKE)[-1]
    night[asleep:] = night[asleep]
    return night


def _chances(table: Table, into: Floats) -> Floats:
    """Chances of the next stage by clock, cycle and stage; rare contexts borrow from the whole night."""
    counts = table["transitions"]
    overall = counts.sum((0, 1)) + 1e-3
    weights = (counts + _SMOOTH * overall / overall.sum(1, keepdims=True)) * into
    return np.asarray(weights / weights.sum(-1, keepdims=True))


def _pick(rng: np.random.Generator, cumulative: Floats) -> int:
    return int(np.searchsorted(cumulative, rng.random() * cumulative[-1], "right"))


def _run(rng: np.random.Generator, table: Table, stage: int, position: int, scale: float) -> int:
    """Length of a run: a real one that began at about this time of the night, scaled."""
    starts = table["run_starts"][stage]
    nearest = int(np.searchsorted(starts, position)) - _NEAR // 2
    run = min(max(0, nearest), max(0, len(starts) - _NEAR)) + int(rng.integers(min(_NEAR, len(starts))))
    drawn = int(table["run_lengths"][stage][run])
    return drawn if drawn == 1 else 1 + max(1, int((drawn - 1) * scale + rng.random()))
