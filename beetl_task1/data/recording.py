"""The night: one recording with its identity, its epochs and, where they are given, its labels and onsets."""

import contextlib
import hashlib
import re
import weakref
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..errors import BeetlError, DataError
from ..task import N_CHANS, N_OUTPUTS, N_TIMES
from .content import Content, digest, read_hashed, size_of
from .pickles import load_array

_AGAIN = "take the file from the download again"
UNITS = {"V": 1.0, "mV": 1e-3, "uV": 1e-6}
"""Units that recordings may be given in, as volts."""
_AT_ONCE = 32
SMALLEST_STD, LARGEST_STD = 1e-8, 1e-3
"""A night whose typical epoch varies more than this (V) is not in volts: EEG varies by some 2e-5 V."""


class RecordingKey(NamedTuple):
    """Identity of a night. Subject numbers restart in each group, so the group belongs to it."""

    group: str
    subject: int
    session: int

    def __str__(self) -> str:
        return f"{self.group}/s{self.subject}r{self.session}"

    @classmethod
    def parse(cls, text: str) -> "RecordingKey":
        """Return the key of a text such as ``"65-79/s6r1"``."""
        match = re.fullmatch(r"(.+)/s(\d+)r(\d+)", text)
        if match is None:
            raise BeetlError(f"recording {text!r}: expected group/s<subject>r<session>, for instance 65-79/s6r1")
        return cls(match[1], int(match[2]), int(match[3]))


