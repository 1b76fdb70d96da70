"""Traits of a sleeper and effects of one night."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import task
from ..data.recording import RecordingKey
from .tables import Floats, cohort, generator, load

AGES = {"25-64": (25.0, 65.0), "65-79": (65.0, 80.0), "80-95": (80.0, 96.0)}
YOUNG = 29.0
"""Mean age of the youngest cohort."""
LIKENESS = 0.75
"""Share of the variance between people that is one person's, in cohorts of people who differ in kind."""


@dataclass(frozen=True)
class Traits:
    """One sleeper.

    Attributes
    ----------
    age : float
        Years.
    effect : (6, 14)
        Deviation of the log powers of every stage from the mean sleeper of the cohort.
    alpha_peak, spindle_peak : float
        Hz.
    alpha : float
        Prominence of the alpha rhythm in quiet Wake, 0 for none.
    spindles, eyes, muscle, arousals : float
        Rates and sizes relative to the mean sleeper.
    shares : (6,)
        Deviation of the shares of the stages from the cohort, in standard deviations.
    """

    age: float
    effect: Floats
    alpha_peak: float
    spindle_peak: float
    alpha: float
    spindles: float
    eyes: float
    muscle: float
    arousals: float
    shares: Floats


def draw_subject(seed: int, key: RecordingKey, age: float | None = None) -> Traits:
    """Draw the traits of the sleeper of a recording; the age in years from the group's range if not given."""
    rng = generator(seed, "subject", key.group, key.subject)
    drawn = _draw_age(rng, key.group)
    age = drawn if age is None else age
    effect = _deviation(rng, load("powers")[cohort(age)])
    has_alpha = rng.random() > 0.1
    return Traits(
        age=age,
        effect=effect,
        alpha_peak=rng.normal(10.1, 0.8) - 0.012 * (age - YOUNG),
        spindle_peak=rng.normal(13.4, 0.5) - 0.008 * (age - YOUNG),
        alpha=has_alpha * rng.lognormal(0, 0.5),
        spindles=rng.lognormal(0, 0.3) * np.exp(-0.012 * (age - YOUNG)),
        eyes=rng.lognormal(0, 0.35),
        muscle=rng.lognormal(0, 0.4),
        arousals=rng.lognormal(0, 0.3) * np.exp(0.012 * (age - YOUNG)),
        shares=rng.standard_normal(6),
    )


def _draw_age(rng: np.random.Generator, group: str) -> float:
    """Half of the source's people are under 35, as the competition's."""
    youngest, oldest = AGES[group]
    if group == task.SOURCE_GROUP:
        youngest, oldest = (youngest, 35.0) if rng.random() < 0.5 else (50.0, oldest)
    return float(rng.uniform(youngest, oldest))


def _deviation(rng: np.random.Generator, table: dict[str, Any]) -> Floats:
    """Draw how a person differs from the cohort, (6, 14): a sum of what real people have, or mostly one's.

    The latter, a smoothed bootstrap (Silverman & Young 1987, Biometrika 74:469), is for cohorts whose few people lie
    far apart: sums of them have their variances, but stages that lie to each other as nobody's do.
    """
    people = table["person"]
    weights = rng.standard_normal(len(people))
    if table["apart"]:
        weights *= np.sqrt(1 - LIKENESS)
        weights[rng.integers(len(people))] += np.sqrt(LIKENESS * len(people))
    return np.asarray(np.einsum("i,ikd->kd", weights, people))


def night_effect(rng: np.random.Generator, age: float) -> Floats:
    """Draw what a night (electrodes, impedances, how deep one slept) adds to the log powers, (6, 14)."""
    factors = load("powers")[cohort(age)]["night"]
    return np.asarray(np.einsum("i,ikd->kd", rng.standard_normal(len(factors)), factors))


def slow_wave_excess(traits: Traits, night: Floats) -> float:
    """Return how much more log delta power S3 and S4 have on Fpz-Cz than is usual, in standard deviations of people."""
    table = load("powers")[cohort(traits.age)]
    spread = np.sqrt(sum((table[name][:, 3:5, 0].mean(1) ** 2).sum() for name in ("person", "night")))
    return float((traits.effect + night)[3:5, 0].mean() / spread)
