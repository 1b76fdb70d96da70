"""Every registered transfer keeps the contract, and does what it says."""

from collections import OrderedDict
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load
from tiny import made, night, nights, relabelled
from tiny import tiny as made_tiny

from beetl_task1.data.recording import Recording
from beetl_task1.errors import BeetlError
from beetl_task1.models import modules
from beetl_task1.models import training as loop
from beetl_task1.models.base import Resources
from beetl_task1.models.losses import StageLoss, virtual_adversarial
from beetl_task1.models.registry import model_class, model_names
from beetl_task1.models.signals import Rows, night_signals
from beetl_task1.models.stage import Step
from beetl_task1.store import Store
from beetl_task1.transfer import check_transfers, make_transfer, transfer_class, transfer_names
from beetl_task1.transfer.adabn import batch_norms
from beetl_task1.transfer.latent_alignment import RAREST, stage_weights
from beetl_task1.transfer.recording_norm import grouped
from beetl_task1.transfer.registry import TRANSFERS

STAGE = {"passes": 1, "batch_size": 24, "folds": 0, "lr": 3e-3}
SETTINGS = {
    name: STAGE | ({"rounds": 1, "sure": 0.2} if name == "self-training" else {})
    if "passes" in transfer_class(name).__struct_fields__
    else {}
    for name in transfer_names()
}
FOR_NETWORKS = [name for name in transfer_names() if transfer_class(name).for_networks]
FOR_FEATURES = [name for name in transfer_names() if not transfer_class(name).for_networks]
SMALL = {"n_conv_chs": 2, "apply_batch_norm": True, "training": {"passes": 1, "batch_size": 24, "holdout": 0}}
NETWORKS = {name: {"network": "Deep4Net"} if name == "braindecode" else {} for name in model_names()}
NETWORKS = {name: given for name, given in NETWORKS.items() if model_class(name).is_network}
SOURCE, TARGET = nights("25-64", (0, 1)), nights("65-79", (0, 1))
HIDDEN = nights("65-79", (6,), labelled=False)


def model(*tables, cache=None, features=False, seed=0):
    """Return a small network, or a regression on features, with transfers."""
    name, parameters = ("features-logreg", {}) if features else ("chambon", SMALL)
    return made(name, parameters, tables, seed=seed, resources=Resources(cache))


def fit(*tables, target=TARGET, unlabelled=HIDDEN, **given):
    """Train it."""
    return model(*tables, **given).fit(source=SOURCE, target=target, unlabelled=unlabelled)


def tiny(*tables, target=TARGET, unlabelled=HIDDEN, source=SOURCE, scaling="night", **training):
    """Train the tiny network with transfers."""
    network = made_tiny(tables, scaling=scaling, training={"holdout": 0, "passes": 2} | training)
    return network.fit(source=source, target=target, unlabelled=unlabelled)


def carried(network, *tables):
    """Return a tiny network with the weights of another and other transfers."""
    training = {"holdout": 0, "passes": 2}
    return made_tiny(tables, scaling=network.settings.scaling, training=training).from_bytes(network.to_bytes())


def signals(network, recording):
    return night_signals(recording, Store(None), network.settings.scaling)


@pytest.fixture(scope="module")
def plain(cache):
    """Return predictions of the first unlabelled night without transfer."""
    return {features: fit(features=features, cache=cache).predict_proba(HIDDEN[0]) for features in (False, True)}


@pytest.mark.parametrize("name", transfer_names())
def test_contract(name, cache, plain):
    features = name in FOR_FEATURES
    table = {"name": name} | SETTINGS[name]
    fitted = fit(table, features=features, cache=cache)
    p = fitted.predict_proba(HIDDEN[0])
    assert p.shape == (24, 6)
    assert np.isfinite(p).all()
    np.testing.assert_allclose(p.sum(1), 1, atol=1e-5)
    assert (p != plain[features]).any(), "it changes something"
    np.testing.assert_array_equal(fitted.predict_proba(HIDDEN[0]), p)
    again = model(table, features=features, seed=1, cache=cache)
    np.testing.assert_array_equal(again.from_bytes(fitted.to_bytes()).predict_proba(HIDDEN[0]), p)
    second = fit(table, features=features, cache=None if not features else cache)
    np.testing.assert_array_equal(second.predict_proba(HIDDEN[0]), p)


@pytest.mark.parametrize("name", transfer_names())
def test_its_table_makes_it_again(name):
    transfer = make_transfer({"name": name} | SETTINGS[name])
    assert make_transfer(transfer.table()) == transfer
    assert transfer.name == name


def test_a_name_is_taken_once():
    with pytest.raises(BeetlError, match="transfer 'mixup' is registered already"):
        TRANSFERS.add("mixup", object)


