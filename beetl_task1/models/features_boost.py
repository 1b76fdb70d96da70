"""Boosted trees on features."""

from typing import Any

import numpy as np
from msgspec.structs import asdict

from ..features import Night
from ..typed import AtLeast0, AtLeast1, Count, Positive
from .tabular import TabularModel, TabularSettings, looked_up


class FeaturesBoost(TabularModel):
    """Histogram gradient boosting (Van der Donckt et al. 2022 use boosted trees on features of the same kind).

    The seed is that of the columns that each split may choose from, and of the draw of source epochs. What a recipe may
    set are the names of scikit-learn's ``HistGradientBoostingClassifier``.
    """

    class Settings(TabularSettings, frozen=True):
        """What a recipe may set."""

        max_iter: AtLeast1 = 60
        learning_rate: Positive = 0.1
        max_leaf_nodes: AtLeast1 = 15
        min_samples_leaf: AtLeast1 = 50
        max_bins: AtLeast1 = 63
        max_features: Positive = 0.3
        l2_regularization: AtLeast0 = 1.0
        source_cap: Count = 3000

    settings: Settings

    def make_classifier(self, n_columns: int) -> tuple[Any, str]:
        """Return the pipeline, and the name of its argument for weights.

        Features are binned before the boosting: its own binning weighs every quantile by the epochs' weights, which
        takes several times as long as growing the trees.
        """
        from sklearn.ensemble import HistGradientBoostingClassifier
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import KBinsDiscretizer

        own = {k: v for k, v in asdict(self.settings).items() if k not in TabularSettings.__struct_fields__}
        bins = KBinsDiscretizer(
            self.settings.max_bins,
            encode="ordinal",
            quantile_method="linear",
            subsample=50_000,
            random_state=self.seed,
            dtype=np.float32,
        )
        boosting = HistGradientBoostingClassifier(**own, early_stopping=False, random_state=self.seed)
        return make_pipeline(bins, boosting), "histgradientboostingclassifier__sample_weight"

    def classify(self, table: np.ndarray, night: Night) -> np.ndarray:
        """Return probabilities; bins as the pipeline finds them, column by column, as trees look at them."""
        bins, boosting = self.classifier_

        def bin_of(i: int, x: np.ndarray) -> np.ndarray:
            return np.searchsorted(bins.bin_edges_[i][1:-1], x, side="right")

        return np.asarray(boosting.predict_proba(looked_up(table.T, bin_of, night.order).T))
