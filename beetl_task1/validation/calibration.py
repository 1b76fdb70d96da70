"""Do probabilities mean what they say? Reliability curves and the expected calibration error."""

import numpy as np
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss, log_loss

from .result import Result

N_BINS = 10


class Curve(Result, frozen=True):
    """A reliability curve over equally wide bins; empty bins are left out."""

    confidence: list[float]
    """Mean predicted probability per bin."""
    frequency: list[float]
    """Share of the bin's epochs for which the prediction was true."""
    count: list[int]
    """Epochs per bin."""

    @property
    def error(self) -> float:
        """Expected calibration error: mean absolute gap, weighted by the epochs of the bins (Naeini et al. 2015)."""
        gap = np.abs(np.array(self.confidence) - np.array(self.frequency))
        return float(np.average(gap, weights=self.count))


class Calibration(Result, frozen=True):
    """Calibration of probabilities."""

    ece: float
    """Expected calibration error of the most probable stage, 0 to 1."""
    log_loss: float
    """Mean negative log-probability of the truth, in nats."""
    brier: float
    """Mean squared distance between the probabilities and the truth, 0 to 2."""
    top: Curve
    """Of the most probable stage."""
    stages: dict[str, Curve]
    """Of each stage against the rest."""


def calibration(truth: np.ndarray, probabilities: np.ndarray, stages: tuple[str, ...]) -> Calibration:
    """Return the calibration of probabilities against the truth.

    Parameters
    ----------
    truth : array (n_epochs,)
        Labels.
    probabilities : array (n_epochs, n_stages)
        Rows sum to 1, within the rounding of their file.
    stages : tuple of str
        Names of the columns.
    """
    p = np.asarray(probabilities, dtype=np.float64).clip(0, 1)
    exact, numbers = p / p.sum(axis=1, keepdims=True), np.arange(p.shape[1])
    top = reliability(p.max(axis=1), p.argmax(axis=1) == truth)
    return Calibration(
        ece=top.error,
        log_loss=float(log_loss(truth, exact, labels=numbers)),
        brier=float(brier_score_loss(truth, exact, labels=numbers)),
        top=top,
        stages={stage: reliability(p[:, k], truth == k) for k, stage in enumerate(stages)},
    )


def reliability(confidence: np.ndarray, hit: np.ndarray) -> Curve:
    """Return the reliability curve of predicted probabilities, over :data:`N_BINS` bins from 0 to 1.

    Parameters
    ----------
    confidence : array (n,)
        0 to 1.
    hit : array (n,), bool
        Whether the prediction was true.
    """
    frequency, mean = calibration_curve(hit, confidence, n_bins=N_BINS)
    count = np.bincount(np.searchsorted(np.linspace(0, 1, N_BINS + 1)[1:-1], confidence))  # the bins of scikit-learn
    return Curve(mean.tolist(), frequency.tolist(), count[count > 0].tolist())
