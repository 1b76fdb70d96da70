"""Transfers of models on features: standardisation by recording, CORAL, importance weights."""

from typing import Annotated

import numpy as np
from msgspec import Meta
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ..models.tabular import FeatureTransfer
from ..typed import AtLeast0, Share
from .skada_quietly import import_skada

SMALLEST = 1e-9
MOST_FITTED = 20000
"""Rows of either domain that importance weights are fitted on at most."""


class Standardise(FeatureTransfer, frozen=True):
    """Bring each feature of each night to mean 0 and standard deviation 1."""

    name = "standardise"
    uses_target = False
    uses_unlabelled = False

    def night(self, X: np.ndarray) -> np.ndarray:
        """Return the standardised night."""
        return np.asarray((X - X.mean(axis=0)) / np.maximum(X.std(axis=0), SMALLEST))


class Coral(FeatureTransfer, frozen=True):
    """Give the source the mean and covariance of the target (Sun et al. 2016), by skada's ``CORALAdapter``.

    Features are brought to the source's scale first, for the shrunk covariance depends on it.
    """

    shrinkage: Share = 0.1  # of the covariances

    name = "coral"

    def adapt(self, source: np.ndarray, target: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the source, aligned."""
        mean, scale = source.mean(axis=0), np.maximum(source.std(axis=0), SMALLEST)
        X = (np.concatenate([source, target]) - mean) / scale
        domain = np.repeat([1, -2], [len(source), len(target)])
        adapter = import_skada().CORALAdapter(reg=float(self.shrinkage)).fit(X, sample_domain=domain)
        moved = adapter.transform(X[: len(source)], sample_domain=domain[: len(source)], allow_source=True)
        return (moved + adapter.mean_target_) * scale + mean, np.ones(len(source))


class Importance(FeatureTransfer, frozen=True):
    """Weigh source epochs by how much they look like the target, by the odds that a classifier gives (Shimodaira 2000).

    Not by skada's ``DiscriminatorReweightAdapter``: up to 0.6.0 it gives the inverse of these weights.
    """

    power: AtLeast0 = 0.5  # exponent of the weights; below 1 they are evened out
    most: Annotated[float, Meta(ge=1)] = 10.0  # largest weight, before they are brought to the mean 1

    name = "importance"

    def adapt(self, source: np.ndarray, target: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the source as it is, and the weights."""
        rng = np.random.default_rng(seed)
        fitted = [X[np.sort(rng.choice(len(X), min(len(X), MOST_FITTED), replace=False))] for X in (source, target)]
        is_target = np.repeat([0, 1], [len(X) for X in fitted])
        classifier = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=200))
        p = classifier.fit(np.concatenate(fitted), is_target).predict_proba(source)[:, 1]
        weights = p / np.maximum(1 - p, SMALLEST)
        weights = np.minimum(weights / weights.mean(), self.most) ** self.power
        return source, weights / weights.mean()
