"""Every registered model keeps the contract; registering one is what tests it."""

import subprocess
import sys

import msgspec
import numpy as np
import pytest
from safetensors.torch import load, save
from tiny import Tiny, made

from beetl_task1.data.files import DataFolder
from beetl_task1.data.recording import Recording
from beetl_task1.errors import BeetlError, CheckpointError
from beetl_task1.models.base import Predictor, Resources
from beetl_task1.models.network import Network
from beetl_task1.models.registry import MODELS, Registry, model_class, model_names, resolve

FAST = {"batch_size": 16, "holdout": 0, "passes": 4, "lr": 1e-2}
ONE_PASS = FAST | {"passes": 1, "pass_epochs": 32}
QUICK = {
    "features-boost": {"max_iter": 5, "min_samples_leaf": 5},
    "features-set": {"width": 16, "least_steps": 40, "epochs": 16},
    "attnsleep": {"n_encoders": 1, "n_filters": 10, "training": ONE_PASS},
    "blanco": {"n_conv_chans": 12, "drop_prob": 0.0, "apply_batch_norm": True, "training": FAST | {"passes": 6}},
    "chambon": {"n_conv_chs": 4, "drop_prob": 0.0, "training": FAST},
    "braindecode": {
        "network": "Deep4Net", "n_filters_time": 8, "n_filters_spat": 8, "n_filters_2": 8, "n_filters_3": 8,
        "n_filters_4": 16, "drop_prob": 0.0, "training": FAST,
    },
    "deepsleepnet": {
        "small_n_filters_1": 8, "small_n_filters_2": 16, "large_n_filters_1": 8, "large_n_filters_2": 16,
        "bilstm_hidden_size": 16, "drop_prob": 0.0, "training": FAST,
    },
    "eegnet": {"F1": 4, "kernel_length": 32, "drop_prob": 0.0, "training": FAST | {"passes": 6}},
    "relative-positioning": {"training": FAST | {"passes": 2}},
    "shallow": {"n_filters_time": 8, "n_filters_spat": 8, "drop_prob": 0.0, "training": FAST},
    "two-branch": {"n_filters": 8, "drop_prob": 0.0, "training": FAST},
    "usleep": {"depth": 3, "training": ONE_PASS},
}  # fmt: skip
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
    model = made(name, parameters.get(name, {}), seed=seed, resources=resources)
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
    if name in NETWORKS:
        pytest.skip("sums over another number of threads round otherwise")
    two = fit(name, nights, cache, jobs=2).predict_proba(nights[2][0])
    np.testing.assert_allclose(model.predict_proba(nights[2][0]), two, atol=1e-9)


def test_saved_and_read_back(fitted, nights, cache):
    name, model = fitted
    again = made(name, QUICK.get(name, {}), seed=1, resources=Resources(cache)).from_bytes(model.to_bytes())
    np.testing.assert_array_equal(again.predict_proba(nights[2][0]), model.predict_proba(nights[2][0]))
    if name in NETWORKS:
        assert again.to_bytes() == model.to_bytes(), "prediction leaves the weights as they are"


