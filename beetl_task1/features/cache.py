"""Features of whole recordings, computed once and kept."""

import threading
from collections.abc import Iterable

import numpy as np

from ..data.recording import Recording
from ..parallel import check_shared, each, elsewhere
from ..progress import Progress
from ..store import Store
from .extraction import FEATURE_VERSION, extract

KIND = f"features-v{FEATURE_VERSION}"
"""Where the store keeps them."""
_READING = threading.Lock()


def night_features(recording: Recording, store: Store) -> np.ndarray:
    """Return the features of a recording, shape (n_epochs, n_features), float32; ``X`` is read where none are kept."""
    if recording.features is not None:
        return recording.features
    if store.folder is None:
        return extract(_signals(recording))
    return store.array(KIND, recording.fingerprint, lambda: extract(_signals(recording)))


def features_of(
    recordings: Iterable[Recording], store: Store | None = None, jobs: int = 1, progress: Progress | None = None
) -> list[np.ndarray]:
    """Return the features of many recordings, in their order.

    Threads do the work: numpy and scipy let go of the interpreter, and processes would each hold the libraries. One
    recording is read at a time, since reading takes several times the memory that its signals do; at most ``jobs``
    are held. A cluster computes what is not kept yet, into the store, which its workers must share.

    Parameters
    ----------
    recordings : iterable of Recording
    store : Store, optional
        Without one, everything is computed.
    jobs : int
        Recordings at a time, as joblib counts them (-1 for one per core).
    progress : callable, optional
        Called after each recording with its key.

    Returns
    -------
    features : list of array, shape (n_epochs, n_features), float32
    """
    recordings, store = list(recordings), store or Store(None)
    if elsewhere() and store.folder is not None:
        prepare_features(recordings, store, jobs, progress)
    tasks = ((recording, store) for recording in recordings)
    results = each(night_features, tasks, min(jobs, max(len(recordings), 1)), threads=True, sent=False)
    features: list[np.ndarray] = []
    for recording, result in zip(recordings, results, strict=True):
        features.append(result)
        if progress is not None:
            progress(len(features), len(recordings), str(recording.key))
    return features


def prepare_features(
    recordings: Iterable[Recording], store: Store, jobs: int = 1, progress: Progress | None = None
) -> None:
    """Compute the features that a store does not hold, and keep them there; parameters as in :func:`features_of`."""
    tasks = [(r, store) for r in recordings if r.features is None and not store.holds(KIND, r.fingerprint)]
    if tasks:
        check_shared(store.folder)
    at_once = min(jobs, max(len(tasks), 1))
    for done, key in enumerate(each(_keep, tasks, at_once, threads=True, ordered=False), 1):
        if progress is not None:
            progress(done, len(tasks), key)


def _keep(recording: Recording, store: Store) -> str:
    night_features(recording, store)
    return str(recording.key)


def _signals(recording: Recording) -> np.ndarray:
    with _READING:
        return recording.X
