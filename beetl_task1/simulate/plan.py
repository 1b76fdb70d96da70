"""Which nights a competition has, how long they are, and what shares their stages have."""

import functools
from dataclasses import dataclass

import numpy as np

from .. import task
from .streams import generator
from .subject import Traits, draw_subject, mean_shares, night_effect, slow_wave_excess

SIZES = ("demo", "medium", "full")
PRIORS = ("target", "final")
_MEDIUM = {
    ("25-64", "source"): 10,
    ("65-79", "target"): 6,
    ("65-79", "test"): 6,
    ("80-95", "target"): 5,
    ("80-95", "test"): 5,
}
_DEMO = {
    ("25-64", "source"): 6,
    ("65-79", "target"): 3,
    ("65-79", "test"): 3,
    ("80-95", "target"): 3,
    ("80-95", "test"): 3,
}
_DEMO_EPOCHS = (160, 241)
_FINAL_COUNTS = np.array([10_268, 4_065, 8_180, 572, 41, 2_630])
"""Counts of the stages in the competition's final test set, released in 2022; used by the prior ``"final"`` alone."""

_DEPTH = np.array([0.0, 0.0, -0.1, 0.5, 1.6, 0.0])
"""How the log shares follow the log delta power of S3 and S4: in 20 real nights S4 grows with its power 1.6."""

_NIGHT_SPREAD = np.array([0.28, 0.3, 0.16, 0.25, 0.35, 0.12])
"""Log deviation of the shares of one night."""
_LEAST_S4 = 0.015
"""Nights that would have less S4 have none: 3 of 39 real young ones."""


@dataclass(frozen=True)
class NightPlan:
    """One night of a tree: where it goes and how long it is."""

    part: task.Part
    subject: int
    session: int
    n_epochs: int


def plan(size: str, seed: int) -> tuple[NightPlan, ...]:
    """Return every night of a competition of a size, in the order of the folders.

    Parameters
    ----------
    size : str
        ``"demo"``: a few subjects, short nights; ``"medium"``: about 80,000 epochs; ``"full"``: exactly the subjects
        and epochs of the competition.
    seed : int
    """
    nights = []
    for part in task.PARTS:
        for subject in _subjects(part, size):
            for session in task.SESSIONS:
                length = night_length(seed, part.group, subject, session)
                if size == "demo":
                    length = int(generator(seed, "demo", part.group, subject, session).integers(*_DEMO_EPOCHS))
                nights.append(NightPlan(part, subject, session, length))
    return tuple(nights)


def _subjects(part: task.Part, size: str) -> range:
    if size == "full":
        return part.subjects
    key = (part.group, part.role)
    if size == "medium":
        return part.subjects[: _MEDIUM[key]]
    if part.role == "test":
        first = max(part.subjects.start, 8)
        return range(first, first + _DEMO[key])
    return part.subjects[: _DEMO[key]]


def part_of(group: str, subject: int) -> task.Part:
    """Return the folder that a subject belongs to; numbers beyond the competition's count as source or test."""
    parts = [part for part in task.PARTS if part.group == group]
    return next((part for part in parts if subject in part.subjects), parts[-1])


def has_final_prior(group: str, subject: int, prior: str) -> bool:
    """Whether a subject's nights are to have the shares of the real final test set."""
    return prior == "final" and group == "80-95" and part_of(group, subject).role == "test"


def night_length(seed: int, group: str, subject: int, session: int) -> int:
    """Return the epochs of a night in the full competition of a seed."""
    part = part_of(group, subject)
    if subject not in part.subjects:
        return part.n_epochs // (2 * len(part.subjects))
    return int(_lengths(seed, part)[2 * part.subjects.index(subject) + task.SESSIONS.index(session)])


@functools.cache
def _lengths(seed: int, part: task.Part) -> np.ndarray:
    """Lengths of all nights of a folder; they add up to the competition's total."""
    count = 2 * len(part.subjects)
    drawn = generator(seed, "lengths", part.folder).normal(1, 0.16, count).clip(0.6, 1.5)
    exact = np.cumsum(drawn / drawn.sum() * part.n_epochs)
    return np.diff(np.round(np.r_[0, exact[:-1], part.n_epochs])).astype(int)


def night_shares(seed: int, traits: Traits, night: tuple[str, int, int], prior: str) -> np.ndarray:
    """Return the shares of the stages that a night (group, subject, session) is to have, (6,).

    The mean at the sleeper's age, times the sleeper's and the night's own deviation and, in a test set, a deviation
    that all its nights share: so no two seeds have the same test prior. S3 and S4 are scored by the size of the slow
    waves, so that sleepers with large ones have more of them.
    """
    group, subject, _ = night
    rng = generator(seed, "shares", *night)
    part = part_of(group, subject)
    mean = mean_shares(traits.age)
    depth = slow_wave_excess(traits, night_effect(generator(seed, "night", *night)))
    if has_final_prior(group, subject, prior):
        mild = np.exp(_final_deviation(seed, traits, night) - _mean_final_deviation(seed)) * _FINAL_COUNTS
        return mild / mild.sum()
    shared = np.zeros(6)
    if part.role == "test":
        shared = generator(seed, "prior", group).normal(0, [0.12, 0.15, 0.1, 0.25, 0.4, 0.15])
    own = rng.normal(0, _NIGHT_SPREAD) + depth * _DEPTH
    shares = mean * np.exp(shared + traits.shares + own)
    shares[4] *= shares[4] > _LEAST_S4
    return shares / shares.sum()


def _final_deviation(seed: int, traits: Traits, night: tuple[str, int, int]) -> np.ndarray:
    """Log deviation of the shares of a night of the real final test set's prior, (6,)."""
    return 0.3 * (traits.shares + generator(seed, "shares", *night).normal(0, _NIGHT_SPREAD))


@functools.cache
def _mean_final_deviation(seed: int) -> np.ndarray:
    """Mean over the nights of the final test set, so that together they have its shares."""
    part = task.part("80-95", "test")
    return np.mean(
        [
            _final_deviation(seed, draw_subject(seed, part.group, subject), (part.group, subject, session))
            for subject in part.subjects
            for session in task.SESSIONS
        ],
        axis=0,
    )
