"""Every registered model keeps the contract; registering one is what tests it."""

import numpy as np
import pytest
from safetensors.torch import load, save

from beetl_task1.data.files import DataFolder
from beetl_task1.data.recording import Recording
from beetl_task1.errors import BeetlError, CheckpointError
from beetl_task1.models.base import Predictor, Resources
from beetl_task1.models.network import Network
from beetl_task1.models.registry import make, model_class, model_names, parameter_names, register

FAST = {"batch_size": 16, "holdout": 0, "passes": 4, "lr": 1e-2}
ONE_PASS = FAST | {"passes": 1, "pass_epochs": 32}
QUICK = {
    "features-boost": {"max_iter": 5, "min_samples_leaf": 5},
    "attnsleep": {"n_encoders": 1, "n_filters": 10, "training": ONE_PASS},
    "blanco": {"n_conv_chans": 12, "drop_prob": 0.0, "apply_batch_norm": True, "training": FAST | {"passes": 6}},
    "chambon": {"n_conv_chs": 4, "drop_prob": 0.0, "training": FAST},
    "deepsleepnet": {"small_filters": 8, "large_filters": 8, "lstm_size": 16, "drop_prob": 0.0, "training": FAST},
    "eegnet": {"F1": 4, "kernel_seconds": 0.32, "drop_prob": 0.0, "training": FAST | {"passes": 6}},
    "relative-positioning": {"training": FAST | {"passes": 2}},
    "shallow": {"n_filters": 8, "drop_prob": 0.0, "training": FAST},
    "two-branch": {"n_filters": 8, "drop_prob": 0.0, "training": FAST},
    "usleep": {"depth": 3, "training": ONE_PASS},
}
"""Parameters that keep a test short."""
LEARNS_SLOWLY = {
    "attnsleep": {"n_encoders": 1, "n_filters": 10, "training": FAST | {"lr": 5e-3}},
    "usleep": {"depth": 6, "training": FAST | {"passes": 12}},
}
"""Parameters of models whose learning takes longer than a test of a moment has."""
NETWORKS = [name for name in model_names() if issubclass(model_class(name), Network)]


@pytest.fixture(scope="module")
def nights(tree):
    data = DataFolder(tree)
    return (
        data.recordings("25-64", "source")[:4],
        data.recordings("65-79", "target")[:2],
        data.recordings("65-79", "test"),
    )


def fit(name, nights, cache, seed=0, jobs=1, parameters=QUICK):
    """Train from scratch: nothing that an earlier training left is taken up."""
    resources = Resources(cache, jobs=jobs, resume=False)
    model = make(name, parameters.get(name, {}), seed=seed, resources=resources)
    model.prepare([*nights[0], *nights[1]])
    return model.fit(source=nights[0], target=nights[1])


@pytest.fixture(scope="module", params=model_names())
def fitted(request, nights, cache):
    """Return a name and its model, fitted once for all tests; they must not change it."""
    return request.param, fit(request.param, nights, cache)


def score(model, nights, tree):
    truth = np.loadtxt(tree / "truth" / "65-79.txt", dtype=int)
    labels = np.concatenate([model.predict_proba(r).argmax(1) for r in nights[2]])
    return (labels == truth).mean()


def test_probabilities(fitted, nights):
    model = fitted[1]
    assert isinstance(model, Predictor)
    for recording in nights[2]:
        p = model.predict_proba(recording)
        assert p.shape == (recording.n_epochs, 6)
        assert np.isfinite(p).all()
        assert p.min() >= 0
        np.testing.assert_allclose(p.sum(1), 1, atol=1e-5)


def test_learns_what_is_easy(fitted, nights, tree):
    if fitted[0] in LEARNS_SLOWLY:
        pytest.skip("takes longer; test_learns_with_time does it")
    assert score(fitted[1], nights, tree) > 0.7


@pytest.mark.slow
@pytest.mark.parametrize("name", LEARNS_SLOWLY)
def test_learns_with_time(name, nights, cache, tree):
    assert score(fit(name, nights, cache, parameters=LEARNS_SLOWLY), nights, tree) > 0.7


def test_same_seed_same_model(fitted, nights, cache):
    name, model = fitted
    again = fit(name, nights, cache)
    np.testing.assert_array_equal(model.predict_proba(nights[2][0]), again.predict_proba(nights[2][0]))
    if name in NETWORKS:
        assert model.to_bytes() == again.to_bytes()


def test_number_of_jobs_changes_nothing(fitted, nights, cache):
    """Labels must come out the same on another machine's number of cores."""
    name, model = fitted
    if not getattr(model, "same_over_jobs", True):
        pytest.skip("sums over another number of threads round otherwise")
    two = fit(name, nights, cache, jobs=2).predict_proba(nights[2][0])
    np.testing.assert_allclose(model.predict_proba(nights[2][0]), two, atol=1e-9)


def test_saved_and_read_back(fitted, nights, cache):
    name, model = fitted
    again = make(name, QUICK.get(name, {}), seed=1, resources=Resources(cache)).from_bytes(model.to_bytes())
    np.testing.assert_array_equal(again.predict_proba(nights[2][0]), model.predict_proba(nights[2][0]))
    if name in NETWORKS:
        assert again.to_bytes() == model.to_bytes(), "prediction leaves the weights as they are"


def test_damaged_weights_are_refused(fitted, cache):
    name, model = fitted
    content = model.to_bytes()
    for damaged in (b"", content[: len(content) // 2], content[:-1]):
        with pytest.raises(CheckpointError, match="train again") as error:
            make(name, QUICK.get(name, {}), seed=0, resources=Resources(cache)).from_bytes(damaged)
        assert "\n" not in str(error.value)


@pytest.fixture(scope="module")
def untrained():
    """Return a function from the name of a network to its untrained weights."""
    from beetl_task1.models import engine

    def content(name):
        model = make(name, QUICK[name], seed=0, resources=Resources())
        model.module_ = engine.fresh_module(model)
        return model.to_bytes()

    return content


def without_one(tensors):
    return dict(sorted(tensors.items())[:-1])


def with_another(tensors):
    return tensors | {"more": tensors[min(tensors)].clone()}


def of_another_shape(tensors):
    name = max(tensors, key=lambda name: tensors[name].numel())
    return tensors | {name: tensors[name][:-1].clone()}


@pytest.mark.parametrize("damage", [without_one, with_another, of_another_shape])
@pytest.mark.parametrize("name", NETWORKS)
def test_weights_of_another_network_are_refused(name, damage, untrained):
    content = save(damage(load(untrained(name))))
    with pytest.raises(CheckpointError, match=r"weights are not of this network .*train again") as error:
        make(name, QUICK[name], seed=0, resources=Resources()).from_bytes(content)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("name", "other"), list(zip(NETWORKS, NETWORKS[1:] + NETWORKS[:1], strict=True)))
def test_weights_of_another_model_are_refused(name, other, untrained):
    with pytest.raises(CheckpointError, match=r"weights are not of this network .*train again"):
        make(name, QUICK[name], seed=0, resources=Resources()).from_bytes(untrained(other))


def test_order_of_epochs_does_not_matter(fitted, nights, rng):
    """A night is a set."""
    model, night = fitted[1], nights[2][0]
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