class Recording:
    """One night of a pair of competition files, read when they are asked for, or of arrays.

    Without onsets a night is a *set* of epochs: the order of rows is that of the submission and means nothing else.

    Parameters
    ----------
    key : RecordingKey
        Identity.
    path, y_path : Path, optional
        The file of the signal and, where labelled, that of its stages; ``None`` for a night in memory.
    unit : {"V", "mV", "uV"}
        Unit of the signal file.

    Attributes
    ----------
    X : numpy.ndarray (n_epochs, 2, 3000), float32
        Volts. Read anew when nobody holds the last copy, so that a pass over many nights holds one at a time.
    y : numpy.ndarray (n_epochs,), int64, or None
        Stages as indices into :data:`beetl_task1.task.STAGES`; ``None`` where hidden.
    onsets : numpy.ndarray (n_epochs,) or None
        Seconds from the beginning of the night, where the order is known.
    features : numpy.ndarray (n_epochs, n_features), float32, or None
        In the place of the signal, where the night was made from them.
    """

    def __init__(self, key: RecordingKey, path: Path | None = None, y_path: Path | None = None, unit: str = "V"):
        self.key, self.path, self.y_path, self.unit = key, path, y_path, unit
        self.onsets: np.ndarray | None = None
        self.features: np.ndarray | None = None
        self._array: np.ndarray | None = None
        self._y: np.ndarray | None = None
        self._sha256: str | None = None
        self._n_epochs: int | None = None
        self._held: weakref.ref[np.ndarray] | None = None
        self._opened: tuple[Content, Future[str]] | None = None

    @classmethod
    def from_arrays(
        cls, key: RecordingKey, X: np.ndarray, y: np.ndarray | None = None, onsets: np.ndarray | None = None
    ) -> "Recording":
        """Return a night that is in memory; arguments as the attributes.

        Raises
        ------
        DataError
            If an array is not as the competition has it.
        """
        recording = cls(key)
        recording._array = _volts(np.asarray(X), str(key))
        recording._n_epochs, recording.onsets = len(recording._array), onsets
        recording._y = None if y is None else _stages(np.asarray(y), str(key))
        recording._check_length()
        return recording

    @classmethod
    def from_features(
        cls, key: RecordingKey, F: np.ndarray, y: np.ndarray | None = None, onsets: np.ndarray | None = None
    ) -> "Recording":
        """Return a night that has no signal, but features: ``F``, shape ``(n_epochs, n_features)``.

        Raises
        ------
        DataError
            If ``F`` has another shape or holds NaN or infinite values, or the labels are not as the competition has
            them.
        """
        features = np.ascontiguousarray(F, dtype=np.float32)
        if features.ndim != 2 or not len(features) or not np.isfinite(features).all():
            raise DataError(f"{key}: expected finite features of shape (n_epochs, n_features), got {features.shape}")
        recording = cls(key)
        recording.features, recording._sha256 = features, hashlib.sha256(features.data).hexdigest()
        recording._n_epochs, recording.onsets = len(features), onsets
        recording._y = None if y is None else _stages(np.asarray(y), str(key))
        recording._check_length()
        return recording

    @property
    def name(self) -> str:
        """What errors call the signal."""
        return str(self.path or self.key)

    @property
    def X(self) -> np.ndarray:
        """Signal in volts; see the class."""
        if self.features is not None:
            raise DataError(
                f"{self.key}: made from features, without a signal; take a model on features", "missing-signal"
            )
        X = self._array if self._held is None else self._held()
        if X is None:
            (content, sha256), self._opened = self._opened or read_hashed(self.name), None
            try:
                X = _volts(load_array(self.name, content), self.name, self.unit)
            finally:
                known, self._sha256 = self._sha256, sha256.result()
                if known not in (None, self._sha256):
                    raise DataError(f"{self.name}: changed while it was used; leave it alone and run the command again")
            self._n_epochs, self._held = len(X), weakref.ref(X)
            self._check_length()
        return X

    @contextlib.contextmanager
    def read_once(self) -> Iterator[None]:
        """Read the file, if its digest is not known, and keep its content for ``X`` while the block runs."""
        if self._sha256 is None and self._array is None:
            self._opened = opened = read_hashed(self.name)
            self._sha256 = opened[1].result()
        try:
            yield
        finally:
            self._opened = None

    @property
    def y(self) -> np.ndarray | None:
        """Stages; see the class."""
        if self._y is None and self.y_path is not None:
            self._y = _stages(load_array(self.y_path), str(self.y_path))
            self._check_length()
        return self._y

    def _check_length(self) -> None:
        if self._n_epochs is not None and (y := self.y) is not None:
            check_length(y, self._n_epochs, self.name, str(self.y_path or self.key))

    @property
    def labelled(self) -> bool:
        """Whether stages are given; reads nothing."""
        return self._y is not None or self.y_path is not None

    def without_labels(self) -> "Recording":
        """Return the same night with its stages hidden."""
        if self.features is not None:
            return Recording.from_features(self.key, self.features, onsets=self.onsets)
        if self._array is not None:
            return Recording.from_arrays(self.key, self._array, onsets=self.onsets)
        return Recording(self.key, self.path, unit=self.unit)

    @property
    def n_epochs(self) -> int:
        """Number of epochs; reads the signal once, unless somebody who knows it has said it."""
        return len(self.X) if self._n_epochs is None else self._n_epochs

    @n_epochs.setter
    def n_epochs(self, known: int) -> None:
        self._n_epochs = known
        self._check_length()

    @property
    def hashed(self) -> bool:
        """Whether the fingerprint is known, so that it takes no reading."""
        return self._sha256 is not None

    @property
    def n_bytes(self) -> int:
        """Size of the signal: of its file, which is not read, or in memory."""
        held = self._array if self.features is None else self.features
        return size_of(self.name) if held is None else held.nbytes

    @property
    def file_sha256(self) -> str:
        """Digest of the signal file as it is, for people and manifests; the signal's identity is ``fingerprint``."""
        if self._sha256 is None:
            self._sha256 = digest(self.name) if self._array is None else hashlib.sha256(self._array.data).hexdigest()
        return self._sha256

    @property
    def fingerprint(self) -> str:
        """Digest of the signal in volts, the identity of a night in caches and experiments: of its file and unit."""
        of_file = self.file_sha256
        return of_file if self.unit == "V" else hashlib.sha256(f"{of_file} {self.unit}".encode()).hexdigest()

    def __getstate__(self) -> dict[str, Any]:
        read_again = {"_held": None, "_opened": None} | ({} if self.y_path is None else {"_y": None})
        return self.__dict__ | read_again

    def __repr__(self) -> str:
        return f"Recording({self.key})"