@pytest.mark.parametrize("name", [name for name in FOR_NETWORKS if not transfer_class(name).uses_target])
def test_a_transfer_without_use_for_the_target_does_not_train_on_it(name):
    assert tiny({"name": name}).to_bytes() == tiny({"name": name}, target=[], unlabelled=[]).to_bytes()


@pytest.mark.parametrize("name", [name for name in FOR_NETWORKS if transfer_class(name).uses_target])
def test_without_a_target_the_source_weights_stay(name):
    table = {"name": name} | SETTINGS[name]
    assert tiny(table, target=[]).to_bytes() == tiny().to_bytes()


@pytest.mark.parametrize("name", [name for name in FOR_NETWORKS if transfer_class(name).uses_unlabelled])
def test_labels_of_the_nights_to_be_predicted_are_never_used(name):
    table = {"name": name} | SETTINGS[name]
    shown = nights("65-79", (6,))
    other = [relabelled(n, np.full(24, 2)) for n in shown]
    results = {tiny(table, unlabelled=given).to_bytes() for given in (HIDDEN, shown, other)}
    assert len(results) == 1


@pytest.mark.parametrize("name", transfer_names())
def test_nights_to_be_predicted_train_only_where_it_is_said(name, cache):
    table, features = {"name": name} | SETTINGS[name], name in FOR_FEATURES
    run = (lambda given: fit(table, features=True, cache=cache, unlabelled=given)) if features else (
        lambda given: tiny(table, unlabelled=given)
    )  # fmt: skip
    one, two = (run(nights("65-79", subjects, labelled=False)).predict_proba(HIDDEN[0]) for subjects in ((6,), (7, 8)))
    assert (one != two).any() == transfer_class(name).uses_unlabelled


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"name": "finetun"}, "unknown transfer 'finetun'; did you mean 'finetune'"),
        ({}, r"\[transfer\]: name is None; choose one of: adabn"),
        ({"name": "finetune", "scop": "head"}, "unknown key of transfer finetune 'scop'; did you mean 'scope'"),
        ({"name": "finetune", "scope": "haed"}, "scope of transfer finetune 'haed'; did you mean 'head'"),
        ({"name": "finetune", "layer_decay": 2}, "transfer finetune: layer_decay is 2; expected float <= 1"),
        ({"name": "finetune", "passes": 1.5}, "transfer finetune: passes is 1.5; expected int"),
        ({"name": "mixup", "most": 1.2}, "transfer mixup: most is 1.2; expected float <= 1"),
        ({"name": "mixup", "lr": 0}, "transfer mixup: lr is 0; expected float > 0"),
        ({"name": "mixup", "folds": 1}, "transfer mixup: folds is 1; expected 0, for no choice, or at least 2"),
        ({"name": "finetune", "holdout": 0.2}, "unknown key of transfer finetune 'holdout'"),
        ({"name": "adabn", "strength": "1"}, "transfer adabn: strength is '1'"),
        ({"name": "dann", "weight": -1}, "transfer dann: weight is -1"),
        ({"name": "self-training", "rounds": 0}, "transfer self-training: rounds is 0"),
        ({"name": "latent-alignment", "per_recording": 1}, "transfer latent-alignment: per_recording is 1"),
        ({"name": "coral", "shrinkage": 2}, "transfer coral: shrinkage is 2"),
        ({"name": "importance", "most": 0.5}, "transfer importance: most is 0.5"),
        ({"name": "standardise", "power": 1}, "unknown key of transfer standardise 'power'"),
    ],
)
def test_a_wrong_table_is_one_line(table, message):
    with pytest.raises(BeetlError, match=message) as error:
        make_transfer(table)
    assert "\n" not in str(error.value)


def test_a_transfer_of_the_other_kind_is_one_line():
    for name, fits, other in [(n, "networks", "features-logreg") for n in FOR_NETWORKS] + [
        (n, "models on features", "chambon") for n in FOR_FEATURES
    ]:
        with pytest.raises(BeetlError, match=f"recipe mine: transfer {name} is for {fits}; choose another of either"):
            check_transfers(model_class(other), [make_transfer({"name": name})], "recipe mine")


@pytest.mark.parametrize("name", ["adabn", "latent-alignment"])
def test_a_network_without_batch_normalisation_is_one_line(name):
    network = made("chambon", {"apply_batch_norm": False}, [{"name": name}])
    with pytest.raises(BeetlError, match=f"transfer {name}: the network has no batch normalisation; set apply_batch"):
        network.fresh_module()


# fine-tuning


def moved(before, after):
    """Return how far each tensor went."""
    one, two = load(before.to_bytes()), load(after.to_bytes())
    return {name: float((two[name].double() - one[name].double()).norm()) for name in one}


def finetune(**settings):
    return {"name": "finetune", **STAGE, **settings}


