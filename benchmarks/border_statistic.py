"""How much the end of a chunk of EEG says about the beginning of the next one, in nats.

An autoregression forecasts the first samples of every chunk from the end of every other; the statistic is the
log-likelihood ratio of the true successor against the channel's marginal.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.signal import lfilter, lfiltic
from scipy.spatial.distance import cdist

ORDER = 30
HORIZON = 20


def border_nats(chunks: np.ndarray) -> float:
    """Return the median nats of the true successors; ``chunks`` as for :func:`border_evidence`."""
    return float(np.median(np.diagonal(border_evidence(chunks), 1)))


def border_evidence(chunks: np.ndarray) -> np.ndarray:
    """Return the nats by which each chunk (rows) is told to come before each other (columns).

    Parameters
    ----------
    chunks : (n_chunks, n_times)
        Consecutive pieces of one channel in microvolts.
    """
    coefficients, noise = _autoregression(chunks)
    forecasts, starts = np.array([_continue(chunk, coefficients) for chunk in chunks]), chunks[:, :HORIZON]
    impulse = lfilter([1.0], np.r_[1.0, -coefficients[::-1]], np.eye(1, HORIZON)[0])
    chol = noise * np.tril(impulse[np.subtract.outer(np.arange(HORIZON), np.arange(HORIZON)).clip(0)])
    white = cdist(np.linalg.solve(chol, forecasts.T).T, np.linalg.solve(chol, starts.T).T, "sqeuclidean")
    cov = np.cov(sliding_window_view(chunks.ravel(), HORIZON)[::11].T)
    cov += 1e-6 * cov[0, 0] * np.eye(HORIZON)
    marginal = (starts @ np.linalg.inv(cov) * starts).sum(1)
    logdet = np.linalg.slogdet(cov)[1] - 2 * np.log(np.diag(chol)).sum()
    return np.asarray(0.5 * (marginal + logdet - white))


def _autoregression(chunks: np.ndarray) -> tuple[np.ndarray, float]:
    lagged = np.concatenate([sliding_window_view(c, ORDER + 1)[::7] for c in chunks])
    coefficients = np.linalg.lstsq(lagged[:, :-1], lagged[:, -1], rcond=None)[0]
    return coefficients, (lagged[:, -1] - lagged[:, :-1] @ coefficients).std()


def _continue(chunk: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
    """Forecast the samples after a chunk."""
    a = np.r_[1.0, -coefficients[::-1]]
    return lfilter([1.0], a, np.zeros(HORIZON), zi=lfiltic([1.0], a, chunk[::-1][:ORDER]))[0]
