"""Which recordings a competition has, how long they are, and what shares their stages have."""

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit, ndtr, ndtri

from .. import task
from ..data.recording import RecordingKey
from .subject import Traits, draw_subject, night_effect, slow_wave_excess
from .tables import Floats, cohort, generator, load

SIZES = ("demo", "medium", "full")
PRIORS = ("target", "final")
_SUBJECTS = {"demo": (6, 3, 3, 3, 3), "medium": (10, 6, 6, 5, 5)}
"""Subjects of every folder, in the order of :data:`task.PARTS`."""
_DEMO_EPOCHS = (160, 241)
_FINAL_COUNTS = np.array([10_268, 4_065, 8_180, 572, 41, 2_630])
"""Counts of the stages in the competition's final test set, released in 2022; used by the prior ``"final"`` alone."""

_PERSON = 0.6
"""Part of the variance of a night's shares that is the sleeper's; the rest is the night's."""
_DEPTH = 0.75
"""Correlation of how much S3 and S4 there is with the power of slow waves, as of S4 in 20 real nights."""
_SHORT = 400
"""Shorter nights are pieces, of which the length tells nothing."""
_FINAL_SPREAD = np.array([0.4, 0.54, 0.26, 0.35, 0.46, 0.14])
"""Log deviation of the shares of a night, of which the prior ``"final"`` has a third."""


@dataclass(frozen=True)
class Slot:
    """Room for one recording in a competition: its folder, who and which night it is, and how long."""

    part: task.Part
    key: RecordingKey
    n_epochs: int


def slots(size: str, seed: int) -> tuple[Slot, ...]:
    """Return every recording of a competition of a size, in the order of the folders.

    Parameters
    ----------
    size : str
        ``"demo"``: a few subjects, short nights; ``"medium"``: about 80,000 epochs; ``"full"``: exactly the subjects
        and epochs of the competition.
    seed : int
    """
    found = []
    for i, part in enumerate(task.PARTS):
        subjects = part.subjects if size == "full" else _first(part, size, _SUBJECTS[size][i])
        for key in (RecordingKey(part.group, subject, session) for subject in subjects for session in task.SESSIONS):
            length = night_length(seed, key)
            if size == "demo":
                length = int(generator(seed, "demo", *key).integers(*_DEMO_EPOCHS))
            found.append(Slot(part, key, length))
    return tuple(found)


def _first(part: task.Part, size: str, count: int) -> range:
    """Return a folder's first subjects; a demo's test sets begin at s8, so that s10 sorts before s9 as text."""
    if size == "demo" and part.role == "test":
        first = max(part.subjects.start, 8)
        return range(first, first + count)
    return part.subjects[:count]


def part_of(group: str, subject: int) -> task.Part:
    """Return the folder that a subject belongs to; numbers beyond the competition's count as source or test."""
    parts = [part for part in task.PARTS if part.group == group]
    return next((part for part in parts if subject in part.subjects), parts[-1])


def has_final_prior(key: RecordingKey, prior: str) -> bool:
    """Whether a recording is to have the shares of the real final test set."""
    return prior == "final" and key.group == "80-95" and part_of(key.group, key.subject).role == "test"


def night_length(seed: int, key: RecordingKey) -> int:
    """Return the epochs of a recording in the full competition of a seed."""
    part = part_of(key.group, key.subject)
    if key.subject not in part.subjects:
        return part.n_epochs // (2 * len(part.subjects))
    return int(_lengths(seed, part)[2 * part.subjects.index(key.subject) + task.SESSIONS.index(key.session)])


@functools.cache
def _lengths(seed: int, part: task.Part) -> np.ndarray:
    """Lengths of all nights of a folder; they add up to the competition's total."""
    youngest = "25-34" if part.group == task.SOURCE_GROUP else cohort(float(part.group[:2]))
    spread = load("hypnogram")[youngest]["length_spread"]
    drawn = np.exp(generator(seed, "lengths", part.folder).normal(0, spread, 2 * len(part.subjects)).clip(-0.6, 0.6))
    exact = np.cumsum(drawn / drawn.sum() * part.n_epochs)
    return np.diff(np.round(np.r_[0, exact[:-1], part.n_epochs])).astype(int)


def night_shares(seed: int, traits: Traits, key: RecordingKey, prior: str, n_epochs: int | None = None) -> Floats:
    """Return the shares of the stages that a recording is to have, (6,).

    The mean of the sleeper's cohort in a night of ``n_epochs`` (by default the recording's own length), with the
    sleeper's and the night's own deviation and, in a test set, a deviation that all its nights share: so no two seeds
    have the same test prior.
    """
    if has_final_prior(key, prior):
        mild = np.exp(_final_deviation(seed, traits, key) - _mean_final_deviation(seed)) * _FINAL_COUNTS
        return np.asarray(mild / mild.sum())
    shared = np.zeros(6)
    if part_of(key.group, key.subject).role == "test":
        shared = generator(seed, "prior", key.group).normal(0, [0.12, 0.15, 0.1, 0.25, 0.4, 0.15])
    rng = generator(seed, "shares", *key)
    own = np.sqrt(_PERSON) * traits.shares + np.sqrt(1 - _PERSON) * rng.standard_normal(6)
    depth = slow_wave_excess(traits, night_effect(generator(seed, "night", *key), traits.age))
    own[3] = _DEPTH * depth + np.sqrt(1 - _DEPTH**2) * own[3]
    table = load("hypnogram")[cohort(traits.age)]
    length = night_length(seed, key) if n_epochs is None else n_epochs
    wake = expit(_wake(table, length) + table["wake_spread"] * own[0] + shared[0])
    sleep = _sleep_shares(table, own) * np.exp(shared[1:])
    return np.asarray(np.r_[wake, (1 - wake) * sleep / sleep.sum()])


def _wake(table: dict[str, Any], length: int) -> float:
    """Log odds of Wake: the longer a night was cropped to be, the more of it was spent awake."""
    longer = np.log(length / table["length"]) if length >= _SHORT else 0.0
    return float(table["wake"] + table["wake_slope"] * np.clip(longer, -0.7, 0.7))


def _sleep_shares(table: dict[str, Any], own: Floats) -> Floats:
    """Shares of S1, S2, S3, S4, REM in sleep, (5,), up to a factor.

    One depth is behind S3 and S4: the nights that sleep least deeply have no S4, and fewer still no S3.
    """
    spread, lacking = table["sleep_spread"], np.r_[0.0, 0.0, table["lacking"], 0.0]
    own = own[[1, 2, 3, 3, 5]]
    least = ndtri(lacking)
    usual = np.exp(0.5 * spread**2) * ndtr(spread - least)
    return np.asarray(table["sleep"] * np.exp(spread * own) / usual * (own > least))


def _final_deviation(seed: int, traits: Traits, key: RecordingKey) -> Floats:
    """Log deviation of the shares of a recording from the real final test set's prior, (6,)."""
    own = traits.shares + generator(seed, "shares", *key).standard_normal(6)
    return np.asarray(0.3 * np.sqrt(0.5) * _FINAL_SPREAD * own)


@functools.cache
def _mean_final_deviation(seed: int) -> Floats:
    """Mean over the recordings of the final test set, so that together they have its shares."""
    part = task.part("80-95", "test")
    keys = [RecordingKey(part.group, subject, session) for subject in part.subjects for session in task.SESSIONS]
    return np.asarray(np.mean([_final_deviation(seed, draw_subject(seed, key), key) for key in keys], axis=0))
