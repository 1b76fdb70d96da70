"""One simulated night: hypnogram, true course, powers, continuous signal, epochs."""

from dataclasses import dataclass

import numpy as np

from ... import task
from . import hypnogram, powers, scorer, spectrum
from .artefacts import add_artefacts, record
from .events import add_events
from .plan import night_length, night_shares
from .streams import generator
from .subject import Traits, draw_subject, night_effect

_NOISE_DENSITY = 2 / task.SFREQ
"""One-sided density of white noise of unit variance, 1/Hz."""
_SHARED = 0.25
"""Correlation of the two channels' background."""


@dataclass(frozen=True)
class Night:
    """One night in its true order.

    Attributes
    ----------
    X : (n_epochs, 2, 3000) float64
        Volts; consecutive epochs are one continuous signal.
    y : (n_epochs,) int64
        Stages as scored, 0-5.
    true : (n_epochs,) int64
        Stage that the sleeper was in for most of the epoch.
    onsets : (n_epochs,) float64
        Seconds from the start of the recording.
    group, subject, session : str, int, int
    course : (n_epochs * 6,) int8
        True stage in steps of 5 s.
    traits : Traits
    """

    X: np.ndarray
    y: np.ndarray
    true: np.ndarray
    onsets: np.ndarray
    group: str
    subject: int
    session: int
    course: np.ndarray
    traits: Traits


def simulate_night(
    group: str, subject: int, session: int, *, seed: int = 0, n_epochs: int | None = None,
    age: float | None = None, prior: str = "target", border_evidence: str = "low",
) -> Night:
    """Simulate one night, in order.

    Parameters
    ----------
    group : str
        Age group: ``"25-64"``, ``"65-79"`` or ``"80-95"``.
    subject, session : int
        Which night of the group; another pair is another night.
    seed : int
        Seed of the competition.
    n_epochs : int, optional
        Length; by default that of the night in the full competition of this seed.
    age : float, optional
        Age in years; drawn from the group's range by default.
    prior : str
        ``"target"`` or ``"final"``, see :func:`simulate`.
    border_evidence : str
        ``"low"``, ``"mid"`` or ``"high"``, see :func:`simulate`.

    Returns
    -------
    Night
    """
    key = (group, subject, session)
    traits = draw_subject(seed, group, subject, age)
    n_epochs = night_length(seed, *key) if n_epochs is None else n_epochs
    scored = scored_hypnogram(seed, key, traits, n_epochs, prior)
    course = scorer.course(generator(seed, "scorer", *key), scored)
    signal = _signal(seed, key, course, traits)
    X = record(signal).reshape(2, n_epochs, task.N_TIMES).transpose(1, 0, 2)
    return Night(
        X=np.ascontiguousarray(X, dtype=np.float64) * 1e-6, y=scored.astype(np.int64),
        true=scorer.majority(course).astype(np.int64), onsets=np.arange(n_epochs) * float(task.EPOCH_SECONDS),
        group=group, subject=subject, session=session, course=course, traits=traits)


def scored_hypnogram(seed: int, key: tuple, traits: Traits, n_epochs: int, prior: str) -> np.ndarray:
    """Draw the hypnogram of a night (group, subject, session) as scored, (n_epochs,) int8; needs no signal."""
    shares = night_shares(seed, traits, *key, prior)
    return hypnogram.draw(generator(seed, "hypnogram", *key), n_epochs, shares)


def _signal(seed: int, key: tuple, course: np.ndarray, traits: Traits) -> np.ndarray:
    """Continuous signal in microvolts, (2, n_times) float32."""
    weights = powers.stage_weights(course)
    effect = traits.effect + night_effect(generator(seed, "night", *key))
    targets = powers.draw_powers(generator(seed, "powers", *key), weights, effect)
    rng = generator(seed, "signal", *key)
    signal = _background(rng, targets)
    add_events(rng, signal, weights, traits)
    for channel in range(2):
        signal[channel] = _even_out(signal[channel], _pick(targets, channel))
    add_artefacts(rng, signal, weights[:, hypnogram.WAKE])
    return signal


def _pick(targets: np.ndarray, channel: int) -> np.ndarray:
    """Log powers of one channel, drift first, (n_steps, 6)."""
    return targets[:, [10 + channel, *range(5 * channel, 5 * channel + 5)]]


def _background(rng: np.random.Generator, targets: np.ndarray) -> np.ndarray:
    n_times = len(targets) * int(scorer.STEP_SECONDS * task.SFREQ)
    noise = rng.standard_normal((2, n_times), dtype=np.float32)
    noise[1] = _SHARED * noise[0] + np.sqrt(1 - _SHARED**2) * noise[1]
    return np.stack([spectrum.shape(noise[c], _gains(_pick(targets, c), n_times)) for c in range(2)])


def _gains(levels: np.ndarray, n_times: int) -> np.ndarray:
    """Amplitude gains of white noise that give it the log powers, (n_frames, n_frequencies) float32."""
    density = levels.copy()
    density[:, 0] -= np.log(0.5)
    steps = (np.arange(len(levels)) + 0.5) * scorer.STEP_SECONDS
    return np.exp(0.5 * (_on_frames(density, steps, n_times) - np.float32(np.log(_NOISE_DENSITY))))


def _on_frames(levels: np.ndarray, seconds: np.ndarray, n_times: int) -> np.ndarray:
    frames = spectrum.frame_seconds(n_times)
    columns = np.stack([np.interp(frames, seconds, column) for column in levels.T], axis=1)
    return np.einsum("tk,kf->tf", columns.astype(np.float32), spectrum.SPREAD.astype(np.float32))


def _even_out(signal: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Filter a channel so that every epoch has the powers it was to have."""
    epochs = signal.reshape(-1, task.N_TIMES)
    wanted = np.log(np.exp(targets).reshape(len(epochs), scorer.STEPS, -1).mean(1))
    lack = np.clip(wanted - spectrum.band_powers(epochs), -3, 3)
    middles = (np.arange(len(epochs)) + 0.5) * task.EPOCH_SECONDS
    return spectrum.shape(signal, np.exp(0.5 * _on_frames(lack, middles, signal.size)))
