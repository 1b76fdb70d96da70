"""Multinomial logistic regression on features."""

from .base import Resources
from .registry import register
from .tabular import TabularModel


@register("features-logreg")
class FeaturesLogreg(TabularModel):
    """Standardised features, then an L2-regularised multinomial logistic regression.

    Parameters
    ----------
    seed : int
        Seed of the draw of source epochs.
    resources : Resources
        Where features are cached, and how many processes compute them.
    C : float
        Inverse strength of the penalty.
    source_cap : int
        Source epochs of a stage that train at most, drawn by the seed and weighted for those left out; 0 for all.
    target_weight, balance : float
        As in :class:`TabularModel`.
    """

    one_thread = True  # the solver stops before the optimum, and where it stops depends on the order of sums

    def __init__(
        self,
        *,
        seed: int,
        resources: Resources,
        C: float = 0.1,
        source_cap: int = 6000,
        target_weight: float = 3.0,
        balance: float = 0.5,
    ):
        super().__init__(seed=seed, resources=resources, target_weight=target_weight, balance=balance)
        self.C, self.source_cap = C, source_cap

    def make_classifier(self):
        """Return the pipeline, and the name of its argument for weights."""
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        regression = LogisticRegression(C=self.C, max_iter=300, tol=1e-3)
        return make_pipeline(StandardScaler(), regression), "logisticregression__sample_weight"
