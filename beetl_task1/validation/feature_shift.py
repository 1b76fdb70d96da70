"""How far the features of the test set lie from those of the target, subject by subject."""

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.stats import ks_2samp, permutation_test
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ..data.recording import RecordingKey
from ..errors import BeetlError
from .result import Result

PER_NIGHT = 150
"""Epochs of a night that the comparison of features looks at."""
N_PERMUTATIONS = 999
SHOWN = 12
"""Features that are listed, those that differ most."""


class FeatureShift(Result, frozen=True):
    """Difference of the features between target and test."""

    difference: dict[str, float]
    """Of the features that differ most: mean over test subjects less that over target subjects, in standard deviations
    over subjects."""
    kolmogorov: dict[str, float]
    """Largest distance between the distributions of the same features over epochs (0 to 1)."""
    mean: float
    """Mean absolute difference over all features."""
    by_chance: float
    """The same when subjects change sides at random."""
    p_value: float
    """How often that gives as much."""
    auc: float
    """How well epochs of unseen subjects are told to be target or test by their features: 0.5 not at all, 1 always."""
    n_features: int
    """Features that were compared."""


def feature_shift(
    target: Mapping[RecordingKey, np.ndarray],
    test: Mapping[RecordingKey, np.ndarray],
    names: Sequence[str],
) -> FeatureShift:
    """Compare the features of the test nights with those of the target nights, subject by subject.

    Parameters
    ----------
    target, test : mapping of RecordingKey to array (n_epochs, n_features)
        Features of each night.
    names : sequence of str
        Of the columns.

    Raises
    ------
    BeetlError
        With fewer than two subjects on a side.
    """
    here, there = _subject_means(target), _subject_means(test)
    if min(len(here), len(there)) < 2:
        raise BeetlError(f"features: {len(here)} target and {len(there)} test subjects; expected two or more of each")
    difference = _standardised(here, there)
    order = np.argsort(-np.abs(difference))[:SHOWN]
    sample_target, sample_test = (_sample(side) for side in (target, test))
    by_chance, p_value = _permuted(here, there)
    return FeatureShift(
        difference={names[k]: float(difference[k]) for k in order},
        kolmogorov={names[k]: float(ks_2samp(sample_target[0][:, k], sample_test[0][:, k]).statistic) for k in order},
        mean=float(np.abs(difference).mean()),
        by_chance=by_chance,
        p_value=p_value,
        auc=_told_apart(sample_target, sample_test),
        n_features=len(names),
    )


def _subject_means(nights: Mapping[RecordingKey, np.ndarray]) -> np.ndarray:
    subjects: dict[int, list[np.ndarray]] = {}
    for key in sorted(nights):
        subjects.setdefault(key.subject, []).append(nights[key])
    return np.array([np.concatenate(rows).mean(axis=0, dtype=np.float64) for rows in subjects.values()])


def _standardised(here: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Return Cohen's d per column between two sets of subjects, 0 for constant columns."""
    n, m = len(here), len(there)
    spread = ((n - 1) * here.var(axis=0, ddof=1) + (m - 1) * there.var(axis=0, ddof=1)) / (n + m - 2)
    gap = there.mean(axis=0) - here.mean(axis=0)
    size: np.ndarray = np.divide(gap, np.sqrt(spread), out=np.zeros_like(gap), where=spread > 1e-12)
    return size


def _permuted(here: np.ndarray, there: np.ndarray) -> tuple[float, float]:
    """Return the mean absolute difference when subjects change sides, and how often it is as large as the real one."""
    subjects = np.concatenate([here, there])
    sides = np.split(np.arange(len(subjects)), [len(here)])
    found = permutation_test(
        sides,
        lambda a, b: np.abs(_standardised(subjects[a], subjects[b])).mean(),
        vectorized=False,
        n_resamples=N_PERMUTATIONS,
        alternative="greater",
        rng=np.random.default_rng(0),
    )
    return float(np.mean(found.null_distribution)), float(found.pvalue)


def _sample(nights: Mapping[RecordingKey, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return some epochs of every night, and the subject of each."""
    rng = np.random.default_rng(0)
    rows, subjects = [], []
    for key in sorted(nights):
        night = nights[key]
        chosen = rng.choice(len(night), min(PER_NIGHT, len(night)), replace=False)
        rows.append(night[chosen])
        subjects += [key.subject] * len(chosen)
    return np.concatenate(rows), np.array(subjects)


def _told_apart(target: tuple[np.ndarray, np.ndarray], test: tuple[np.ndarray, np.ndarray]) -> float:
    """Return the area under the curve of a logistic regression that tells test from target, by unseen subjects."""
    X = np.concatenate([target[0], test[0]])
    y = np.repeat([0, 1], [len(target[0]), len(test[0])])
    groups = np.concatenate([target[1], test[1]])
    folds = StratifiedGroupKFold(min(5, *(len(np.unique(side[1])) for side in (target, test))))
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, class_weight="balanced", max_iter=200))
    p = cross_val_predict(model, X, y, groups=groups, cv=folds, method="predict_proba")[:, 1]
    return float(roc_auc_score(y, p))
