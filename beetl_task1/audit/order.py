"""Is the order of the epochs of a night intact? Evidence from labels and from the signal at epoch borders."""

import numpy as np
from scipy.fft import irfft, rfft
from scipy.linalg import solve_toeplitz
from scipy.stats import binomtest

from ..task import N_OUTPUTS
from .findings import BLOCKS, IN_ORDER, PARTLY, SHUFFLED, TOO_FEW, Order

AR_ORDER = 30
"""Samples of the past that a forecast uses (0.3 s)."""
HORIZON = 20
"""Samples after a border that are forecast (0.2 s)."""
BLOCK = 100
"""Rows of a block."""
FEWEST = 30
"""Borders below which no verdict is given."""
MOSTLY = 0.75
"""Share of borders won above which a night is in order; real intact nights win 0.9 and more."""
CERTAIN = 1e-6
"""p-value below which a night is not shuffled."""


def judge_order(X: np.ndarray, y: np.ndarray | None, seed: int = 0) -> Order:
    """Return the verdict on the order of a night's rows, with its evidence.

    At each border the row before is set against one random other row: which of the two forecasts the beginning of the
    row better (by an autoregression fitted to the night), and which leaves the smaller jump? In a shuffled night both
    win half of the time, whatever the stages and amplitudes are. ``X`` (n_epochs, 2, 3000) is in any unit, ``y``
    (n_epochs,) holds stages 0..5, the seed is for the random rows.
    """
    n_borders = max(len(X) - 1, 0)
    if n_borders < FEWEST:
        return Order(TOO_FEW, n_borders, 0.5, 1.0, 0.5, 1.0)
    rivals = _rivals(len(X), np.random.default_rng(seed))
    forecast = _wins(*_forecast_errors(X, rivals))
    jump = _wins(*_jumps(X, rivals))
    labels = {} if y is None else label_agreement(y)
    verdict = _verdict(forecast[0], min(forecast[1], jump[1]), labels)
    return Order(verdict, n_borders, *forecast, *jump, **labels)


def label_agreement(y: np.ndarray) -> dict[str, float]:
    """Return the shares (0 to 1) of equal stages between neighbours, in blocks and anywhere.

    ``neighbours_z`` is neighbours against the mean and the standard deviation that they have in shuffled nights: the
    number of equal neighbours of a random order is close to a binomial one with ``anywhere`` as its probability.
    """
    y = np.asarray(y)
    neighbours, anywhere = float(np.mean(y[1:] == y[:-1])), _pair_agreement(y)
    blocks = [y[i : i + BLOCK] for i in range(0, len(y) - 1, BLOCK)]
    pairs = [len(block) * (len(block) - 1) for block in blocks]
    spread = np.sqrt(max(anywhere * (1 - anywhere), 1e-12) / (len(y) - 1))
    return {
        "neighbours": neighbours,
        "blocks": float(np.average([_pair_agreement(block) for block in blocks], weights=pairs)),
        "anywhere": anywhere,
        "neighbours_z": float((neighbours - anywhere) / spread),
    }


def _pair_agreement(y: np.ndarray) -> float:
    """Return the probability that two different rows have one label."""
    counts = np.bincount(y, minlength=N_OUTPUTS)
    return float((counts * (counts - 1)).sum() / (len(y) * (len(y) - 1)))


def _rivals(n: int, rng: np.random.Generator) -> np.ndarray:
    """Return for each row but the first a random row that is neither itself nor the one before."""
    rivals: np.ndarray = (np.arange(1, n) + rng.integers(1, n - 1, n - 1)) % n
    return rivals


def _forecast_errors(X: np.ndarray, rivals: np.ndarray) -> np.ndarray:
    """Return the squared innovations after each border, given the row before and, second, given the rival.

    Innovations, the one-step errors of the autoregression run over the joined pieces, are the whitened errors of the
    forecast over the horizon.
    """
    errors = np.zeros((2, len(rivals)))
    for channel in range(X.shape[1]):
        signal = X[:, channel].astype(np.float64)
        coef = _autoregression(signal)
        end, start = signal[:, -AR_ORDER:], signal[1:, :HORIZON]
        noise = _innovations(signal[:, : AR_ORDER + 5 * HORIZON], coef).std() or 1.0
        for error, before in zip(errors, (end[:-1], end[rivals]), strict=True):
            error += ((_innovations(np.hstack([before, start]), coef) / noise) ** 2).sum(1)
    return errors


def _autoregression(signal: np.ndarray, most: int = 256) -> np.ndarray:
    """Return the Yule-Walker coefficients, oldest sample first, from at most ``most`` evenly spread rows."""
    rows = signal[:: -(-len(signal) // most)]
    power = np.abs(rfft(rows - rows.mean(), n=rows.shape[1] + AR_ORDER)) ** 2
    correlation = irfft(power.mean(0), n=rows.shape[1] + AR_ORDER)[: AR_ORDER + 1]
    correlation[0] = correlation[0] * (1 + 1e-9) + np.finfo(float).tiny
    coef: np.ndarray = solve_toeplitz(correlation[:-1], correlation[1:])[::-1]
    return coef


def _innovations(joined: np.ndarray, coef: np.ndarray) -> np.ndarray:
    windows = np.lib.stride_tricks.sliding_window_view(joined, AR_ORDER + 1, axis=1)
    innovations: np.ndarray = windows[..., -1] - windows[..., :-1] @ coef
    return innovations


def _jumps(X: np.ndarray, rivals: np.ndarray) -> list[np.ndarray]:
    """Return the summed size of the jump at each border, from the row before and from the rival."""
    end, start = X[:, :, -1], X[1:, :, 0]
    scale = np.abs(np.diff(X[:, :, :50], axis=2)).mean(axis=(0, 2))
    scale = np.where(scale > 0, scale, 1.0)
    return [(np.abs(start - before) / scale).sum(1) for before in (end[:-1], end[rivals])]


def _wins(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """Return how often the first is smaller, ties left out, and the p-value against one half."""
    decided, won = int((first != second).sum()), int((first < second).sum())
    return (won / decided, float(binomtest(won, decided).pvalue)) if decided else (0.5, 1.0)


def _verdict(wins: float, p: float, labels: dict[str, float]) -> str:
    follow = bool(labels) and labels["neighbours_z"] > 6
    beyond_blocks = labels["neighbours"] - labels["blocks"] if labels else 0
    if (p < CERTAIN and wins > MOSTLY) or (follow and beyond_blocks > 0.2):
        return IN_ORDER
    if follow and beyond_blocks <= 0.05 and labels["blocks"] - labels["anywhere"] > 0.02 and p >= CERTAIN:
        return BLOCKS
    return PARTLY if p < CERTAIN or follow else SHUFFLED
