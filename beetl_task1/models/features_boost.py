"""Boosted trees on features."""

from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import KBinsDiscretizer

from ..typed import AtLeast0, AtLeast1, Count, Positive
from .tabular import TabularModel, TabularSettings


class FeaturesBoost(TabularModel):
    """Histogram gradient boosting (Van der Donckt et al. 2022 use boosted trees on features of the same kind).

    The seed is that of the columns that each split may choose from, and of the draw of source epochs.
    """

    class Settings(TabularSettings, frozen=True):
        """What a recipe may set.

        Parameters
        ----------
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
        """

        max_iter: AtLeast1 = 60
        learning_rate: Positive = 0.1
        max_leaf_nodes: AtLeast1 = 15
        min_samples_leaf: AtLeast1 = 50
        max_bins: AtLeast1 = 63
        max_features: Positive = 0.3
        l2_regularization: AtLeast0 = 1.0
        source_cap: Count = 3000

    settings: Settings

    def make_classifier(self) -> tuple[Any, str]:
        """Return the pipeline, and the name of its argument for weights.

        Features are binned before the boosting: its own binning weighs every quantile by the epochs' weights, which
        takes several times as long as growing the trees.
        """
        made = self.settings
        bins = KBinsDiscretizer(
            made.max_bins,
            encode="ordinal",
            quantile_method="linear",
            subsample=50_000,
            random_state=self.seed,
            dtype=np.float32,
        )
        boosting = HistGradientBoostingClassifier(
            max_iter=made.max_iter,
            learning_rate=made.learning_rate,
            max_leaf_nodes=made.max_leaf_nodes,
            min_samples_leaf=made.min_samples_leaf,
            max_bins=made.max_bins,
            max_features=made.max_features,
            l2_regularization=made.l2_regularization,
            early_stopping=False,
            random_state=self.seed,
        )
        return make_pipeline(bins, boosting), "histgradientboostingclassifier__sample_weight"
