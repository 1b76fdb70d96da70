"""Features of whole recordings, computed once and kept."""

import threading
from collections.abc import Callable, Hashable, Iterable
from functools import cached_property
from weakref import WeakValueDictionary

import numpy as np

from ..data.recording import Recording
from ..parallel import check_shared, each, elsewhere
from ..progress import Progress
from ..store import Store
from .extraction import FEATURE_VERSION, extract
from .relative import night_ranks, relative, rising

KIND = f"features-v{FEATURE_VERSION}"
"""Where the store keeps them."""
_READING = threading.Lock()


class Night:
    """The features of a recording and what several models make of them, each made when it is first asked for.

    Parameters
    ----------
    recording : Recording
    store : Store
        Where its features are kept.
    """

    def __init__(self, recording: Recording, store: Store):
        self._recording, self._store = recording, store
        self._made: dict[Hashable, np.ndarray] = {}

    @cached_property
    def features(self) -> np.ndarray:
        """What :func:`night_features` returns."""
        return night_features(self._recording, self._store)

    @cached_property
    def order(self) -> np.ndarray:
        """What :func:`~.relative.rising` returns of them."""
        return rising(self.features)

    @cached_property
    def relative(self) -> np.ndarray:
        """What :func:`~.relative.relative` returns of them."""
        return relative(self.features)

    def table(self, *, ranks: bool = False) -> np.ndarray:
        """Return what :func:`~.relative.with_night` returns of them, not to be written to."""

        def made() -> np.ndarray:
            more = [night_ranks(self.features, self.order)] if ranks else []
            return np.hstack([self.features, self.relative, *more])

        return self.once(("table", ranks), made)

    def once(self, key: Hashable, make: Callable[[], np.ndarray]) -> np.ndarray:
        """Return what is known by a key, made where it is not yet."""
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]


_NIGHTS: WeakValueDictionary[Recording, Night] = WeakValueDictionary()


def night_of(recording: Recording, store: Store) -> Night:
    """Return the night of a recording: the same one for as long as somebody holds it, so that models share it."""
    night = _NIGHTS.get(recording)
    if night is None:
        night = _NIGHTS[recording] = Night(recording, store)
    return night


def night_features(recording: Recording, store: Store) -> np.ndarray:
    """Return the features of a recording, shape (n_epochs, n_features), float32; ``X`` is read where none are kept."""
    if recording.features is not None:
        return recording.features
    if store.folder is None:
        return extract(_signals(recording))
    with _READING, recording.read_once():
        X = None if store.holds(KIND, recording.fingerprint) else recording.X
    found = store.array(KIND, recording.fingerprint, lambda: extract(_signals(recording) if X is None else X))
    recording.n_epochs = len(found)
    return found


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
    told = [r for r in recordings if r.features is None]
    known = elsewhere()  # workers read copies, so that digests found there are not known here
    tasks = [(r, store) for r in told if not ((known or r.hashed) and store.holds(KIND, r.fingerprint))]
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