def test_the_head_alone_moves():
    changed = {name for name, far in moved(tiny(), tiny(finetune(scope="head"))).items() if far}
    assert changed == {"final_layer.weight", "final_layer.bias"}
    assert all(far for name, far in moved(tiny(), tiny(finetune())).items())


@pytest.mark.parametrize("name", NETWORKS)
def test_the_head_of_every_network_takes_features_and_gives_six_logits(name):
    network = made(name, NETWORKS[name])
    module = network.fresh_module().eval()
    named, head = [n for n, _ in module.named_parameters()], network.head(module)
    assert any(n.startswith(head) for n in named)
    assert not all(n.startswith(head) for n in named)
    with torch.no_grad():
        features, logits = network.features_and_logits(module, torch.zeros(2, 2, 3000))
    assert logits.shape == (2, 6)
    assert features.ndim == 2
    assert features.shape[1] > 0


def test_pull_keeps_the_weights_nearer():
    far = [moved(tiny(), tiny(finetune(pull=pull, passes=3)))["conv.weight"] for pull in (0, 10, 100)]
    assert far[0] > far[1] > far[2]


def test_layer_decay_by_layer():
    network = tiny()
    rates = dict(make_transfer(finetune(layer_decay=0.5))._rates(network.module_, ("final_layer",)))
    assert rates == {"final_layer.*": 1.0, "norm.*": 0.5, "conv.*": 0.25}
    far = {name: moved(network, tiny(finetune(layer_decay=decay))) for name, decay in (("one", 1.0), ("less", 0.1))}
    assert far["less"]["conv.weight"] < 0.1 * far["one"]["conv.weight"]
    assert far["less"]["final_layer.bias"] == pytest.approx(far["one"]["final_layer.bias"], rel=0.5)
    assert moved(network, tiny(finetune(layer_decay=0)))["conv.weight"] == 0


def test_source_share_keeps_source_in_the_batches():
    assert tiny(finetune(source_share=0.5)).to_bytes() != tiny(finetune()).to_bytes()


# mixup


def test_mixup_by_the_definition(rng):
    """With signals that are constant over an epoch, whom an epoch was mixed with and by how much can be read off."""
    source, target = SOURCE[0], relabelled(TARGET[0], np.where(TARGET[0].y == 5, 0, TARGET[0].y))
    rows = Rows([source, target], ["source", "target"], Store(None), "night")
    values = rng.permutation(48).astype(np.float32) + 1
    rows.signals = lambda index: np.tile(values[index][:, None, None], (1, 2, 3000))
    index = rng.permutation(48)
    mixup = make_transfer({"name": "mixup", "most": 0.4, "keep_power": False})
    X = mixup.mixed(rows, index, np.random.default_rng(0))[:, 0, 0]
    shares = []
    for row, value in zip(index, X, strict=True):
        if rows.role[row] == "target" or rows.y[row] == 5:
            assert value == values[row], "nothing to mix with, or a target epoch"
            continue
        pool = values[(rows.role == "target") & (rows.y == rows.y[row])]
        low, high = min(pool.min(), values[row]), max(pool.max(), values[row])
        assert low <= value <= high
        shares.append(max((value - values[row]) / (other - values[row]) for other in (pool.min(), pool.max())))
    assert len(shares) == 20
    single = np.where(rows.role == "target", 1000.0, 0.0).astype(np.float32)
    rows.signals = lambda index: np.tile(single[index][:, None, None], (1, 2, 3000))
    parts = mixup.mixed(rows, index, np.random.default_rng(0))[:, 0, 0] / 1000
    mixed = parts[(rows.role[index] == "source") & (rows.y[index] != 5)]
    assert (mixed > 0).all()
    assert mixed.max() <= 0.4
    assert len(np.unique(mixed)) == len(mixed)


def test_mixup_keeps_the_power(rng):
    rows = Rows([SOURCE[0], TARGET[0]], ["source", "target"], Store(None), "night")
    noise = rng.normal(size=(48, 2, 3000)).astype(np.float32)
    rows.signals = lambda index: noise[index]
    mixed = np.flatnonzero(np.isin(rows.y, TARGET[0].y) & (rows.role == "source"))

    def power(**parameters):
        mixup = make_transfer({"name": "mixup", "most": 1.0, **parameters})
        return mixup.mixed(rows, mixed, np.random.default_rng(0)).var(axis=(1, 2))

    np.testing.assert_allclose(power(), 1, atol=0.1)
    assert power(keep_power=False).min() < 0.6


# AdaBN and latent alignment


def like(recording, X):
    return Recording.from_arrays(recording.key, X)


@pytest.mark.parametrize("name", ["adabn", "latent-alignment"])
def test_a_whole_night_is_a_set_whatever_the_batches(name, rng, monkeypatch):
    network = tiny({"name": name})
    p = network.predict_proba(HIDDEN[0])
    order = rng.permutation(24)
    monkeypatch.setattr(modules, "PREDICT_BATCH", 7)
    shuffled = network.predict_proba(like(HIDDEN[0], HIDDEN[0].X[order]))
    np.testing.assert_allclose(shuffled, p[order], atol=1e-5)


