"""The leaderboard's score: 100 x balanced accuracy over the pooled test epochs."""

import numpy as np

from .errors import BeetlError
from .task import N_OUTPUTS


def leaderboard_score(truth: np.ndarray, labels: np.ndarray) -> float:
    """Score labels as the leaderboard does, unrounded.

    Each correct epoch earns ``100 / (n_classes * n_epochs_of_its_class)``, so the sum is 100 x the mean recall over the
    classes that the truth holds. The organisers' scorer rounds to 2 decimals, and divides by zero where a class below
    the highest one present is absent from the truth; here an absent class is left out of the mean, whichever it is.

    Parameters
    ----------
    truth, labels : array (n_epochs,)
        Stages 0..5, whole numbers of any type, pooled over all test recordings in the same order.

    Returns
    -------
    float
        0 to 100.

    Raises
    ------
    BeetlError
        If the lengths differ, nothing is given, or a value is not a stage.
    """
    truth, labels = whole_stages("truth", truth), whole_stages("labels", labels)
    if len(truth) != len(labels):
        raise BeetlError(
            f"{len(labels)} labels for {len(truth)} true ones; both must list the same epochs in the same order"
        )
    recall = stage_recall(truth, labels)
    return float(100 * np.nanmean(recall))


def stage_recall(truth: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the recall of each stage, NaN where the truth lacks it.

    Parameters
    ----------
    truth, labels : array (n_epochs,)
        Stages 0..5.

    Returns
    -------
    numpy.ndarray (6,)
        0 to 1, or NaN.
    """
    truth, labels = np.asarray(truth), np.asarray(labels)
    total = np.bincount(truth, minlength=N_OUTPUTS)
    correct = np.bincount(truth[truth == labels], minlength=N_OUTPUTS)
    recall: np.ndarray = np.divide(correct, total, out=np.full(N_OUTPUTS, np.nan), where=total > 0)
    return recall


def kappa(one: np.ndarray, other: np.ndarray) -> float | None:
    """Return Cohen's kappa of two lists of labels; None where both hold one and the same value only, or nothing."""
    from sklearn.metrics import cohen_kappa_score

    return float(cohen_kappa_score(one, other)) if len(np.unique([one, other])) > 1 else None


def whole_stages(name: str, values: np.ndarray) -> np.ndarray:
    """Return stages 0..5 (n_epochs,) as int64, or a :class:`BeetlError` that calls them ``name``."""
    values = np.asarray(values)
    if values.ndim != 1 or len(values) == 0:
        raise BeetlError(f"{name}: expected one stage per epoch, got shape {values.shape}")
    if values.dtype.kind not in "iuf" or not np.isin(values, range(N_OUTPUTS)).all():
        raise BeetlError(f"{name}: expected integers 0 to {N_OUTPUTS - 1}, got {np.unique(values)[:8]}")
    return values.astype(np.int64)