def _volts(X: np.ndarray, name: str, unit: str = "V") -> np.ndarray:
    """Return a signal (n_epochs, 2, 3000) as float32 volts, whatever its layout, or say what is wrong with it."""
    if X.ndim != 3 or X.shape[1:] != (N_CHANS, N_TIMES):
        text = f"{name}: expected shape (n_epochs, {N_CHANS}, {N_TIMES}), got {X.shape}"
        raise DataError(f"{text}; cut the recording into 30 s epochs of two channels at 100 Hz", "shape")
    if len(X) == 0:
        raise DataError(f"{name}: holds no epoch; {_AGAIN}", "empty")
    if X.dtype.kind != "f" or X.dtype.itemsize not in (4, 8):
        text = f"{name}: expected float32 or float64, got {X.dtype}; save the signal in volts as floats"
        raise DataError(text, "dtype")
    X, spread = _measured(X, unit)
    if not np.isfinite(spread).all() and len(bad := np.flatnonzero(~np.isfinite(X).all(axis=(1, 2)))):
        text = f"{name}: {len(bad)} epochs hold NaN or infinite values (first: row {bad[0]}); mend or remove them"
        raise DataError(text, "non-finite")
    _check_unit(spread, name, unit)
    return X


def _measured(X: np.ndarray, unit: str) -> tuple[np.ndarray, np.ndarray]:
    """Return a signal in volts, and how much each epoch and channel varies; by parts that a processor keeps at hand."""
    kept = unit == "V" and X.dtype == np.float32 and X.flags.c_contiguous
    volts = X if kept else np.empty(X.shape, dtype=np.float32)
    spread = np.empty(X.shape[:2], dtype=np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        for part in (slice(start, start + _AT_ONCE) for start in range(0, len(X), _AT_ONCE)):
            if not kept:
                volts[part] = X[part] if unit == "V" else X[part] * UNITS[unit]
            spread[part] = volts[part].std(axis=2)
    return volts, spread


def _check_unit(spread: np.ndarray, name: str, unit: str) -> None:
    if not spread.any():
        raise DataError(f"{name}: the signal never varies; {_AGAIN}")
    typical = float(np.median(spread[spread > 0]))
    if typical > LARGEST_STD:
        text = f"{name}: a typical epoch varies by {typical:.3g} where volts give about 2e-05: this looks like "
        raise DataError(f"{text}another unit; pass --unit uV (or mV) to convert it", "unit")
    if typical < SMALLEST_STD:
        text = f"{name}: read as {unit}, a typical epoch varies by {typical:.3g} V where EEG gives about 2e-05"
        raise DataError(f"{text}; name the right unit with --unit V, mV or uV", "unit")


def check_length(y: np.ndarray, n_epochs: int, name: str, y_name: str) -> None:
    """Refuse labels that are not one per epoch."""
    if len(y) != n_epochs:
        text = f"{y_name}: {len(y)} labels for the {n_epochs} epochs of {name}; take both files from the same download"
        raise DataError(text, "labels")


def _stages(y: np.ndarray, name: str) -> np.ndarray:
    """Return labels (n_epochs,), whole numbers 0..5, as int64, or say what is wrong with them."""
    if y.ndim != 1 or len(y) == 0:
        raise DataError(f"{name}: expected labels of shape (n_epochs,), got {y.shape}; {_AGAIN}", "labels")
    whole = f"expected whole numbers 0 to {N_OUTPUTS - 1}"
    if y.dtype.kind not in "iuf":
        raise DataError(f"{name}: {whole}, got dtype {y.dtype}; {_AGAIN}", "labels")
    rows = np.flatnonzero((y != np.floor(y)) | (y < 0) | (y >= N_OUTPUTS) | (y != y))
    if len(rows):
        raise DataError(f"{name}: label {y[rows[0]]} in row {rows[0]}; {whole}", "labels")
    return np.ascontiguousarray(y, dtype=np.int64)