@pytest.mark.parametrize("name", ["adabn", "latent-alignment"])
def test_the_statistics_of_the_source_are_put_back(name):
    network = tiny({"name": name})
    before = network.to_bytes()
    p = network.predict_proba(HIDDEN[0])
    assert network.to_bytes() == before
    with pytest.raises(ZeroDivisionError), make_transfer({"name": name}).predicting(
        network.module_, signals(network, HIDDEN[1])
    ):  # fmt: skip
        raise ZeroDivisionError
    assert network.to_bytes() == before
    np.testing.assert_array_equal(network.predict_proba(HIDDEN[0]), p)


def test_adabn_takes_the_statistics_of_the_night():
    network = tiny({"name": "adabn"})
    layer = batch_norms(network.module_)[0]
    X = signals(network, HIDDEN[0])
    with torch.no_grad():
        inner = network.module_.conv(torch.from_numpy(X))
    source, source_var = layer.running_mean.clone(), layer.running_var.clone()
    for strength in (1.0, 0.25, 0.0):
        with make_transfer({"name": "adabn", "strength": strength}).predicting(network.module_, X):
            expected = torch.lerp(source, inner.mean((0, 2)), strength)
            np.testing.assert_allclose(layer.running_mean, expected, atol=1e-5)
            expected = torch.lerp(source_var, inner.var((0, 2), unbiased=False), strength)
            np.testing.assert_allclose(layer.running_var, expected, rtol=1e-4)
    none = tiny({"name": "adabn", "strength": 0})
    np.testing.assert_allclose(none.predict_proba(HIDDEN[0]), tiny().predict_proba(HIDDEN[0]), atol=1e-6)


def test_latent_alignment_does_not_see_a_shift_or_a_scale():
    network = tiny({"name": "latent-alignment", "stages": 1}, scaling="fixed", target=[], passes=3)
    changed = np.array([[1.7], [0.6]]) * HIDDEN[0].X + np.array([[3e-5], [-2e-5]])
    p = network.predict_proba(HIDDEN[0])
    np.testing.assert_allclose(network.predict_proba(like(HIDDEN[0], changed)), p, atol=1e-3)
    unfitted = network.probabilities(network.module_, like(HIDDEN[0], changed), ())
    assert abs(unfitted - p).max() > 0.02


def test_latent_alignment_standardises_each_recording_in_training():
    network = made_tiny([{"name": "latent-alignment"}])
    module = network.fresh_module().train()
    seen = []
    module.input_alignment.register_forward_hook(lambda layer, given, out: seen.append(out))
    night_of = torch.tensor([0] * 12 + [1] * 12)
    X = torch.from_numpy(signals(network, HIDDEN[0]))
    X = torch.where(night_of[:, None, None] == 0, X, 5 * X + 3)
    with grouped(module, night_of):
        module(X)
    for number in (0, 1):
        part = seen[0][night_of == number]
        np.testing.assert_allclose(part.mean((0, 2)).detach(), 0, atol=1e-4)
        np.testing.assert_allclose(part.std((0, 2)).detach(), 1, atol=1e-3)


def test_vat_leaves_the_statistics_of_alignment_alone():
    module = made_tiny([{"name": "latent-alignment"}]).fresh_module().train()
    before = module.input_alignment.running_var.clone()
    X, night_of = 5 * torch.randn(24, 2, 3000), torch.tensor([0] * 12 + [1] * 12)
    with grouped(module, night_of):
        virtual_adversarial(module, X, 0.1, torch.Generator().manual_seed(0))
        assert torch.equal(module.input_alignment.running_var, before)
        module(X)
    assert not torch.equal(module.input_alignment.running_var, before)


def test_a_night_of_one_stage_leans_on_the_training_recordings():
    network = tiny({"name": "latent-alignment"}, passes=6)
    whole = night(11, group="65-79", n_epochs=48)
    p = network.predict_proba(whole)
    assert (p.argmax(1) == whole.y).mean() > 0.6, "or this test tests nothing"
    stage = int(np.bincount(whole.y[p.argmax(1) == whole.y], minlength=6).argmax())
    alone = like(whole, np.tile(whole.X[whole.y == stage], (3, 1, 1)))

    def share(stages):
        other = carried(network, {"name": "latent-alignment", "stages": stages})
        return other.predict_proba(alone)[:, stage].mean()

    assert share(6.0) > share(1.0)


def test_stages_count_alike_in_the_statistics():
    few, rare = torch.eye(6)[[0, 0, 0, 1]], torch.eye(6)[[0] * 99 + [1]]
    np.testing.assert_allclose(stage_weights(few), [4 / 3, 4 / 3, 4 / 3, 4])
    np.testing.assert_allclose(stage_weights(rare)[[0, 99]], [100 / 99, 1 / RAREST], rtol=1e-6)


