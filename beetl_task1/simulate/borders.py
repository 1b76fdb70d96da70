"""How much the end of an epoch tells about the beginning of the next one.

A continuous signal with the band powers of real sleep and the smoothest spectrum that they allow already gives 1.3 to
1.8 nats a channel. To have less, the first second of an epoch is mixed with another second of the same epoch: its
spectrum stays, its tie to the epoch before weakens. More comes from a steep low-pass (:mod:`shapes`).
"""

import numpy as np

from .. import task
from .scorer import STEPS
from .tables import Floats

LEVELS = ("low", "mid", "high")
_MIXED = {"low": 0.37}
"""Weight, at the border, of the other second; it fades to 0 within :data:`_SECONDS`."""
_SECONDS = 1.0


def weaken_borders(rng: np.random.Generator, X: Floats, course: np.ndarray, level: str) -> None:
    """Weaken the tie of every epoch of ``X``, (n_epochs, 2, 3000), that begins asleep to the one before, in place.

    ``course``, (n_epochs * 6,), is the true stage in steps of 5 s; ``level`` is one of :data:`LEVELS`.
    """
    if level not in _MIXED:
        return
    length = int(_SECONDS * task.SFREQ)
    weight = _MIXED[level] * np.cos(0.5 * np.pi * np.arange(length) / length) ** 2
    asleep = np.flatnonzero(course[::STEPS] > 0)
    start = rng.integers(3 * length, X.shape[2] - length, len(asleep))
    where = start[:, None, None] + np.arange(length)
    other = np.take_along_axis(X[asleep], np.broadcast_to(where, (len(asleep), 2, length)), axis=2)
    X[asleep, :, :length] = np.sqrt(1 - weight**2) * X[asleep, :, :length] + weight * other
