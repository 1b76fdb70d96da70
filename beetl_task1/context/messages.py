"""Forward-backward messages along a night whose order is known (Rabiner 1989, Proc. IEEE 77:257)."""

import numpy as np

from ..errors import DataError
from .transitions import Transitions

_SMALLEST = 1e-12


def forward_backward(probabilities: np.ndarray, transitions: Transitions,
                     prior: np.ndarray | None = None) -> np.ndarray:
    """Return each epoch's probabilities given the whole night.

    A classifier's probabilities divided by the prior it assumes are likelihoods up to a factor (Bourlard & Morgan
    1994); the chain of stages carries them forth and back.

    Parameters
    ----------
    probabilities : array (n_epochs, 6)
        Of each epoch by itself, in the order of the night, without gaps.
    transitions : Transitions
        The chain.
    prior : array (6,), optional
        Shares of the stages that the classifier assumes. By default the chain's own shares in the long run, so that
        smoothing moves evidence between neighbours and leaves the shares of the stages to the classifier.

    Returns
    -------
    numpy.ndarray (n_epochs, 6)
        Rows sum to 1.

    Raises
    ------
    DataError
        Not of shape (n_epochs, 6), or not finite.
    """
    probabilities = np.asarray(probabilities, dtype=float)
    matrix, shares = transitions.matrix, transitions.stationary
    if probabilities.ndim != 2 or probabilities.shape[1] != len(shares) or not np.isfinite(probabilities).all():
        raise DataError(f"expected finite probabilities of shape (n_epochs, {len(shares)}), got "
                        f"{probabilities.shape}; give one row per epoch")
    evidence = np.maximum(probabilities, _SMALLEST) / (shares if prior is None else np.maximum(prior, _SMALLEST))
    forward, backward = np.empty_like(evidence), np.empty_like(evidence)
    message = shares
    for i, row in enumerate(evidence):
        forward[i] = _normalised(message * row)
        message = forward[i] @ matrix
    message = np.ones(len(shares))
    for i in range(len(evidence) - 1, -1, -1):
        backward[i] = message
        message = _normalised(matrix @ (message * evidence[i]))
    product = forward * backward
    return product / product.sum(axis=1, keepdims=True)


def _normalised(vector: np.ndarray) -> np.ndarray:
    return vector / vector.sum()