@pytest.mark.parametrize(
    ("shares", "stages", "strength"),
    [
        ([1, 0, 0, 0, 0, 0], 2.5, 0.0),
        ([0.5, 0.5, 0, 0, 0, 0], 2.5, 2 / 3),
        ([0.5, 0.5, 0, 0, 0, 0], 3.0, 0.5),
        ([0.25, 0.25, 0.25, 0.25, 0, 0], 2.5, 1.0),
        ([1, 0, 0, 0, 0, 0], 1.0, 0.0),
        ([0.5, 0.5, 0, 0, 0, 0], 1.0, 1.0),
    ],
)
def test_a_night_counts_by_its_effective_number_of_stages(shares, stages, strength):
    found = make_transfer({"name": "latent-alignment", "stages": stages})._strength(np.array(shares, float))
    assert found == pytest.approx(strength, abs=1e-6)


def test_by_stage_weights_are_those_of_the_labelled_epochs_of_each_recording():
    y = torch.tensor([0, 0, 0, 1, 5, 5, 5, 5])
    labelled, night = torch.tensor([True] * 6 + [False] * 2), torch.tensor([0] * 4 + [3] * 4)
    given = step(tiny())._replace(y=y, labelled=labelled, night=night)
    weights = make_transfer({"name": "latent-alignment", "by_stage": True})._weights(given)
    torch.testing.assert_close(weights, torch.tensor([4 / 3, 4 / 3, 4 / 3, 4, 1, 1, 1, 1]))


@pytest.mark.parametrize("by_stage", [False, True])
def test_alignment_draws_by_recording_and_groups_as_it_says(by_stage):
    table = {"name": "latent-alignment", "by_stage": by_stage, "per_recording": 11}
    network, seen = tiny(table), []
    base, _ = only_stage({"name": "finetune"}, network)

    def look(inner):
        layer = next(part for part in inner.module.modules() if hasattr(part, "_by"))
        seen.append(layer._by)
        return inner.module(inner.X).sum()

    shaped = network.transfers[0].shaped(replace(base, objective=look))
    assert shaped.draw.per_recording == 11
    assert dict(shaped.draw.roles) == {"target": 1}
    given = step(network)
    shaped.objective(given)
    assert (seen[0].night == given.night).all()
    assert (seen[0].weights == 1).all() != by_stage


def test_alignment_by_stage_does_not_mind_how_long_a_stage_lasted():
    whole = night(11, group="65-79", n_epochs=48)

    def moved(by_stage):
        network = tiny({"name": "latent-alignment", "by_stage": by_stage, "stages": 1}, passes=6)
        with torch.no_grad():
            network.module_.get_submodule(network.head(network.module_)[0]).weight.mul_(20)  # sure of its stages
        p = network.predict_proba(whole)
        often = p.argmax(1) == np.bincount(p.argmax(1)).argmax()
        q = network.predict_proba(like(whole, np.concatenate([whole.X, *[whole.X[often]] * 6])))[:48]
        return np.abs(p - q).mean()

    assert moved(True) < 0.5 * moved(False)


ALIGNED = [name for name in NETWORKS if model_class(name).by_night]


@pytest.mark.parametrize("name", ALIGNED)
def test_every_network_is_aligned_at_its_input(name):
    network = made(name, NETWORKS[name], [{"name": "latent-alignment"}])
    module, seen = network.fresh_module().eval(), []
    module.input_alignment.register_forward_hook(lambda layer, given, out: seen.append(given[0].shape))
    with torch.no_grad():
        assert module(torch.zeros(2, 2, 3000)).shape == (2, 6)
    assert seen == [(2, 2, 3000)]


@pytest.mark.parametrize("name", ALIGNED)
def test_every_network_trains_aligned(name):
    """A trunk that both channels pass has more rows than the batch has epochs."""
    module = made(name, NETWORKS[name], [{"name": "latent-alignment"}]).fresh_module().train()
    with grouped(module, torch.tensor([0, 0, 1, 1])):
        assert module(torch.randn(4, 2, 3000)).shape == (4, 6)


@pytest.mark.parametrize(
    ("model", "tables", "message"),
    [
        ("chambon", ["adabn", "latent-alignment"], "both transfers fit the same layers to each night"),
        ("chambon", ["latent-alignment", "adabn"], "both transfers fit the same layers to each night"),
        ("relative-positioning", ["latent-alignment"], "the model cannot be fitted to each night"),
    ],
)
def test_transfers_that_do_not_go_together(model, tables, message):
    with pytest.raises(BeetlError, match=f"recipe mine: {message}"):
        made(model, {}, [{"name": name} for name in tables])


