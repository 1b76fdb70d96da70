"""Do probabilities mean what they say? Reliability curves and the expected calibration error."""

from dataclasses import dataclass

import numpy as np

N_BINS = 10


@dataclass(frozen=True)
class Curve:
    """A reliability curve over equally wide bins; empty bins are left out.

    Attributes
    ----------
    confidence : list of float
        Mean predicted probability per bin.
    frequency : list of float
        Share of the bin's epochs for which the prediction was true.
    count : list of int
        Epochs per bin.
    """

    confidence: list[float]
    frequency: list[float]
    count: list[int]

    @property
    def error(self) -> float:
        """Expected calibration error: mean absolute gap, weighted by the epochs of the bins (Naeini et al. 2015)."""
        gap = np.abs(np.array(self.confidence) - np.array(self.frequency))
        return float(np.average(gap, weights=self.count))


@dataclass(frozen=True)
class Calibration:
    """Calibration of probabilities.

    Attributes
    ----------
    ece : float
        Expected calibration error of the most probable stage, 0 to 1.
    log_loss : float
        Mean negative log-probability of the truth, in nats.
    brier : float
        Mean squared distance between the probabilities and the truth, 0 to 2.
    top : Curve
        Of the most probable stage.
    stages : dict of str to Curve
        Of each stage against the rest.
    """

    ece: float
    log_loss: float
    brier: float
    top: Curve
    stages: dict[str, Curve]


def calibration(truth: np.ndarray, probabilities: np.ndarray, stages: tuple[str, ...]) -> Calibration:
    """Return the calibration of probabilities against the truth.

    Parameters
    ----------
    truth : array (n_epochs,)
        Labels.
    probabilities : array (n_epochs, n_stages)
        Rows sum to 1.
    stages : tuple of str
        Names of the columns.
    """
    p = np.asarray(probabilities, dtype=np.float64)
    hit = np.eye(p.shape[1])[truth]
    top = reliability(p.max(axis=1), p.argmax(axis=1) == truth)
    own = np.clip(p[np.arange(len(p)), truth], 1e-15, None)
    return Calibration(
        ece=top.error,
        log_loss=float(-np.log(own).mean()),
        brier=float(((p - hit) ** 2).sum(axis=1).mean()),
        top=top,
        stages={stage: reliability(p[:, k], truth == k) for k, stage in enumerate(stages)},
    )


def reliability(confidence: np.ndarray, hit: np.ndarray, n_bins: int = N_BINS) -> Curve:
    """Return the reliability curve of predicted probabilities.

    Parameters
    ----------
    confidence : array (n,)
        0 to 1.
    hit : array (n,), bool
        Whether the prediction was true.
    n_bins : int
        Equally wide, from 0 to 1.
    """
    edges = np.linspace(0, 1, n_bins + 1)
    which = np.searchsorted(edges[1:-1], confidence)
    count = np.bincount(which, minlength=n_bins)
    there = count > 0
    mean = np.bincount(which, weights=confidence, minlength=n_bins)[there] / count[there]
    share = np.bincount(which, weights=hit, minlength=n_bins)[there] / count[there]
    return Curve(mean.tolist(), share.tolist(), count[there].tolist())
