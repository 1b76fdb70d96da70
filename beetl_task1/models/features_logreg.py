"""Multinomial logistic regression on features."""

from typing import Any, Literal

import numpy as np

from ..features import Night
from ..typed import Count, Positive
from .tabular import TabularModel, TabularSettings, quantiles_to_normal


class FeaturesLogreg(TabularModel):
    """Standardised features, then an L2-regularised multinomial logistic regression of inverse strength ``C``.

    With ``inputs = "normal"`` each feature is mapped to a normal distribution by its quantiles before, so that long
    tails do not lead the fit. With ``kernel`` the regression is not on features but on how near an epoch is to so many
    epochs drawn from those that train (Nystroem's approximation of a Gaussian kernel, Williams & Seeger 2001), at
    ``exp(-width * d ** 2)`` with ``d ** 2`` the mean squared distance over the features. The seed is that of what is
    drawn.
    """

    class Settings(TabularSettings, frozen=True):
        """What a recipe may set."""

        C: Positive = 0.1
        inputs: Literal["standard", "normal"] = "standard"
        kernel: Count = 0
        width: Positive = 0.25
        source_cap: Count = 6000

    settings: Settings
    one_thread = True  # the solver stops before the optimum, and where it stops depends on the order of sums

    def make_classifier(self, n_columns: int) -> tuple[Any, str]:
        """Return the pipeline, and the name of its argument for weights."""
        from sklearn.kernel_approximation import Nystroem
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        regression = LogisticRegression(C=self.settings.C, max_iter=300, tol=1e-3)
        steps = (
            [quantiles_to_normal(self.seed), StandardScaler()]
            if self.settings.inputs == "normal"
            else [StandardScaler()]
        )
        if n_near := self.settings.kernel:
            gamma = self.settings.width / n_columns
            steps += [Nystroem(gamma=gamma, n_components=n_near, random_state=self.seed), StandardScaler()]
        return make_pipeline(*steps, regression), "logisticregression__sample_weight"

    def classify(self, table: np.ndarray, night: Night) -> np.ndarray:
        """Return probabilities; normal scores are not asked of scikit-learn, which takes most of the time otherwise."""
        if self.settings.inputs == "standard":
            return super().classify(table, night)
        scores = self.scores(self.classifier_[0], table, night)
        return np.asarray(self.classifier_[1:].predict_proba(scores))
