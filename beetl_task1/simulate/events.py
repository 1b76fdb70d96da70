"""Graphoelements: the transient signs by which stages are scored.

Signs and sizes after Rechtschaffen & Kales 1968 and the AASM manual (Berry et al. 2017); densities after De Gennaro &
Ferrara 2003 (Sleep Med Rev 7:423, spindles), Colrain 2005 (Sleep 28:255, K-complexes) and Sato et al. 1997 (sawtooth
waves). All sizes in microvolts, all rates in events a minute, by stage W, S1, S2, S3, S4, REM.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .. import task
from .scorer import STEP_SECONDS
from .subject import Traits
from .tables import Floats

Wave = Callable[[np.random.Generator, Floats, int, Traits], Floats]


@dataclass(frozen=True)
class Kind:
    """One kind of event: how often it comes, how long it is at most, and what it looks like."""

    rate: tuple[float, ...]
    """Events a minute in W, S1, S2, S3, S4, REM."""
    seconds: float
    wave: Wave
    """``wave(rng, times, n, traits)`` gives ``(n, n_times)`` microvolts."""
    gains: tuple[float, float]
    """Share of it on either channel."""
    trait: str = ""
    """Trait that multiplies the rate."""
    clustered: bool = False
    follows: tuple[int, float] | None = None
    """Which log power the log rate follows as it drifts, and how much."""


def spindle(rng: np.random.Generator, t: Floats, n: int, traits: Traits) -> Floats:
    """Bursts of 11-16 Hz, 0.5-2 s, waxing and waning."""
    length = rng.uniform(0.5, 1.7, (n, 1))
    frequency = rng.normal(traits.spindle_peak, 0.5, (n, 1)) - 0.4 * (t / length - 0.5)
    size = rng.lognormal(np.log(11.0), 0.35, (n, 1))
    return size * _hump(t, length) * np.sin(2 * np.pi * frequency * t + rng.uniform(0, 2 * np.pi, (n, 1)))


def alpha_burst(rng: np.random.Generator, t: Floats, n: int, traits: Traits) -> Floats:
    """Return 1-4 s of closed eyes: the sleeper's own alpha."""
    frequency = rng.normal(traits.alpha_peak, 0.25, (n, 1))
    size = rng.lognormal(np.log(13.0), 0.4, (n, 1))
    return size * _hump(t, rng.uniform(1, 4, (n, 1))) * np.sin(2 * np.pi * frequency * t + rng.uniform(0, 6.3, (n, 1)))


def k_complex(rng: np.random.Generator, t: Floats, n: int, traits: Traits) -> Floats:
    """Return a sharp negative wave and a slower positive one, at least 0.5 s together."""
    size = rng.lognormal(np.log(65.0), 0.3, (n, 1)) * np.exp(-0.008 * (traits.age - 29))
    width = rng.uniform(0.09, 0.13, (n, 1))
    late = rng.uniform(0.75, 1.05, (n, 1))
    return np.asarray(size * (0.65 * _bell(t, late, 2.2 * width) - _bell(t, 0.45, width)))


def vertex(rng: np.random.Generator, t: Floats, n: int, traits: Traits) -> Floats:
    """Sharp negative waves under 0.5 s."""
    size = rng.lognormal(np.log(35.0), 0.35, (n, 1))
    return size * (0.4 * _bell(t, 0.38, 0.07) - _bell(t, 0.25, rng.uniform(0.035, 0.055, (n, 1))))


def slow_wave(rng: np.random.Generator, t: Floats, n: int, traits: Traits) -> Floats:
    """One or two cycles of 0.6-1.8 Hz, steeper on the way down than up."""
    frequency = rng.uniform(0.6, 1.8, (n, 1))
    cycles = rng.integers(1, 3, (n, 1))
    phase = 2 * np.pi * frequency * t
    size = rng.lognormal(np.log(38.0), 0.25, (n, 1))
    return -size * (np.sin(phase) + 0.15 * np.sin(2 * phase)) * (t < cycles / frequency)


