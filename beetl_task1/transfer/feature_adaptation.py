"""Transfers of models on features: standardisation by recording, CORAL, importance weights."""

from dataclasses import dataclass

import numpy as np

from ..models.checks import check_number
from .registry import register_transfer
from .skada_quietly import import_skada

SMALLEST = 1e-9
MOST_FITTED = 20000
"""Rows of either domain that importance weights are fitted on at most."""


@dataclass
class FeatureTransfer:
    """What a transfer may change of a model on features; here, nothing."""

    for_networks = False
    uses_target = True
    uses_unlabelled = True

    def night(self, X: np.ndarray) -> np.ndarray:
        """Return the features of one night, changed, shape ``(n_epochs, n_features)``."""
        return X

    def adapt(self, source: np.ndarray, target: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the source's features, changed, and a weight for each of its rows.

        Parameters
        ----------
        source, target : array (n_rows, n_features)
            The target's rows are those of labelled and unlabelled nights together.
        seed : int
            Of whatever is drawn.
        """
        return source, np.ones(len(source))


@register_transfer("standardise")
@dataclass
class Standardise(FeatureTransfer):
    """Bring each feature of each night to mean 0 and standard deviation 1."""

    uses_target = False
    uses_unlabelled = False

    def night(self, X):
        """Return the standardised night."""
        return (X - X.mean(axis=0)) / np.maximum(X.std(axis=0), SMALLEST)


@register_transfer("coral")
@dataclass
class Coral(FeatureTransfer):
    """Give the source the mean and covariance of the target (Sun et al. 2016), by skada's ``CORALAdapter``.

    Features are brought to the source's scale first, for the shrunk covariance depends on it.

    Parameters
    ----------
    shrinkage : float
        Of the covariances, 0 to 1.
    """

    shrinkage: float = 0.1

    def __post_init__(self):
        check_number("transfer coral", "shrinkage", self.shrinkage, 0, 1)

    def adapt(self, source, target, seed):
        """Return the source, aligned."""
        skada = import_skada()

        mean, scale = source.mean(axis=0), np.maximum(source.std(axis=0), SMALLEST)
        X = (np.concatenate([source, target]) - mean) / scale
        domain = np.repeat([1, -2], [len(source), len(target)])
        adapter = skada.CORALAdapter(reg=float(self.shrinkage)).fit(X, sample_domain=domain)
        moved = adapter.transform(X[: len(source)], sample_domain=domain[: len(source)], allow_source=True)
        return (moved + adapter.mean_target_) * scale + mean, np.ones(len(source))


@register_transfer("importance")
@dataclass
class Importance(FeatureTransfer):
    """Weigh source epochs by how much they look like the target, by the odds that a classifier gives (Shimodaira 2000).

    Not by skada's ``DiscriminatorReweightAdapter``: up to 0.6.0 it gives the inverse of these weights.

    Parameters
    ----------
    power : float
        Exponent of the weights; below 1 they are evened out.
    most : float
        Largest weight, before they are brought to the mean 1.
    """

    power: float = 0.5
    most: float = 10.0

    def __post_init__(self):
        check_number("transfer importance", "power", self.power, 0)
        check_number("transfer importance", "most", self.most, 1)

    def adapt(self, source, target, seed):
        """Return the source as it is, and the weights."""
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        rng = np.random.default_rng(seed)
        fitted = [X[np.sort(rng.choice(len(X), min(len(X), MOST_FITTED), replace=False))] for X in (source, target)]
        is_target = np.repeat([0, 1], [len(X) for X in fitted])
        classifier = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=200))
        p = classifier.fit(np.concatenate(fitted), is_target).predict_proba(source)[:, 1]
        weights = p / np.maximum(1 - p, SMALLEST)
        weights = np.minimum(weights / weights.mean(), self.most) ** self.power
        return source, weights / weights.mean()
