"""Boosted trees on features."""

import numpy as np

from .base import Resources
from .registry import register
from .tabular import TabularModel


@register("features-boost")
class FeaturesBoost(TabularModel):
    """Histogram gradient boosting (Van der Donckt et al. 2022 use boosted trees on features of the same kind).

    Parameters
    ----------
    seed : int
        Seed of the columns that each split may choose from.
    resources : Resources
        Where features are cached, and how many processes compute them.
    max_iter : int
        Trees per class.
    learning_rate : float
        Shrinkage of each tree.
    max_leaf_nodes, min_samples_leaf : int
        Size of a tree.
    max_bins : int
        Bins of a feature.
    max_features : float
        Share of the columns that a split may choose from.
    l2_regularization : float
        Penalty of leaf values.
    source_cap : int
        Source epochs of a stage that train at most, drawn by the seed and weighted for those left out; 0 for all.
    target_weight, balance : float
        As in :class:`TabularModel`.
    """

    def __init__(
        self,
        *,
        seed: int,
        resources: Resources,
        max_iter: int = 60,
        learning_rate: float = 0.1,
        max_leaf_nodes: int = 15,
        min_samples_leaf: int = 50,
        max_bins: int = 63,
        max_features: float = 0.3,
        l2_regularization: float = 1.0,
        source_cap: int = 3000,
        target_weight: float = 3.0,
        balance: float = 0.5,
    ):
        super().__init__(seed=seed, resources=resources, target_weight=target_weight, balance=balance)
        self.max_iter, self.learning_rate = max_iter, learning_rate
        self.source_cap = source_cap
        self.max_leaf_nodes, self.min_samples_leaf = max_leaf_nodes, min_samples_leaf
        self.max_bins, self.max_features, self.l2_regularization = max_bins, max_features, l2_regularization

    def make_classifier(self):
        """Return the pipeline, and the name of its argument for weights.

        Features are binned before the boosting: its own binning weighs every quantile by the epochs' weights, which
        takes several times as long as growing the trees.
        """
        from sklearn.ensemble import HistGradientBoostingClassifier
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import KBinsDiscretizer

        bins = KBinsDiscretizer(
            self.max_bins, encode="ordinal", quantile_method="linear", subsample=50_000, random_state=self.seed
        )
        boosting = HistGradientBoostingClassifier(
            max_iter=self.max_iter,
            learning_rate=self.learning_rate,
            max_leaf_nodes=self.max_leaf_nodes,
            min_samples_leaf=self.min_samples_leaf,
            max_bins=self.max_bins,
            max_features=self.max_features,
            l2_regularization=self.l2_regularization,
            early_stopping=False,
            random_state=self.seed,
        )
        return make_pipeline(
            bins.set_params(dtype=np.float32), boosting
        ), "histgradientboostingclassifier__sample_weight"