def test_the_head_is_tuned_on_the_features_that_it_predicts_from(rng):
    """Alignment goes on in a trunk that does not train."""
    network = made("chambon", {}, [{"name": "latent-alignment", "stages": 1}])
    module = network.fresh_module().eval()
    X = rng.normal(3, 2, (12, 2, 3000)).astype(np.float32)
    with torch.no_grad(), grouped(module, torch.zeros(12, dtype=int)):
        trained_on = module(torch.from_numpy(X))
    with network.transfers[0].predicting(module, X):
        predicted_from = modules.outputs(module, X)
    np.testing.assert_allclose(trained_on, predicted_from, atol=1e-3)


# domains


def step(network, progress=1.0):
    rows = Rows([*SOURCE[:1], *TARGET[:1]], ["source", "target"], Store(None), "night")
    index = np.arange(48)
    return Step(
        module=network.module_.train(), X=torch.from_numpy(rows.signals(index)), y=torch.from_numpy(rows.y),
        labelled=torch.ones(48, dtype=torch.bool), role=rows.role, night=torch.from_numpy(rows.night),
        loss=StageLoss(network.settings.loss, rows.y, torch.device("cpu")), rng=torch.Generator().manual_seed(0),
        progress=progress,
    )  # fmt: skip


def gradients(network, name, weight):
    """Return gradients of the network and of what is trained beside it, for one batch."""
    roles = {"source": SOURCE[:1], "target": TARGET[:1], "unlabelled": []}
    stage, _ = next(iter(make_transfer({"name": name, **STAGE, "weight": weight}).target_stages(network, roles)))
    torch.manual_seed(0)
    loss = stage.objective(step(network))
    trained = OrderedDict(network.module_.named_parameters())
    found = torch.autograd.grad(loss, list(trained.values()), retain_graph=True)
    beside = torch.autograd.grad(loss, list(stage.extra.parameters())) if stage.extra else ()
    return dict(zip(trained, found, strict=True)), beside, float(loss)


def test_dann_reverses_the_gradient_of_the_domain():
    """The discriminator descends on the domain loss; the network below it climbs, in proportion to the weight."""
    network = tiny()
    (none, beside, _), (some, same, _), (twice, _, _) = (gradients(network, "dann", w) for w in (0, 1, 2))
    for one, two in zip(beside, same, strict=True):
        torch.testing.assert_close(one, two)
    change = some["conv.weight"] - none["conv.weight"]
    assert change.norm() > 0
    torch.testing.assert_close(twice["conv.weight"] - none["conv.weight"], 2 * change, rtol=1e-3, atol=1e-6)
    torch.testing.assert_close(some["final_layer.weight"], none["final_layer.weight"])
    roles = {"source": SOURCE[:1], "target": TARGET[:1], "unlabelled": []}
    stage, _ = next(iter(make_transfer({"name": "dann", **STAGE, "weight": 0}).target_stages(network, roles)))
    given = step(network)
    torch.manual_seed(0)
    features, _ = network.features_and_logits(given.module, given.X)
    truth = torch.tensor(given.role == "source", dtype=torch.float32)
    domain = torch.nn.functional.binary_cross_entropy_with_logits(stage.extra(features)[:, 0], truth)
    direct = torch.autograd.grad(domain, network.module_.conv.weight)[0]
    strength = 2 / (1 + np.exp(-10)) - 1
    torch.testing.assert_close(change, -strength * direct, rtol=1e-3, atol=1e-6)


def test_deep_coral_adds_a_distance_that_is_not_negative():
    network = tiny()
    plain, weighted = (gradients(network, "deep-coral", weight)[2] for weight in (0, 10))
    assert weighted > plain


def only_stage(table, network, **roles):
    """Return the one stage of a transfer, and the nights that it draws from."""
    nights = {"source": SOURCE, "target": TARGET, "unlabelled": HIDDEN} | roles
    (found,) = make_transfer(table).target_stages(network, nights)
    return found


@pytest.mark.parametrize(
    ("table", "shares"),
    [
        ({"name": "finetune"}, {"target": 1}),
        ({"name": "finetune", "source_share": 0.25}, {"target": 0.75, "source": 0.25}),
        ({"name": "mixup", "target_share": 0.25}, {"source": 0.75, "target": 0.25}),
        ({"name": "mixup", "target_share": 0}, {"source": 1}),
        ({"name": "deep-coral"}, {"source": 1 / 3, "target": 1 / 3, "unlabelled": 1 / 3}),
        ({"name": "dann"}, {"source": 1 / 3, "target": 1 / 3, "unlabelled": 1 / 3}),
    ],
    ids=str,
)
def test_the_share_of_each_role_in_a_batch(table, shares):
    stage, nights = only_stage(table | {"folds": 2, "passes": 7}, tiny())
    assert dict(stage.draw.roles) == pytest.approx(shares)
    assert set(nights) >= set(shares)
    assert (stage.folds, stage.training.passes) == (2, 7)
    assert f'"name": "{table["name"]}"' in stage.setting, "it is in the key of what is kept"


