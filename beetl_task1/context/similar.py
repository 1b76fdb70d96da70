"""What the most similar epochs of a night say about an epoch, where the order is not known."""

import numpy as np

from ..typed import AtLeast0, AtLeast1, Settings

SMALLEST_SHARE = 0.02
"""Added to mean probabilities, so that a stage that a night hardly has is not raised without end."""
PART_OF_NIGHT = 10
"""The similar epochs are at most one in so many of the night's."""


class SimilarEpochs(Settings, frozen=True):
    """Multiply what is said of an epoch by what is said of the epochs most like it, over what is said of the night.

    Epoch ``i`` gets ``p_i(k) (m_i(k) / m(k)) ** weight``, scaled to sum to 1, where ``m_i`` is the mean of the ``size``
    epochs nearest in features relative to the night (Euclidean), and ``m`` the mean of the whole night. A classifier
    errs differently on each of several similar epochs, and their mean knows better; dividing by the night's mean keeps
    frequent stages from winning twice. It is a set operation: the order of epochs does not matter.

    Parameters
    ----------
    size : int
        Epochs that are asked, at most a tenth of the night.
    weight : float
        0 changes nothing.
    """

    size: AtLeast1 = 20
    weight: AtLeast0 = 1.0

    def rows(self, R: np.ndarray) -> np.ndarray:
        """Return the rows of the epochs that each epoch hears, (n_epochs, at most ``size``), by relative features."""
        return nearest(R, min(self.size, len(R) // PART_OF_NIGHT))

    def heard(self, proba: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Return the probabilities of one night, (n_epochs, 6), after its epochs have heard those of :meth:`rows`."""
        if not rows.size:
            return proba
        said = proba[rows].mean(axis=1) + SMALLEST_SHARE
        agreed = proba * (said / (proba.mean(axis=0) + SMALLEST_SHARE)) ** self.weight
        return np.asarray(agreed / agreed.sum(axis=1, keepdims=True))


def nearest(R: np.ndarray, size: int) -> np.ndarray:
    """Return for each epoch the rows of its nearest in relative features, (n_epochs, size), not itself."""
    from sklearn.neighbors import NearestNeighbors

    if not size:
        return np.empty((len(R), 0), dtype=np.int64)
    neighbours = NearestNeighbors(n_neighbors=size, algorithm="brute").fit(R)
    rows: np.ndarray = neighbours.kneighbors(return_distance=False)
    return rows
