"""Multinomial logistic regression on features."""

from typing import Any, Literal

from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import QuantileTransformer, StandardScaler

from ..typed import Count, Positive
from .tabular import TabularModel, TabularSettings


class FeaturesLogreg(TabularModel):
    """Standardised features, then an L2-regularised multinomial logistic regression of inverse strength ``C``.

    With ``inputs = "normal"`` each feature is mapped to a normal distribution by its quantiles before, so that long
    tails do not lead the fit. The seed is that of the draw of source epochs.
    """

    class Settings(TabularSettings, frozen=True):
        """What a recipe may set."""

        C: Positive = 0.1
        inputs: Literal["standard", "normal"] = "standard"
        source_cap: Count = 6000

    settings: Settings
    one_thread = True  # the solver stops before the optimum, and where it stops depends on the order of sums

    def make_classifier(self) -> tuple[Any, str]:
        """Return the pipeline, and the name of its argument for weights."""
        regression = LogisticRegression(C=self.settings.C, max_iter=300, tol=1e-3)
        quantiles = QuantileTransformer(
            n_quantiles=200, output_distribution="normal", subsample=20_000, random_state=self.seed
        )
        first = [quantiles] if self.settings.inputs == "normal" else []
        return make_pipeline(*first, StandardScaler(), regression), "logisticregression__sample_weight"