def test_a_role_without_nights_takes_no_share():
    stage, nights = only_stage({"name": "deep-coral"}, tiny(), unlabelled=[])
    assert dict(stage.draw.roles) == {"source": 0.5, "target": 0.5}
    assert set(nights) == {"source", "target"}
    assert dict(only_stage({"name": "finetune", "source_share": 0.5}, tiny(), source=[])[0].draw.roles) == {"target": 1}


def test_mixup_composes_its_batches():
    table = {"name": "mixup", "most": 0.5}
    stage, _ = only_stage(table, tiny())
    rows = Rows([*SOURCE[:1], *TARGET[:1]], ["source", "target"], Store(None), "night")
    index = np.arange(48)
    X = stage.compose(rows, index, np.random.default_rng(0))
    np.testing.assert_array_equal(X, make_transfer(table).mixed(rows, index, np.random.default_rng(0)))
    assert not np.array_equal(X, rows.signals(index))


@pytest.mark.parametrize(("progress", "strength"), [(0.0, 0.0), (0.1, 0.4621), (1.0, 0.9999)])
def test_the_discriminator_of_dann_counts_more_and_more(progress, strength):
    """By ``2 / (1 + exp(-10 p)) - 1``, and its loss is added to that of the stages."""
    network = tiny()
    stage, _ = only_stage({"name": "dann", "weight": 1.0}, network)
    given = step(network, progress)
    torch.manual_seed(0)
    total = stage.objective(given)
    torch.manual_seed(0)
    features, logits = network.features_and_logits(given.module, given.X)
    truth = torch.tensor(given.role == "source", dtype=torch.float32)
    domain = torch.nn.functional.binary_cross_entropy_with_logits(stage.extra(features)[:, 0], truth)
    stages = given.loss(logits, given.y)
    torch.testing.assert_close(total, stages + domain)
    weight = network.module_.conv.weight
    pulled, staged, told = (torch.autograd.grad(of, weight, retain_graph=True)[0] for of in (total, stages, domain))
    torch.testing.assert_close(pulled, staged - strength * told, rtol=1e-3, atol=1e-5)
    assert [type(layer).__name__ for layer in stage.extra] == ["Linear", "ReLU", "Linear"]
    assert stage.extra[2].out_features == 1


def test_deep_coral_weighs_the_distance_of_covariances():
    network = tiny()
    stage, _ = only_stage({"name": "deep-coral", "weight": 3.0}, network)
    given = step(network)
    torch.manual_seed(0)
    total = stage.objective(given)
    torch.manual_seed(0)
    features, logits = network.features_and_logits(given.module, given.X)
    covariances = [torch.cov(features[given.role == role].T) for role in ("source", "target")]
    apart = ((covariances[0] - covariances[1]) ** 2).sum() / (4 * features.shape[1] ** 2)
    torch.testing.assert_close(total, given.loss(logits, given.y) + 3 * apart)


def test_self_training_adds_the_loss_of_what_the_teacher_is_sure_of():
    network = tiny()
    with torch.no_grad():
        p = torch.softmax(network.module_.eval()(step(network).X[24:]), dim=1).amax(dim=1)
    sure = float(p.sort().values[10:12].mean())  # between two epochs
    table = {"name": "self-training", "rounds": 1, "weight": 2.0, "sure": sure}
    network.module_.eval()
    stage, _ = only_stage(table, network)
    given = step(network)._replace(labelled=torch.arange(48) < 24)
    teacher = modules.copied(network.module_)
    with torch.no_grad():
        network.module_.final_layer.weight *= -1  # the pupil has moved on, the teacher has not
    torch.manual_seed(0)
    total = stage.objective(given)
    torch.manual_seed(0)
    logits = given.module(given.X)
    now = modules.copied(network.module_)
    network.module_.load_state_dict(teacher)
    with torch.no_grad():
        p, label = torch.softmax(network.module_.eval()(given.X[24:]), dim=1).max(dim=1)
    network.module_.load_state_dict(now)
    kept = p >= sure
    assert 0 < kept.float().mean() < 1
    expected = given.loss(logits[:24], given.y[:24])
    expected = expected + 2 * kept.float().mean() * given.loss(logits[24:][kept], label[kept])
    torch.testing.assert_close(total, expected)


def test_self_training_learns_only_from_what_it_is_sure_of():
    table = {"name": "self-training", **STAGE, "rounds": 1}
    never, weightless = tiny(table | {"sure": 1.0}), tiny(table | {"sure": 0.0, "weight": 0})
    assert never.to_bytes() == weightless.to_bytes()
    assert tiny(table | {"sure": 0.0}).to_bytes() != never.to_bytes()