def test_damaged_weights_are_refused(fitted, cache):
    name, model = fitted
    content = model.to_bytes()
    for damaged in (b"", content[: len(content) // 2], content[:-1]):
        with pytest.raises(CheckpointError, match="train again") as error:
            made(name, QUICK.get(name, {}), seed=0, resources=Resources(cache)).from_bytes(damaged)
        assert "\n" not in str(error.value)


@pytest.fixture(scope="module")
def untrained():
    """Return a function from the name of a network to its untrained weights."""

    def content(name):
        model = made(name, QUICK[name])
        model.module_ = model.fresh_module()
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
        made(name, QUICK[name], seed=0, resources=Resources()).from_bytes(content)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("name", "other"), list(zip(NETWORKS, NETWORKS[1:] + NETWORKS[:1], strict=True)))
def test_weights_of_another_model_are_refused(name, other, untrained):
    with pytest.raises(CheckpointError, match=r"weights are not of this network .*train again"):
        made(name, QUICK[name], seed=0, resources=Resources()).from_bytes(untrained(other))


def test_order_of_epochs_does_not_matter(fitted, nights, rng):
    """A night is a set."""
    model, night = fitted[1], nights[2][0]
    order = rng.permutation(night.n_epochs)
    shuffled = Recording.from_arrays(night.key, night.X[order])
    np.testing.assert_allclose(model.predict_proba(shuffled), model.predict_proba(night)[order], atol=1e-5)


def test_nothing_to_train_on(fitted, cache):
    with pytest.raises(BeetlError, match="nothing to train on"):
        made(fitted[0], QUICK.get(fitted[0])).fit(source=[], target=[])


@pytest.mark.parametrize("name", model_names())
def test_unknown_parameter(name):
    with pytest.raises(BeetlError, match=r"unknown key of recipe mine '(scalling|balnce)'; did you mean '(sca|bal)"):
        made(name, QUICK.get(name, {}) | {"scalling" if name in NETWORKS else "balnce": 1})


@pytest.mark.parametrize("name", model_names())
def test_settings_as_plain_values_give_the_same_settings(name):
    """A checkpoint is rebuilt from them."""
    settings = resolve(name, QUICK.get(name, {}), "recipe mine")
    plain = msgspec.json.decode(msgspec.json.encode(msgspec.to_builtins(settings)))
    assert resolve(name, plain, "card") == settings
    assert plain["loss"]["gamma"] == 2.0 if name in NETWORKS else "loss" not in plain


@pytest.mark.parametrize("name", [name for name in model_names() if name not in NETWORKS])
@pytest.mark.parametrize("table", ["loss", "training"])
def test_a_model_on_features_has_no_loss_or_training(name, table):
    made(name, {table: {}})
    with pytest.raises(BeetlError, match=rf"recipe mine: model {name} has no \[{table}\]; remove that table"):
        made(name, {table: {"vat": 1.0}})


def test_names_are_unique():
    with pytest.raises(BeetlError, match=r"model 'chambon' is registered already: .*; choose another name"):
        MODELS.add("chambon", Tiny)
    with pytest.raises(BeetlError, match="did you mean 'features-boost'"):
        made("feature-boost")


def test_a_class_or_its_place_can_be_added():
    registry = Registry("model", {"one": "beetl_task1.models.two_branch:TwoBranch"})
    registry.add("tiny", Tiny)
    assert registry.names() == ["one", "tiny"]
    assert registry.get("tiny") is Tiny
    assert registry.get("one").__name__ == "TwoBranch"


@pytest.mark.parametrize("place", ["beetl_task1.models.two_branch:Nobody", "beetl_task1.models.nowhere:TwoBranch"])
def test_a_place_that_is_not_there_fails(place):
    with pytest.raises((AttributeError, ImportError)):
        Registry("model", {"one": place}).get("one")


def test_names_and_recipes_are_listed_without_heavy_imports():
    code = (
        "import sys\n"
        "from beetl_task1.recipes.recipe import load_recipe, recipe_names\n"
        "from beetl_task1.models.registry import model_names\n"
        "from beetl_task1.transfer import transfer_names\n"
        "assert model_names() and transfer_names() and [load_recipe(name) for name in recipe_names()]\n"
        "sys.exit(str({'torch', 'sklearn', 'braindecode', 'mne'} & set(sys.modules) or ''))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr.strip()) == (1, ""), done.stderr


def test_skops_file_with_another_type_is_refused():
    """The list of trusted types is fixed; a file cannot bring its own."""
    import skops.io

    from beetl_task1.models.tabular import TRUSTED_TYPES

    content = skops.io.dumps(np.random.RandomState)
    foreign = skops.io.dumps({"f": _Foreign()})
    model = made("features-logreg")
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
