"""One simulated night: hypnogram, true course, powers, continuous signal, epochs."""

from dataclasses import dataclass

import numpy as np

from .. import task
from ..data.recording import RecordingKey
from . import hypnogram, powers, scorer, spectrum, tables
from .artefacts import add_artefacts, digitise
from .borders import weaken_borders
from .competition import has_final_prior, night_length, night_shares
from .events import add_events
from .shapes import last_low_pass, shapes
from .subject import Traits, draw_subject, night_effect
from .tables import Floats, cohort, generator

_OFFSETS = np.log([0.5 * 2 / task.SFREQ, *[2 / task.SFREQ] * 6])
"""From log powers to log gains: the drift's variance lies in 0.5 Hz; white noise of unit variance has 0.02/Hz."""
_STEP = scorer.STEP_SECONDS
_FINAL_CANDIDATES = 12
"""Nights drawn for each one with the shares of the real final test set, so that 18 nights come near to them."""
_SHARED = 0.25
"""Correlation of the two channels' background."""


@dataclass(frozen=True)
class SimulatedRecording:
    """One night in its true order.

    Attributes
    ----------
    key : RecordingKey
    X : (n_epochs, 2, 3000) float64
        Volts; consecutive epochs are one continuous signal.
    y : (n_epochs,) int64
        Stages as scored, 0-5.
    true : (n_epochs,) int64
        Stage that the sleeper was in for most of the epoch.
    onsets : (n_epochs,) float64
        Seconds from the start of the recording.
    course : (n_epochs * 6,) int8
        True stage in steps of 5 s.
    traits : Traits
    """

    key: RecordingKey
    X: np.ndarray
    y: np.ndarray
    true: np.ndarray
    onsets: np.ndarray
    course: np.ndarray
    traits: Traits


def simulate_night(
    key: RecordingKey,
    *,
    seed: int = 0,
    n_epochs: int | None = None,
    age: float | None = None,
    prior: str = "target",
    border_evidence: str = "low",
) -> SimulatedRecording:
    """Simulate one night, in order.

    Parameters
    ----------
    key : RecordingKey
        Age group (``"25-64"``, ``"65-79"`` or ``"80-95"``), subject and session; another key is another night.
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
    """
    traits = draw_subject(seed, key, age)
    n_epochs = night_length(seed, key) if n_epochs is None else n_epochs
    scored = scored_hypnogram(seed, key, traits, n_epochs, prior)
    course = scorer.course(generator(seed, "scorer", *key), scored)
    signal = _signal(seed, key, course, traits, border_evidence)
    X = np.ascontiguousarray(signal.reshape(2, n_epochs, task.N_TIMES).transpose(1, 0, 2), dtype=np.float64)
    weaken_borders(generator(seed, "borders", *key), X, course, border_evidence)
    return SimulatedRecording(
        key=key,
        X=digitise(X) * 1e-6,
        y=scored.astype(np.int64),
        true=scorer.majority(course).astype(np.int64),
        onsets=np.arange(n_epochs) * float(task.EPOCH_SECONDS),
        course=course,
        traits=traits,
    )


def scored_hypnogram(seed: int, key: RecordingKey, traits: Traits, n_epochs: int, prior: str) -> np.ndarray:
    """Draw the hypnogram of a night as scored, (n_epochs,) int8; needs no signal."""
    shares = night_shares(seed, traits, key, prior, n_epochs)
    candidates = _FINAL_CANDIDATES if has_final_prior(key, prior) else hypnogram.CANDIDATES
    return hypnogram.draw(generator(seed, "hypnogram", *key), n_epochs, shares, candidates, cohort(traits.age))


def _signal(seed: int, key: RecordingKey, course: np.ndarray, traits: Traits, border_evidence: str) -> Floats:
    """Continuous signal in microvolts, (2, n_times) float32."""
    weights = powers.stage_weights(course)
    effect = traits.effect + night_effect(generator(seed, "night", *key), traits.age)
    targets, deviation = powers.draw_powers(
        generator(seed, "powers", *key), weights, effect, tables.load("powers")[cohort(traits.age)]
    )
    rng = generator(seed, "signal", *key)
    signal = _background(rng, targets, weights, shapes(traits, border_evidence))
    add_events(rng, signal, weights, deviation, traits)
    for channel in range(2):
        signal[channel] = _even_out(signal[channel], _of_channel(targets, channel))
    if (cut := last_low_pass(border_evidence)) is not None:
        asleep = 1 - weights[:, [hypnogram.WAKE]]
        gains = np.exp(0.5 * spectrum.on_frames(asleep, cut[None], _STEP, signal.shape[1]))
        signal[:] = [spectrum.shape(channel, gains) for channel in signal]
    add_artefacts(rng, signal, weights[:, hypnogram.WAKE])
    return signal


def _of_channel(targets: Floats, channel: int) -> Floats:
    """Log powers of one channel, drift first, (n_steps, 7)."""
    return targets[:, [12 + channel, *range(6 * channel, 6 * channel + 6)]]


def _background(rng: np.random.Generator, targets: Floats, weights: Floats, shape: Floats) -> Floats:
    n_times = len(targets) * int(_STEP * task.SFREQ)
    noise = rng.standard_normal((2, n_times), dtype=np.float32)
    noise[1] = _SHARED * noise[0] + np.sqrt(1 - _SHARED**2) * noise[1]
    for c in range(2):
        levels = np.hstack([_of_channel(targets, c) - _OFFSETS, weights])
        basis = np.vstack([spectrum.SPREAD, shape[c]])
        noise[c] = spectrum.shape(noise[c], np.exp(0.5 * spectrum.on_frames(levels, basis, _STEP, n_times)))
    return noise


def _even_out(signal: Floats, targets: Floats) -> Floats:
    """Filter a channel so that every epoch has the powers it was to have."""
    epochs = signal.reshape(-1, task.N_TIMES)
    wanted = np.log(np.exp(targets).reshape(len(epochs), scorer.STEPS, -1).mean(1))
    lack = np.clip(wanted - spectrum.band_powers(epochs), -3, 3)
    gains = spectrum.on_frames(lack, spectrum.SPREAD, task.EPOCH_SECONDS, signal.size)
    return spectrum.shape(signal, np.exp(0.5 * gains))
