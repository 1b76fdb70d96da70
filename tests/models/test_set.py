"""The network over the epochs of a night: numpy predicts what torch trained, and the order of epochs means nothing."""

import numpy as np
import pytest
import torch
from safetensors.numpy import load, save
from tiny import nights

from beetl_task1.data.recording import Recording, RecordingKey
from beetl_task1.errors import BeetlError, CheckpointError
from beetl_task1.models.base import Resources
from beetl_task1.models.registry import make, resolve
from beetl_task1.models.set_attention import SetSettings, probabilities
from beetl_task1.models.set_training import SetNetwork

QUICK = {"passes": 0.01, "least_steps": 30, "width": 16, "epochs": 32}


def model(seed=0, **settings):
    return make("features-set", resolve("features-set", QUICK | settings, "here"), seed=seed, resources=Resources())


def told(n_nights=12, n=200, seed=0):
    """Nights in which one column tells two stages apart, but only beside the night's other epochs."""
    rng, found = np.random.default_rng(seed), []
    for i in range(n_nights):
        y = rng.integers(0, 2, n)
        level = rng.normal(0, 3)
        F = np.stack([y + level + rng.normal(0, 0.2, n), rng.standard_normal(n)], axis=1)
        found.append(Recording.from_features(RecordingKey("25-64", i, 1), F, y))
    return found


@pytest.mark.parametrize("n", [1, 7, 300])
@pytest.mark.parametrize("spread", [0.5, 3.0])  # attention that is certain: its exponentials would overflow
def test_numpy_says_what_torch_says(n, spread):
    settings = SetSettings(width=16, heads=2, layers=3)
    network = SetNetwork(5, 4, settings).eval()
    for name, tensor in network.named_parameters():
        torch.nn.init.normal_(tensor, std=spread if "self_attn.in" in name else 0.5)
    x = torch.randn(1, n, 5)
    weights = {name: tensor.numpy() for name, tensor in network.state_dict().items()}
    found = probabilities(weights, settings.heads, x[0].numpy())
    np.testing.assert_allclose(found, network(x)[0].softmax(-1).detach().numpy(), atol=2e-5)


def test_it_learns_from_the_night():
    trained = model(least_steps=200).fit(source=told(), target=[])
    night = told(1, seed=9)[0]
    assert np.mean(trained.predict_proba(night).argmax(axis=1) == night.y) > 0.95


def test_seeds_share_the_quantiles_of_their_inputs():
    """Of more rows than the quantiles are found from."""
    nights = told(4, 8000)
    first, second = (model(seed, least_steps=1).fit(source=nights, target=[]).classifier_ for seed in (0, 1))
    np.testing.assert_array_equal(first.quantiles_, second.quantiles_)
    assert (first.weights_["into.0.weight"] != second.weights_["into.0.weight"]).any()


def test_the_order_of_epochs_means_nothing():
    trained = model().fit(source=told(), target=[])
    night = told(1, seed=9)[0]
    order = np.random.default_rng(0).permutation(200)
    shuffled = Recording.from_features(night.key, night.features[order])
    np.testing.assert_allclose(trained.predict_proba(shuffled), trained.predict_proba(night)[order], atol=1e-5)


def test_weights_of_epochs_are_heeded():
    """Epochs of the target have the stages the other way round, and weigh more."""
    turned = [Recording.from_features(RecordingKey("65-79", *n.key[1:]), n.features, 1 - n.y) for n in told(seed=1)]
    trained = model(least_steps=200, target_weight=20.0).fit(source=told(), target=turned)
    night = told(1, seed=9)[0]
    assert np.mean(trained.predict_proba(night).argmax(axis=1) == night.y) < 0.1


def test_the_same_seed_trains_the_same_whatever_the_threads():
    one, other = model().fit(source=told(), target=[]), model()
    torch.set_num_threads(2)
    try:
        assert other.fit(source=told(), target=[]).to_bytes() == one.to_bytes()
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)
    assert model(seed=1).fit(source=told(), target=[]).to_bytes() != one.to_bytes()


def test_stages_that_never_trained_get_nothing():
    found = model().fit(source=told(), target=[]).predict_proba(told(1)[0])
    assert found.shape == (200, 6)
    assert not found[:, 2:].any()
    np.testing.assert_allclose(found.sum(axis=1), 1)


def test_saved_and_read_back():
    source = nights("25-64", (0, 1))
    trained = model().fit(source=source, target=[])
    again = model().from_bytes(trained.to_bytes())
    assert np.array_equal(again.predict_proba(source[0]), trained.predict_proba(source[0]))


def test_damaged_or_foreign_weights_are_one_line():
    content = model().fit(source=told(), target=[]).to_bytes()
    tensors = load(content)
    without = {name: array for name, array in tensors.items() if name != "levels_"}
    short = tensors | {"out.2.weight": tensors["out.2.weight"][:, :3]}
    strange = [tensors | {"classes_": np.array(stages)} for stages in ([7, 9], [0.0, 1.0])]
    quantiles, references = tensors["quantiles_"], tensors["references_"]
    strange += [tensors | {"quantiles_": array} for array in (quantiles * np.nan, quantiles[None], quantiles[:0])]
    strange += [tensors | {"references_": references[:50]}]
    for wrong in (content[:100], b"", save(without), save(short), *map(save, strange)):
        with pytest.raises(CheckpointError, match="weights"):
            model().from_bytes(wrong)
    with pytest.raises(CheckpointError, match="weights are not of this model"):
        model(layers=1).from_bytes(content)


def test_a_width_that_heads_cannot_share():
    with pytest.raises(BeetlError, match="width 16 is no multiple of heads 3"):
        resolve("features-set", QUICK | {"heads": 3}, "here")