def blink(rng: np.random.Generator, t: Floats, n: int, traits: Traits) -> Floats:
    """Return a blink: the lid pulls the frontal potential up for 0.2-0.4 s."""
    size = rng.lognormal(np.log(75.0), 0.4, (n, 1))
    width = rng.uniform(0.06, 0.11, (n, 1))
    return size * (_bell(t, 0.3, width) - 0.25 * _bell(t, 0.3 + 3 * width, 1.6 * width))


def rapid_eye(rng: np.random.Generator, t: Floats, n: int, traits: Traits) -> Floats:
    """Return a saccade's step, leaking away through the 0.5 Hz high-pass."""
    size = rng.normal(0, 32.0, (n, 1))
    fixation = rng.uniform(0.25, 1.1, (n, 1))
    return size * (
        _step(t - 0.1) * np.exp(-(t - 0.1).clip(0) / 0.35)
        - rng.uniform(0.3, 1, (n, 1)) * _step(t - 0.1 - fixation) * np.exp(-(t - 0.1 - fixation).clip(0) / 0.35)
    )


def slow_eye(rng: np.random.Generator, t: Floats, n: int, traits: Traits) -> Floats:
    """Return rolling eyes: 0.2-0.6 Hz, sinusoidal."""
    frequency = rng.uniform(0.2, 0.55, (n, 1))
    size = rng.lognormal(np.log(28.0), 0.4, (n, 1)) * rng.choice([-1, 1], (n, 1))
    return np.asarray(size * np.sin(2 * np.pi * frequency * t) * _hump(t, np.full((n, 1), t[-1])))


def sawtooth(rng: np.random.Generator, t: Floats, n: int, traits: Traits) -> Floats:
    """Trains of notched triangles, 2-5 Hz."""
    phase = t * rng.uniform(2.2, 4.2, (n, 1)) % 1
    size = rng.lognormal(np.log(16.0), 0.3, (n, 1))
    return size * (np.where(phase < 0.7, phase / 0.7, (1 - phase) / 0.3) - 0.5) * _hump(t, rng.uniform(1.2, 3, (n, 1)))


def theta_burst(rng: np.random.Generator, t: Floats, n: int, traits: Traits) -> Floats:
    """Bursts of 4-7 Hz as sleep sets in."""
    frequency = rng.uniform(4, 7, (n, 1))
    size = rng.lognormal(np.log(14.0), 0.3, (n, 1))
    return size * np.sin(2 * np.pi * frequency * t) * _hump(t, rng.uniform(0.7, 2, (n, 1)))


def muscle(rng: np.random.Generator, t: Floats, n: int, traits: Traits) -> Floats:
    """Bursts of muscle: noise that grows with frequency, 0.4-3 s."""
    noise = np.diff(rng.standard_normal((n, len(t) + 1)), axis=1)
    return rng.lognormal(np.log(5.0), 0.5, (n, 1)) * noise * _hump(t, rng.uniform(0.4, 3, (n, 1)))


def arousal(rng: np.random.Generator, t: Floats, n: int, traits: Traits) -> Floats:
    """Sleep lightens for 3-12 s: 7-12 Hz and muscle, waxing and waning (ASDA 1992, Sleep 15:173)."""
    frequency = rng.uniform(7, 12, (n, 1))
    rhythm = rng.lognormal(np.log(9.0), 0.3, (n, 1)) * np.sin(2 * np.pi * frequency * t)
    noise = rng.lognormal(np.log(2.5), 0.4, (n, 1)) * np.diff(rng.standard_normal((n, len(t) + 1)), axis=1)
    return (rhythm + noise) * np.sqrt(_hump(t, rng.uniform(3, 12, (n, 1))))


