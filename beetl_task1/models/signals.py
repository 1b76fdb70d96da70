"""Signals of many nights by rows, without a copy of them in memory, and how networks see them."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from ..data.recording import Recording
from ..store import Store

SIGNALS = "signals"
"""Where the store keeps them."""
Scaling = Literal["night", "window", "fixed"]
FIXED = 2e-5
"""Volts that ``fixed`` divides by: about the standard deviation of the competition's recordings."""
LIMIT = 20.0
"""Largest value that a network sees where a night is scaled as a whole: beyond it lie artefacts."""
SMALLEST = 1e-9
"""Volts below which a channel counts as silent when it is scaled."""


def signals_of(recording: Recording, store: Store) -> np.ndarray:
    """Return the signal of a night in volts, shape ``(n_epochs, 2, 3000)``, float32, not to be written to.

    Where there is a store, it is kept there and mapped into memory, so that any row is read when it is asked for.
    """
    if store.folder is None:
        return recording.X
    return store.array(SIGNALS, recording.fingerprint, lambda: recording.X, mapped=True)


def lay_ready(recording: Recording, store: Store) -> str:
    """Keep the signal of a night in the store; return the night's name."""
    signals_of(recording, store)
    return str(recording.key)


def spread_of(X: np.ndarray, scaling: Scaling) -> np.ndarray:
    """Return what the channels of a night are divided by, shape ``(2,)``, in volts; ``window`` does not use it."""
    spread = np.median(X.std(axis=2), axis=0) if scaling == "night" else np.full(X.shape[1], FIXED)
    return np.asarray(np.maximum(spread, SMALLEST), np.float32)


def scaled(X: np.ndarray, scaling: Scaling, spread: np.ndarray) -> np.ndarray:
    """Return signals as a network sees them.

    Parameters
    ----------
    X : array (n_epochs, 2, 3000)
        Volts.
    scaling : {"night", "window", "fixed"}
        ``night``: each channel by its typical spread over the night. ``window``: each epoch and channel to mean 0 and
        standard deviation 1. ``fixed``: by 2e-5 V.
    spread : array, broadcastable to ``X``
        Volts to divide by; not used by ``window``.
    """
    if scaling == "window":
        X = X - X.mean(axis=2, keepdims=True)
        return np.asarray(X / np.maximum(X.std(axis=2, keepdims=True), SMALLEST))
    return np.asarray(np.clip(X / spread, -LIMIT, LIMIT))


def night_signals(recording: Recording, store: Store, scaling: Scaling) -> np.ndarray:
    """Return the scaled signals of a night, shape ``(n_epochs, 2, 3000)``, float32."""
    X = signals_of(recording, store)
    return scaled(X, scaling, spread_of(X, scaling)[:, None])


class Rows:
    """Epochs of several nights, each of a role, as one sequence of rows, read when they are asked for.

    Attributes
    ----------
    night, row : numpy.ndarray (n_rows,)
        Index of the night, and of the epoch within it.
    y, labelled : numpy.ndarray (n_rows,)
        Stages, 0 where they are hidden; and whether they are not.
    role : numpy.ndarray (n_rows,) of str
        Such as ``"source"``.
    onset : numpy.ndarray (n_rows,)
        Seconds from the beginning of the night; NaN where the order is unknown.
    """

    def __init__(self, nights: Sequence[Recording], roles: Sequence[str], store: Store, scaling: Scaling):
        self.keys, self.scaling = [recording.key for recording in nights], scaling
        self._pools: dict[tuple[str, int], np.ndarray] = {}
        self._arrays = [signals_of(recording, store) for recording in nights]
        sizes = [len(array) for array in self._arrays]
        self._spreads = np.stack([spread_of(array, scaling) for array in self._arrays])
        self.night = np.repeat(np.arange(len(nights)), sizes)
        self.row = np.concatenate([np.arange(size) for size in sizes])
        self.role = np.repeat(np.array(roles), sizes)
        self.labelled = np.repeat([recording.labelled for recording in nights], sizes)
        pairs = list(zip(nights, sizes, strict=True))
        self.y = np.concatenate([np.zeros(size, int) if r.y is None else r.y for r, size in pairs])
        self.onset = np.concatenate([np.full(size, np.nan) if r.onsets is None else r.onsets for r, size in pairs])

    def rows_of(self, role: str, stage: int) -> np.ndarray:
        """Return the labelled rows of a role and a stage."""
        if (role, stage) not in self._pools:
            found = (self.role == role) & self.labelled & (self.y == stage)
            self._pools[role, stage] = np.flatnonzero(found)
        return self._pools[role, stage]

    def __len__(self) -> int:
        return len(self.y)

    def signals(self, index: np.ndarray) -> np.ndarray:
        """Return scaled rows, shape ``(len(index), 2, 3000)``, float32."""
        X = np.stack([self._arrays[night][row] for night, row in zip(self.night[index], self.row[index], strict=True)])
        return scaled(X, self.scaling, self._spreads[self.night[index]][:, :, None])
