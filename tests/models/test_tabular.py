"""Models on features: weights of epochs, and nights that bring their own table."""

import numpy as np
import pytest
from tiny import made, night, nights, relabelled

SOURCE = nights("25-64", (0, 1))
TARGET = [relabelled(n, (n.y + 1) % 6) for n in nights("65-79", (0, 1))]
"""Stages go by other names than in the source, so that one cannot learn from both."""


@pytest.mark.parametrize("name", ["features-logreg", "features-boost"])
def test_the_weight_of_the_target_decides_between_source_and_target(name, cache):
    few = {"min_samples_leaf": 5, "max_iter": 20} if name == "features-boost" else {}
    new = relabelled(night(7, group="65-79"), (night(7, group="65-79").y + 1) % 6)

    def right(weight):
        model = made(name, {"target_weight": weight, **few}).fit(source=SOURCE, target=TARGET)
        return (model.predict_proba(new).argmax(1) == new.y).mean()

    assert right(0.01) < 0.3
    assert right(100.0) > 0.7


@pytest.mark.parametrize("weight", [1.0, 3.0])
def test_a_target_epoch_counts_as_often_as_its_weight_says(weight):
    """Before stages are balanced, a target epoch has ``weight`` times the weight of one of the source."""
    model = made("features-logreg", {"target_weight": weight, "balance": 0, "source_cap": 0})
    fitted = {}

    class Spy:
        def fit(self, X, y, weights):
            fitted.update(weights=weights)

    model.make_classifier = lambda: (Spy(), "weights")
    model.fit(source=SOURCE[:1], target=TARGET[:1])
    source, target = fitted["weights"][:24], fitted["weights"][24:]
    np.testing.assert_allclose(source, source[0])
    np.testing.assert_allclose(target, weight * source[0])
    assert fitted["weights"].mean() == pytest.approx(1)
