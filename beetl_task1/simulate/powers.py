"""How loud every band is along a night: stage, sleeper, night, and what drifts within the night."""

from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.signal import lfilter
from scipy.special import ndtr

from . import tables
from .scorer import STEPS
from .tables import Floats

BLEND_SECONDS = 10.0
"""Stages pass into one another: standard deviation of the blend along time."""
_SLOW_SHARE = np.array([0.75, 0.75, 0.75, 0.60, 0.60, 0.42])
"""Share of the within-night variance, by stage, that drifts (the rest is new in every epoch)."""
_DRIFT = 0.96
"""Correlation of the drift between neighbouring epochs."""


def stage_weights(path: np.ndarray) -> Floats:
    """Return how much of each stage the sleeper is in, (n_steps, 6), summing to 1."""
    return np.asarray(gaussian_filter1d(np.eye(6)[path], BLEND_SECONDS * STEPS / 30, axis=0, mode="nearest"))


def draw_powers(
    rng: np.random.Generator, weights: Floats, effect: Floats, table: dict[str, Any]
) -> tuple[Floats, Floats]:
    """Draw the log powers along a night.

    Parameters
    ----------
    rng : numpy.random.Generator
    weights : (n_steps, 6)
        Stage weights in steps of 5 s.
    effect : (6, 14)
        What the sleeper and the night add to every stage.
    table : dict
        What was fitted to the sleeper's cohort.

    Returns
    -------
    powers : (n_steps, 14)
        Log powers in the order of :data:`tables.N_POWERS`.
    deviation : (n_steps, 14)
        The part of them that stage, sleeper and night do not explain: how awake, how deep, how restless.
    """
    left = _residuals(rng, len(weights) // STEPS, table)
    epochs = np.arange(left.shape[1]) * STEPS + (STEPS - 1) / 2
    steps = np.arange(len(weights))
    deviation = np.zeros((len(weights), tables.N_POWERS))
    for k in range(tables.N_STAGES):
        for d in range(tables.N_POWERS):
            deviation[:, d] += weights[:, k] * np.interp(steps, epochs, left[k, :, d])
    return np.einsum("tk,kd->td", weights, table["mean"] + effect) + deviation, deviation


def _residuals(rng: np.random.Generator, n_epochs: int, table: dict[str, Any]) -> Floats:
    """Return what is left after stage, sleeper and night, (6, n_epochs, 14).

    A latent course, which each stage shapes by the mixture of its cohort; its last column chooses the component.
    """
    fresh = rng.standard_normal((2, n_epochs, tables.N_POWERS + 1))
    slow = lfilter([np.sqrt(1 - _DRIFT**2)], [1, -_DRIFT], fresh[0], axis=0, zi=fresh[0, :1] * _DRIFT)[0]
    left = np.empty((tables.N_STAGES, n_epochs, tables.N_POWERS))
    for k in range(tables.N_STAGES):
        latent = np.sqrt(_SLOW_SHARE[k]) * slow + np.sqrt(1 - _SLOW_SHARE[k]) * fresh[1]
        chosen = np.searchsorted(np.cumsum(table["weights"][k])[:-1], ndtr(latent[:, -1]))
        spread = np.einsum("tde,te->td", table["roots"][k][chosen], latent[:, :-1])
        left[k] = table["centres"][k][chosen] + spread
    return left
