"""What is not the brain's: movements, electrode pops, drifts, an electrode lost for minutes."""

import numpy as np

from .. import task
from .tables import Floats

CLIP = 250.0
"""Microvolts at which the recorder saturates (about 15 times the overall standard deviation)."""
ADC_STEP = 0.0938
"""Microvolts of one step of the recorder's converter, as in the real SC4001."""


def add_artefacts(rng: np.random.Generator, signal: Floats, awake: Floats) -> None:
    """Add artefacts to a night, (2, n_times) float32 in microvolts, in place.

    People move more when awake: ``awake``, (n_steps,), is the weight of Wake in steps of 5 s.
    """
    n_steps = len(awake)
    per_step = signal.shape[1] // n_steps
    for step in np.flatnonzero(rng.random(n_steps) < 0.0008 + 0.006 * awake):
        _movement(rng, signal, step * per_step)
    for step in np.flatnonzero(rng.random(n_steps) < 0.0004):
        _pop(rng, signal[rng.integers(2)], step * per_step)
    if rng.random() < 0.12:
        _lose(rng, signal[rng.integers(2)])


def digitise(signal: Floats) -> Floats:
    """Saturate and quantise a signal as the recorder does (microvolts in, microvolts out)."""
    return np.round(np.clip(signal, -CLIP, CLIP) / ADC_STEP) * ADC_STEP


def _movement(rng: np.random.Generator, signal: Floats, start: int) -> None:
    length = min(int(rng.uniform(2, 12) * task.SFREQ), signal.shape[1] - start)
    if length < 50:
        return
    envelope = np.sin(np.pi * np.arange(length) / length)
    sway = np.cumsum(rng.standard_normal((2, length)), axis=1)
    sway -= np.linspace(0, 1, length) * sway[:, -1:]
    size = rng.lognormal(np.log(40), 0.5)
    moved = envelope * (size * sway / (sway.std() + 1e-9) + 0.25 * size * rng.standard_normal((2, length)))
    signal[:, start : start + length] += moved.astype(np.float32)


def _pop(rng: np.random.Generator, channel: Floats, start: int) -> None:
    length = min(400, len(channel) - start)
    size = rng.choice([-1, 1]) * rng.uniform(60, 220)
    channel[start : start + length] += (size * np.exp(-np.arange(length) / 45)).astype(np.float32)


def _lose(rng: np.random.Generator, channel: Floats) -> None:
    """Take an electrode off: mains hum beats at the edge of the band, the brain is gone."""
    length = int(rng.uniform(2, 15) * 60 * task.SFREQ)
    start = int(rng.integers(max(1, len(channel) - length)))
    piece = channel[start : start + length]
    level = rng.choice([1.0, 45.0])
    piece[:] = (0.03 * piece + level * rng.standard_normal(len(piece))).astype(np.float32)
