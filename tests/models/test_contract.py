"""Every registered model keeps the contract; registering one is what tests it."""

import numpy as np
import pytest

from beetl_task1.data.files import DataFolder
from beetl_task1.data.recording import Recording
from beetl_task1.errors import BeetlError, CheckpointError
from beetl_task1.models.base import Predictor, Resources
from beetl_task1.models.registry import make, model_names, parameter_names, register

QUICK = {"features-boost": {"max_iter": 5, "min_samples_leaf": 5}}
"""Parameters that keep a test short."""


@pytest.fixture(scope="module")
def nights(tree):
    data = DataFolder(tree)
    return (
        data.recordings("25-64", "source")[:4],
        data.recordings("65-79", "target")[:2],
        data.recordings("65-79", "test"),
    )


@pytest.fixture(scope="module", params=model_names())
def fitted(request, nights, cache):
    def fit(seed=0):
        model = make(request.param, QUICK.get(request.param, {}), seed=seed, resources=Resources(cache))
        model.prepare([*nights[0], *nights[1]])
        return model.fit(source=nights[0], target=nights[1])

    return request.param, fit


def test_probabilities(fitted, nights):
    model = fitted[1]()
    assert isinstance(model, Predictor)
    for recording in nights[2]:
        p = model.predict_proba(recording)
        assert p.shape == (recording.n_epochs, 6)
        assert np.isfinite(p).all()
        assert p.min() >= 0
        np.testing.assert_allclose(p.sum(1), 1, atol=1e-5)


def test_learns_what_is_easy(fitted, nights, tree):
    model = fitted[1]()
    truth = np.loadtxt(tree / "truth" / "65-79.txt", dtype=int)
    labels = np.concatenate([model.predict_proba(r).argmax(1) for r in nights[2]])
    assert (labels == truth).mean() > 0.7


def test_same_seed_same_probabilities(fitted, nights):
    first, second = fitted[1](seed=3), fitted[1](seed=3)
    np.testing.assert_array_equal(first.predict_proba(nights[2][0]), second.predict_proba(nights[2][0]))


def test_number_of_jobs_changes_nothing(fitted, nights, cache):
    """Labels must come out the same on another machine's number of cores."""
    name, fit = fitted
    one = fit().predict_proba(nights[2][0])
    model = make(name, QUICK.get(name, {}), seed=0, resources=Resources(cache, jobs=2))
    two = model.fit(source=nights[0], target=nights[1]).predict_proba(nights[2][0])
    np.testing.assert_allclose(one, two, atol=1e-9)


def test_saved_and_read_back(fitted, nights, cache):
    name, fit = fitted
    model = fit()
    again = make(name, QUICK.get(name, {}), seed=0, resources=Resources(cache)).from_bytes(model.to_bytes())
    np.testing.assert_array_equal(again.predict_proba(nights[2][0]), model.predict_proba(nights[2][0]))


def test_damaged_weights_are_refused(fitted, cache):
    name, fit = fitted
    content = fit().to_bytes()
    for damaged in (b"", content[: len(content) // 2]):
        with pytest.raises(CheckpointError, match="train again"):
            make(name, {}, seed=0, resources=Resources(cache)).from_bytes(damaged)


def test_order_of_epochs_does_not_matter(fitted, nights, rng):
    """A night is a set."""
    model, night = fitted[1](), nights[2][0]
    order = rng.permutation(night.n_epochs)
    shuffled = Recording.from_arrays(night.key, night.X[order])
    np.testing.assert_allclose(model.predict_proba(shuffled), model.predict_proba(night)[order], atol=1e-5)


def test_nothing_to_train_on(fitted, cache):
    with pytest.raises(BeetlError, match="nothing to train on"):
        make(fitted[0], {}, seed=0, resources=Resources(cache)).fit(source=[], target=[])


@pytest.mark.parametrize("name", model_names())
def test_unknown_parameter(name):
    with pytest.raises(BeetlError, match=f"unknown parameter of model {name} 'target_wieght'"):
        make(name, {"target_wieght": 1}, seed=0, resources=Resources())
    assert not {"seed", "resources"} & set(parameter_names(name))


def test_names_are_unique():
    with pytest.raises(BeetlError, match="registered already"):
        register(model_names()[0])(object)
    with pytest.raises(BeetlError, match="did you mean 'features-boost'"):
        make("feature-boost", {}, seed=0, resources=Resources())


def test_skops_file_with_another_type_is_refused(nights, cache):
    """The list of trusted types is fixed; a file cannot bring its own."""
    import skops.io

    from beetl_task1.models.tabular import TRUSTED_TYPES

    content = skops.io.dumps(np.random.RandomState)
    foreign = skops.io.dumps({"f": _Foreign()})
    model = make("features-logreg", {}, seed=0, resources=Resources(cache))
    for evil in (foreign, content):
        if skops.io.get_untrusted_types(data=evil):
            with pytest.raises(CheckpointError, match="cannot be read"):
                model.from_bytes(evil)
    assert skops.io.get_untrusted_types(data=foreign)
    assert TRUSTED_TYPES == ("sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",)


class _Foreign:
    """A class that no checkpoint needs."""


def test_thinned_source_keeps_the_target_and_the_weight_of_each_stage(rng):
    from beetl_task1.models.tabular import _thinned

    y = np.concatenate([rng.choice(6, 3000, p=[0.5, 0.1, 0.3, 0.05, 0.01, 0.04]), np.arange(6).repeat(5)])
    domain = np.concatenate([np.ones(3000), np.full(30, 3.0)])
    rows, weights = _thinned(y, domain, 3000, 100, np.random.default_rng(0))
    assert set(range(3000, 3030)) <= set(rows)
    assert (weights[rows >= 3000] == 3).all()
    for stage in range(6):
        of_source = (y[rows] == stage) & (rows < 3000)
        assert of_source.sum() == min(100, (y[:3000] == stage).sum())
        assert weights[of_source].sum() == pytest.approx((y[:3000] == stage).sum())
