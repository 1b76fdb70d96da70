"""Losses by hand."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from beetl_task1.errors import BeetlError
from beetl_task1.models.losses import StageLoss, class_weights, virtual_adversarial
from beetl_task1.models.settings import Loss, Training
from beetl_task1.typed import overlaid

Y = np.repeat([0, 1, 2, 3], [80, 10, 8, 2])
"""Labels without the stages 4 and 5."""
CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (Loss(weights="none"), [1, 1, 1, 1, 0, 0]),
        (Loss(weights="balanced", balance=1), [100 / 80, 10, 12.5, 50, 0, 0]),
        (Loss(weights="balanced", balance=0.5), [1.25**0.5, 10**0.5, 12.5**0.5, 50**0.5, 0, 0]),
        (Loss(weights="balanced", balance=0), [1, 1, 1, 1, 0, 0]),
        (Loss(weights="class-aware"), [1, 1.5 * np.log(15), np.log(12.5), np.log(50), 0, 0]),
    ],
)
def test_weights_by_hand(loss, expected):
    found = class_weights(loss, Y)
    np.testing.assert_allclose(found / found[0], np.array(expected) / expected[0])
    assert found[Y].mean() == pytest.approx(1)


def batch(seed=0, n=32):
    rng = torch.Generator().manual_seed(seed)
    return 3 * torch.randn(n, 6, generator=rng), torch.randint(0, 4, (n,), generator=rng)


def test_weighted_cross_entropy():
    logits, y = batch()
    weights = torch.tensor(class_weights(Loss(balance=1), Y), dtype=torch.float32)
    for smoothing in (0.0, 0.2):
        expected = functional.cross_entropy(logits, y, weights, label_smoothing=smoothing)
        found = StageLoss(Loss(balance=1, label_smoothing=smoothing), Y, CPU)(logits, y)
        assert float(found) == pytest.approx(float(expected), rel=1e-5)


def test_focal_loss_by_hand():
    logits, y = batch()
    p = functional.softmax(logits, dim=1)[torch.arange(len(y)), y]
    expected = ((1 - p) ** 3 * -torch.log(p)).mean()
    found = StageLoss(Loss(name="focal", gamma=3, weights="none"), Y, CPU)(logits, y)
    assert float(found) == pytest.approx(float(expected), rel=1e-5)


def test_logit_adjustment_by_hand():
    logits, y = batch()
    counts = np.bincount(Y, minlength=6) + 1
    prior = torch.tensor(np.log(counts / counts.sum()), dtype=torch.float32)
    expected = functional.cross_entropy(logits + 0.7 * prior, y)
    found = StageLoss(Loss(weights="none", adjustment=0.7), Y, CPU)(logits, y)
    assert float(found) == pytest.approx(float(expected), rel=1e-5)


def linear(scale):
    layer = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(2 * 30, 6))
    with torch.no_grad():
        layer[1].weight.mul_(scale)
    return layer


def vat(module, X, radius=0.1):
    return virtual_adversarial(module, X, radius, torch.Generator().manual_seed(1))


def test_virtual_adversarial_training():
    torch.manual_seed(0)
    X = torch.randn(16, 2, 30)
    assert float(vat(linear(0), X)) == pytest.approx(0, abs=1e-7), "nothing moves a constant network"
    module = linear(3)
    found = vat(module, X)
    assert float(found) > 0
    assert float(vat(module, X, 0.2)) > float(found)
    found.backward()
    assert module[1].weight.grad.abs().sum() > 0


def test_the_adversarial_direction_is_worse_than_a_random_one():
    torch.manual_seed(0)
    X, module = torch.randn(16, 2, 30), linear(3)
    fixed = functional.softmax(module(X), dim=1)
    away = torch.randn(X.shape)
    away = away / away.flatten(1).norm(dim=1)[:, None, None] * 0.1 * 60**0.5
    random = functional.kl_div(functional.log_softmax(module(X + away), dim=1), fixed, reduction="batchmean")
    assert float(vat(module, X)) > 2 * float(random)


class Careless(torch.nn.Module):
    """Dropout as a layer and as a function, and batch normalisation."""

    def __init__(self):
        super().__init__()
        self.norm, self.drop, self.linear = torch.nn.BatchNorm1d(2), torch.nn.Dropout(0.5), torch.nn.Linear(60, 6)

    def forward(self, X):
        return self.linear(functional.dropout(self.drop(self.norm(X).flatten(1)), 0.3, self.training))


def test_vat_compares_predictions_under_the_same_dropout():
    """With hardly any perturbation, hardly anything differs."""
    torch.manual_seed(0)
    X, module = torch.randn(64, 2, 30), Careless().train()
    assert 0 <= float(vat(module, X, 1e-4).detach()) < 1e-5
    assert float(vat(module, X, 1.0).detach()) > 1e-3


def test_vat_leaves_batch_normalisation_and_the_global_generator_alone():
    torch.manual_seed(0)
    X, module = torch.randn(64, 2, 30), Careless().train()
    with torch.no_grad():
        module(X)
    before, generator = {k: v.clone() for k, v in module.state_dict().items()}, torch.get_rng_state()
    vat(module, 3 * X + 1)
    assert all(torch.equal(v, module.state_dict()[k]) for k, v in before.items())
    assert torch.equal(generator, torch.get_rng_state())
    with torch.no_grad():
        module(X)
    assert module.norm.num_batches_tracked == 2, "what comes after it counts again"
    assert not torch.equal(before["norm.running_var"], module.norm.running_var)


def test_vat_draws_other_masks_for_other_batches():
    torch.manual_seed(0)
    X, module, rng = torch.randn(64, 2, 30), Careless().train(), torch.Generator().manual_seed(1)
    first, second = (float(virtual_adversarial(module, X, 0.1, rng).detach()) for _ in range(2))
    assert first != second


@pytest.mark.parametrize(
    ("default", "given", "message"),
    [
        (Loss(), {"gama": 1}, r"unknown key of \[loss\] 'gama'; did you mean 'gamma'"),
        (Loss(), {"name": "focall"}, r"'focall'; did you mean 'focal'"),
        (Loss(), {"weights": "balnced"}, r"'balnced'; did you mean 'balanced'"),
        (Loss(), {"vat": -1}, r"\[loss\]: vat is -1; expected float >= 0"),
        (Loss(), {"label_smoothing": 1}, r"label_smoothing is 1; expected float <= 0.9"),
        (Training(), {"passses": 1}, r"unknown key of \[training\] 'passses'; did you mean 'passes'"),
        (Training(), {"schedule": "cosin"}, r"'cosin'; did you mean 'cosine'"),
        (Training(), {"passes": 1.5}, r"\[training\]: passes is 1.5; expected int, got float"),
        (Training(), {"passes": -1}, r"\[training\]: passes is -1; expected int >= 0"),
        (Training(), {"lr": float("nan")}, r"\[training\]: lr is nan; expected float"),
        (Training(), {"lr": "1e-3"}, r"\[training\]: lr is '1e-3'; expected float, got str"),
        (Training(), {"batch_size": True}, r"\[training\]: batch_size is True; expected int, got bool"),
    ],
)
def test_wrong_settings_are_one_line(default, given, message):
    with pytest.raises(BeetlError, match=message) as error:
        overlaid(default, given, f"[{type(default).__name__.lower()}]")
    assert "\n" not in str(error.value)