def test_rounds_are_stages():
    network = tiny({"name": "self-training", **STAGE, "rounds": 2})
    assert [row["stage"] for row in network.history_] == ["source", "source", "self-training-1", "self-training-2"]


def test_several_transfers_one_after_the_other():
    network = tiny({"name": "mixup", **STAGE}, finetune(), {"name": "adabn"})
    assert [row["stage"] for row in network.history_][2:] == ["mixup", "finetune-all"]
    assert np.isfinite(network.predict_proba(HIDDEN[0])).all()


# features


@pytest.fixture
def domains(rng):
    mixing = rng.normal(size=(4, 4))
    return rng.normal(size=(4000, 4)), rng.normal(size=(3000, 4)) @ mixing + np.array([5, 0, -3, 1])


def test_coral_moves_mean_and_covariance_to_the_target(domains):
    source, target = domains
    moved_source, weights = make_transfer({"name": "coral", "shrinkage": 1e-3}).adapt(source, target, 0)
    np.testing.assert_allclose(moved_source.mean(0), target.mean(0), atol=0.1)
    np.testing.assert_allclose(np.cov(moved_source.T), np.cov(target.T), atol=0.05 * np.abs(np.cov(target.T)).max())
    assert (weights == 1).all()


def test_coral_undoes_the_scale_of_the_source(domains):
    """Features far from 0 and of unlike scales end at the target's mean and covariance."""
    scale, mean = np.array([1, 10, 0.1, 3]), np.array([100, -5, 2, 0])
    source, target = (X * scale + mean for X in domains)
    moved, weights = make_transfer({"name": "coral", "shrinkage": 0.0}).adapt(source, target, 0)
    assert (np.abs(moved.mean(axis=0) - target.mean(axis=0)) < 0.02 * scale).all()
    assert (np.abs(np.cov(moved.T) - np.cov(target.T)) < 0.05 * np.outer(scale, scale)).all()
    assert (weights == 1).all()


def test_importance_is_the_odds_of_the_target(rng):
    """Of two shifted normal distributions the odds are known."""
    source, target = rng.normal(size=(6000, 1)) * 50, rng.normal(0.8, 1, (6000, 1)) * 50  # scaled by itself
    _, weights = make_transfer({"name": "importance", "power": 1.0, "most": 100.0}).adapt(source, target, 0)
    odds = np.exp(0.8 * source[:, 0] / 50 - 0.32)
    assert np.corrcoef(np.log(weights), np.log(odds))[0, 1] > 0.999
    np.testing.assert_allclose(np.log(weights), np.log(odds / odds.mean()), atol=0.35)
    again = make_transfer({"name": "importance", "power": 1.0, "most": 100.0}).adapt(source, target, 0)[1]
    np.testing.assert_array_equal(again, weights)
    _, evened = make_transfer({"name": "importance", "power": 0.5, "most": 2.0}).adapt(source, target, 0)
    capped = np.minimum(weights, 2.0) ** 0.5
    np.testing.assert_allclose(evened, capped / capped.mean(), rtol=1e-6)


def test_importance_favours_rows_like_the_target(rng):
    source = rng.normal(size=(4000, 3))
    target = rng.normal(size=(1000, 3)) + np.array([1.5, 0, 0])
    same, weights = make_transfer({"name": "importance"}).adapt(source, target, 0)
    assert same is source
    assert weights.mean() == pytest.approx(1)
    assert weights.min() >= 0
    assert weights[source[:, 0] > 1].mean() > 2 * weights[source[:, 0] < -1].mean()
    even = make_transfer({"name": "importance", "power": 0}).adapt(source, target, 0)[1]
    np.testing.assert_allclose(even, 1)


def test_standardised_nights(rng):
    X = rng.normal(3, 5, size=(50, 4))
    X[:, 3] = 7
    Z = make_transfer({"name": "standardise"}).night(X)
    np.testing.assert_allclose(Z.mean(0), 0, atol=1e-9)
    np.testing.assert_allclose(Z.std(0), [1, 1, 1, 0], atol=1e-9)


@pytest.mark.parametrize(
    "table",
    [*({"name": name, **SETTINGS[name]} for name in FOR_NETWORKS), {"name": "latent-alignment", "by_stage": True}],
    ids=str,
)
def test_a_transfer_in_mixed_precision(table, monkeypatch):
    """As on CUDA, in bfloat16: it learns and predicts nearly the same."""
    whole = fit(table).predict_proba(HIDDEN[0])
    for where in (modules, loop):
        monkeypatch.setattr(where, "mixed_precision", lambda device: torch.autocast("cpu", dtype=torch.bfloat16))
    mixed = fit(table).predict_proba(HIDDEN[0])
    assert not np.array_equal(mixed, whole)
    np.testing.assert_allclose(mixed, whole, atol=0.03)