_DELTA, _SIGMA, _MUSCLE, _ALPHA = 0, 3, 5, 8
KINDS = (
    Kind((7.0, 1.5, 0.1, 0.0, 0.0, 0.3), 4.0, alpha_burst, (0.3, 1.0), "alpha", follows=(_ALPHA, 1.0)),
    Kind((0.0, 0.2, 3.5, 2.5, 1.2, 0.05), 1.8, spindle, (0.9, 1.0), "spindles", follows=(_SIGMA, 0.8)),
    Kind((0.0, 0.1, 1.2, 0.8, 0.3, 0.0), 1.6, k_complex, (1.0, 0.4), follows=(_DELTA, 0.8)),
    Kind((0.0, 1.2, 0.4, 0.0, 0.0, 0.0), 0.6, vertex, (1.0, 0.35)),
    Kind((0.0, 0.0, 0.6, 7.0, 16.0, 0.0), 3.4, slow_wave, (1.0, 0.55), follows=(_DELTA, 0.8)),
    Kind((6.0, 0.6, 0.0, 0.0, 0.0, 0.1), 1.0, blink, (1.0, 0.05), "eyes", True, follows=(_DELTA, 1.2)),
    Kind((4.0, 0.3, 0.0, 0.0, 0.0, 5.0), 2.4, rapid_eye, (1.0, 0.12), "eyes", True, follows=(_DELTA, 1.2)),
    Kind((1.0, 3.0, 0.2, 0.0, 0.0, 0.0), 5.0, slow_eye, (1.0, 0.15), "eyes"),
    Kind((0.0, 0.0, 0.0, 0.0, 0.0, 0.8), 3.0, sawtooth, (1.0, 0.5)),
    Kind((0.2, 2.0, 0.4, 0.0, 0.0, 0.8), 2.0, theta_burst, (0.8, 0.8)),
    Kind((2.5, 0.4, 0.05, 0.02, 0.02, 0.05), 3.0, muscle, (1.0, 0.4), "muscle", True, follows=(_MUSCLE, 1.0)),
    Kind((0.0, 0.25, 0.2, 0.1, 0.05, 0.2), 12.0, arousal, (0.8, 1.0), "arousals"),
)


def add_events(rng: np.random.Generator, signal: Floats, weights: Floats, deviation: Floats, traits: Traits) -> None:
    """Add every kind of event to a night, (2, n_times) float32 in microvolts, in place.

    ``weights`` of the stages, (n_steps, 6), and the ``deviation`` of the log powers, (n_steps, 14), are of
    :mod:`powers`.
    """
    for kind in KINDS:
        starts = _starts(rng, kind, weights, deviation, traits)
        times = np.arange(int(kind.seconds * task.SFREQ)) / task.SFREQ
        starts = starts[starts + len(times) < signal.shape[1]]
        wave = kind.wave(rng, times, len(starts), traits).astype(np.float32)
        where = starts[:, None] + np.arange(len(times))
        for channel, gain in enumerate(kind.gains):
            np.add.at(signal[channel], where, np.float32(gain) * wave)


def _starts(rng: np.random.Generator, kind: Kind, weights: Floats, deviation: Floats, traits: Traits) -> np.ndarray:
    """First samples of the events: a Poisson process along the stages, in clusters if the kind has them."""
    expected = np.einsum("tk,k->t", weights, np.array(kind.rate)) * STEP_SECONDS / 60
    expected = expected * (getattr(traits, kind.trait) if kind.trait else 1.0)
    if kind.follows:
        power, slope = kind.follows
        expected = expected * np.exp(np.clip(slope * deviation[:, power], -3, 1.5))
    if kind.clustered:
        expected = expected * rng.gamma(0.35, 1 / 0.35, len(expected))
    step = np.repeat(np.arange(len(weights)), rng.poisson(expected))
    return ((step + rng.random(len(step))) * STEP_SECONDS * task.SFREQ).astype(int)


def _hump(t: Floats, length: Floats) -> Floats:
    return np.sin(np.pi * np.clip(t / length, 0, 1)) ** 2


def _bell(t: Floats, centre: float | Floats, width: float | Floats) -> Floats:
    return np.asarray(np.exp(-0.5 * ((t - centre) / width) ** 2))


def _step(t: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-np.clip(t / 0.012, -40, 40))))
