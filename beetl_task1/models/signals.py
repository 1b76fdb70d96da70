"""Signals of many nights by rows, without a copy of them in memory, and how networks see them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..data.recording import Recording, RecordingKey
from ..errors import BeetlError
from ..writing import whole_file

SCALINGS = ("night", "window", "fixed")
FIXED = 2e-5
"""Volts that ``fixed`` divides by: about the standard deviation of the competition's recordings."""
LIMIT = 20.0
"""Largest value that a network sees where a night is scaled as a whole: beyond it lie artefacts."""
SMALLEST = 1e-9
"""Volts below which a channel counts as silent when it is scaled."""


class SignalStore:
    """Signals as float32 files that are mapped into memory, so that any row of any night is read when it is asked for.

    Parameters
    ----------
    folder : path or None
        ``signals/`` is made in it; without one the nights' own arrays are held.
    """

    def __init__(self, folder: Path | None):
        self.folder = None if folder is None else Path(folder) / "signals"

    def array(self, recording: Recording) -> np.ndarray:
        """Return the signal of a night in volts, shape ``(n_epochs, 2, 3000)``, float32, not to be written to."""
        if self.folder is None:
            return recording.X
        path = self.folder / f"{recording.fingerprint}.npy"
        mapped = _mapped(path)
        if mapped is None:
            with whole_file(path) as file:
                np.save(file, recording.X, allow_pickle=False)
            mapped = _mapped(path)
        return mapped


def _mapped(path: Path) -> np.ndarray | None:
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError):
        return None


def typical_spread(X: np.ndarray) -> np.ndarray:
    """Return the median over epochs of each channel's standard deviation, shape ``(2,)``, in volts."""
    return np.maximum(np.median(X.std(axis=2), axis=0), SMALLEST).astype(np.float32)


class Rows:
    """Epochs of several nights as one sequence of rows, read when they are asked for.

    Parameters
    ----------
    nights : sequence of Recording
        In the order of the rows.
    roles : sequence of str
        One per night, such as ``"source"``.
    store : SignalStore
        Where the signals are read from.
    scaling : {"night", "window", "fixed"}
        ``night``: each channel by its typical spread over the night. ``window``: each epoch and channel to mean 0 and
        standard deviation 1. ``fixed``: by 2e-5 V.

    Attributes
    ----------
    night, row : numpy.ndarray (n_rows,)
        Index of the night, and of the epoch within it.
    y : numpy.ndarray (n_rows,)
        Stages; 0 where ``labelled`` is false.
    labelled : numpy.ndarray (n_rows,), bool
    role : numpy.ndarray (n_rows,) of str
    onset : numpy.ndarray (n_rows,)
        Seconds from the beginning of the night; NaN where the order is unknown.
    """

    def __init__(self, nights: Sequence[Recording], roles: Sequence[str], store: SignalStore, scaling: str):
        self.keys: list[RecordingKey] = [recording.key for recording in nights]
        self.scaling = scaling
        self._pools: dict[tuple[str, int], np.ndarray] = {}
        self._arrays = [store.array(recording) for recording in nights]
        sizes = [len(array) for array in self._arrays]
        self._scales = np.stack([self._scale(array) for array in self._arrays])
        self.night = np.repeat(np.arange(len(nights)), sizes)
        self.row = np.concatenate([np.arange(size) for size in sizes])
        self.role = np.repeat(np.array(roles), sizes)
        self.labelled = np.repeat([recording.labelled for recording in nights], sizes)
        labels = [r.y if r.labelled else np.zeros(size, int) for r, size in zip(nights, sizes, strict=True)]
        self.y = np.concatenate(labels)
        unknown = [np.full(size, np.nan) for size in sizes]
        self.onset = np.concatenate([u if r.onsets is None else r.onsets for r, u in zip(nights, unknown, strict=True)])

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
        return scaled(X, self.scaling, self._scales[self.night[index]][:, :, None])

    def _scale(self, array: np.ndarray) -> np.ndarray:
        return typical_spread(array) if self.scaling == "night" else np.full(array.shape[1], FIXED, np.float32)


def scaled(X: np.ndarray, scaling: str, spread: np.ndarray) -> np.ndarray:
    """Return signals as a network sees them.

    Parameters
    ----------
    X : array (n_epochs, 2, 3000)
        Volts.
    scaling : {"night", "window", "fixed"}
        As in :class:`Rows`.
    spread : array, broadcastable to ``X``
        Volts to divide by; not used by ``window``.
    """
    if scaling == "window":
        X = X - X.mean(axis=2, keepdims=True)
        return X / np.maximum(X.std(axis=2, keepdims=True), SMALLEST)
    return np.clip(X / spread, -LIMIT, LIMIT)


def check_scaling(scaling: str) -> str:
    """Return the scaling, or say which there are."""
    if scaling not in SCALINGS:
        raise BeetlError(f"scaling {scaling!r}; expected one of {', '.join(SCALINGS)}")
    return scaling
