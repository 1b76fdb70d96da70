"""Features on disk, by content of the recording and version of the code, and over many recordings at once."""

import hashlib
import io
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

import numpy as np
from joblib import Parallel, delayed

from ..writing import whole_file
from .extraction import FEATURE_VERSION, extract, feature_names

Progress = Callable[[int, int, str], None]
"""Called with recordings done, recordings in all, and what was done last."""


_READING = threading.Lock()


class Night(Protocol):
    """What is asked of a recording here."""

    key: object
    fingerprint: str
    """Digest of the signals in volts, hexadecimal."""

    @property
    def X(self) -> np.ndarray:
        """Signals in volts, shape (n_epochs, 2, 3000)."""


class FeatureCache:
    """Features of recordings, kept in a folder.

    A file is named by the recording's hash below a folder named by ``FEATURE_VERSION``: an ``.npy`` array followed by a
    hash of both and of the array. A file that does not match is computed anew. Several processes may share a folder.

    Parameters
    ----------
    folder : path
        Made when it is first written to.
    """

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)

    def features(self, recording: Night) -> np.ndarray:
        """Return the features of a recording, shape (n_epochs, n_features), float32; ``X`` is read only on a miss."""
        features = self._read(recording.fingerprint)
        if features is None:
            features = _compute(recording)
            self._write(recording.fingerprint, features)
        return features

    def path(self, content: str) -> Path:
        """Return where the features of a recording stand, or would, by its hash."""
        return self.folder / f"v{FEATURE_VERSION}" / f"{content}.npy"

    def _read(self, content: str) -> np.ndarray | None:
        """Return what is cached, or None where that is missing or not what was written."""
        try:
            stored = self.path(content).read_bytes()
        except OSError:
            return None
        payload, digest = stored[:-32], stored[-32:]
        if digest != _digest(content, payload):
            return None
        return np.load(io.BytesIO(payload), allow_pickle=False)

    def _write(self, content: str, features: np.ndarray) -> None:
        buffer = io.BytesIO()
        np.save(buffer, features, allow_pickle=False)
        payload = buffer.getvalue()
        with whole_file(self.path(content)) as file:
            file.write(payload)
            file.write(_digest(content, payload))


def features_of(
    recordings: Iterable[Night], cache: FeatureCache | None = None, jobs: int = 1, progress: Progress | None = None
) -> list[np.ndarray]:
    """Return the features of many recordings, in their order.

    Threads do the work: numpy and scipy let go of the interpreter, and processes would each hold the libraries. One
    recording is read at a time, since reading takes several times the memory that its signals do; at most ``jobs``
    are held.

    Parameters
    ----------
    recordings : iterable of recordings
        Each with ``key``, ``fingerprint`` and ``X``.
    cache : FeatureCache, optional
        Without one, everything is computed.
    jobs : int
        Recordings at a time, as joblib counts them (-1 for one per core).
    progress : callable, optional
        Called after each recording with (done, total, text).

    Returns
    -------
    features : list of array, shape (n_epochs, n_features), float32
    """
    recordings = list(recordings)
    one = cache.features if cache is not None else _compute
    jobs = min(jobs, max(len(recordings), 1))
    results = Parallel(n_jobs=jobs, prefer="threads", return_as="generator")(delayed(one)(r) for r in recordings)
    features = []
    for recording, result in zip(recordings, results, strict=True):
        features.append(result)
        if progress is not None:
            progress(len(features), len(recordings), str(recording.key))
    return features


def _compute(recording: Night) -> np.ndarray:
    with _READING:
        X = recording.X
    return extract(X)


def _digest(content: str, payload: bytes) -> bytes:
    """Return a hash over what a cache file is for and what it holds."""
    about = "\n".join([content, str(FEATURE_VERSION), *feature_names(), ""])
    return hashlib.sha256(about.encode() + payload).digest()
