"""Multinomial logistic regression on features."""

from typing import Any

from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ..typed import Count, Positive
from .tabular import TabularModel, TabularSettings


class FeaturesLogreg(TabularModel):
    """Standardised features, then an L2-regularised multinomial logistic regression of inverse strength ``C``.

    The seed is that of the draw of source epochs.
    """

    class Settings(TabularSettings, frozen=True):
        """What a recipe may set."""

        C: Positive = 0.1
        source_cap: Count = 6000

    settings: Settings
    one_thread = True  # the solver stops before the optimum, and where it stops depends on the order of sums

    def make_classifier(self) -> tuple[Any, str]:
        """Return the pipeline, and the name of its argument for weights."""
        regression = LogisticRegression(C=self.settings.C, max_iter=300, tol=1e-3)
        return make_pipeline(StandardScaler(), regression), "logisticregression__sample_weight"
