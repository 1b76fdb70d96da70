"""Every network of braindecode that can stage an epoch does so by its name; the others are listed with the reason."""

import pytest
import torch
from braindecode.models.util import models_dict
from tiny import made, night
from torch import nn

from beetl_task1.errors import BeetlError
from beetl_task1.models.braindecode import settings_of

CHANNELS = "asks for the positions of channels"
CANNOT = {
    "AttnSleep": "takes one channel; model attnsleep joins two of them",
    "DANCE": CHANNELS,
    "DGCNN": CHANNELS,
    "EEGSym": CHANNELS,
    "EMG2QwertyNet": "takes 32 electrodes",
    "Labram": "takes the channels of its own montage",
    "MetaNeuromotorHand": "takes muscle signals at 2 kHz",
    "NeuroPose": "takes 16 electrodes or more",
    "SensingDynamics": "takes 16 electrodes",
    "SignalJEPA": CHANNELS,
    "SignalJEPA_Contextual": CHANNELS,
    "VEMG2Pose": "gives a sequence",
    "ZUNA": CHANNELS,
}
DOWNLOADS = {"REVE": "downloads the positions of channels when it is made"}
"""Not even tried."""
SLOW = {"BENDR", "BrainModule", "EEGInceptionMI", "EEGPT", "STEEGFormer"}
"""Take more than some seconds."""


def marked(name):
    return pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name


@pytest.mark.parametrize("name", [marked(n) for n in sorted(models_dict) if n not in CANNOT | DOWNLOADS])
def test_a_network_that_stages_epochs(name):
    network = made("braindecode", {"network": name})
    module = network.module_ = network.fresh_module()
    X, y = torch.randn(4, 2, 3000, generator=torch.Generator().manual_seed(0)), torch.arange(4)
    before = {key: p.detach().clone() for key, p in module.named_parameters()}
    features, logits = network.features_and_logits(module.train(), X)
    assert logits.shape == (4, 6)
    assert len(features) % 4 == 0
    nn.functional.cross_entropy(logits, y).backward()
    torch.optim.AdamW(module.parameters(), lr=1e-3).step()
    assert any(not torch.equal(p, before[key]) for key, p in module.named_parameters())
    assert all(torch.isfinite(p).all() for p in module.parameters())
    named, head = list(before), network.head(module)
    assert any(key.startswith(head) for key in named)
    assert not all(key.startswith(head) for key in named)
    p = network.predict_proba(night(0, n_epochs=2))
    again = made("braindecode", {"network": name}, seed=1).from_bytes(network.to_bytes())
    assert (again.predict_proba(night(0, n_epochs=2)) == p).all()


@pytest.mark.parametrize("name", CANNOT)
def test_a_network_that_cannot_is_one_line(name):
    """If this fails, the network has learned it: take it off the list."""
    with pytest.raises(BeetlError, match=r"cannot be made with these \[parameters\] .*; change them") as error:
        made("braindecode", {"network": name}).fresh_module()
    assert "\n" not in str(error.value)


def test_what_is_listed_exists():
    assert set(CANNOT) | set(DOWNLOADS) | SLOW <= set(models_dict)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "recipe mine: network is missing; set it to one of: ATCNet, "),
        ({"network": "Deep4Nett"}, "unknown network of recipe mine 'Deep4Nett'; did you mean 'Deep4Net'"),
        ({"network": ["Deep4Net"]}, "unknown network of recipe mine"),
        ({"network": "Deep4Net", "drop_prb": 0.1}, "unknown key of recipe mine 'drop_prb'; did you mean 'drop_prob'"),
        ({"network": "Deep4Net", "drop_prob": "x"}, "recipe mine: drop_prob is 'x'; expected float, got str"),
        ({"network": "Deep4Net", "n_filters_time": 2.5}, "recipe mine: n_filters_time is 2.5; expected int"),
        ({"network": "Deep4Net", "n_outputs": 5}, "unknown key of recipe mine 'n_outputs'"),
    ],
)
def test_a_wrong_name_or_keyword_is_one_line(given, message):
    with pytest.raises(BeetlError, match=message) as error:
        made("braindecode", given)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("given", [{"n_filters_time": -3}, {"drop_prob": 3.0}, {"first_pool_mode": "most"}])
def test_a_value_that_the_class_refuses_is_one_line(given):
    with pytest.raises(BeetlError, match=r"cannot be made with these \[parameters\] .*; change them") as error:
        made("braindecode", {"network": "Deep4Net", **given}).fresh_module()
    assert "\n" not in str(error.value)


def test_keywords_reach_the_class():
    module = made("braindecode", {"network": "Deep4Net", "n_filters_time": 7, "drop_prob": 0.0}).fresh_module()
    assert module.conv_time_spat.conv_time.out_channels == 7
    assert {part.p for part in module.modules() if isinstance(part, nn.Dropout)} == {0.0}


@pytest.mark.parametrize(
    ("preset", "network", "defaults"),
    [
        ("blanco", "SleepStagerBlanco2020", {"apply_batch_norm": True}),
        ("chambon", "SleepStagerChambon2018", {"apply_batch_norm": True}),
        ("deepsleepnet", "DeepSleepNet", {}),
        ("eegnet", "EEGNet", {}),
        ("shallow", "ShallowFBCSPNet", {}),
        ("usleep", "USleep", {}),
    ],
)
def test_a_preset_is_the_network_with_other_defaults(preset, network, defaults):
    one, two = made(preset), made("braindecode", {"network": network, **defaults})
    assert one.fresh_module().state_dict().keys() == two.fresh_module().state_dict().keys()
    assert all(
        (a == b).all() for a, b in zip(*(n.fresh_module().state_dict().values() for n in (one, two)), strict=True)
    )
    with pytest.raises(BeetlError, match="network is 'Deep4Net'"):
        made(preset, {"network": "Deep4Net"})


def test_a_list_among_the_defaults_is_not_shared(monkeypatch):
    class Listed(nn.Module):
        def __init__(self, n_chans=None, sizes=[1, 2]):  # noqa: B006
            super().__init__()

    monkeypatch.setitem(models_dict, "Listed", Listed)
    kind = settings_of("Listed")
    assert kind().sizes == [1, 2]
    assert kind().sizes is not kind().sizes
