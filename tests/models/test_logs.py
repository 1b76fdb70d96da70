"""Following a training in TensorBoard or Weights & Biases."""

import importlib
import time

import pytest
from tiny import nights, tiny

from beetl_task1.errors import BeetlError
from beetl_task1.models.base import Resources
from beetl_task1.models.logs import LOGS, training_log

ROWS = [
    {"seed": 0, "stage": "source", "pass": 1, "train_loss": 1.5, "valid_loss": None, "valid_score": None, "lr": 1e-3},
    {"seed": 0, "stage": "source", "pass": 2, "train_loss": 1.25, "valid_loss": 2.0, "valid_score": 60.0, "lr": 1e-4},
    {"seed": 0, "stage": "finetune", "pass": 1, "train_loss": 1.0, "valid_loss": 1.5, "valid_score": 70.0, "lr": 1e-4},
    {"seed": 0, "stage": "finetune", "fold": 2, "pass": 1, "train_loss": 3.0, "valid_score": None, "lr": 1e-4},
]


def test_no_log(tmp_path):
    with training_log(None, tmp_path, "run") as log:
        assert log is None
    assert not list(tmp_path.iterdir())


def test_tensorboard(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    with training_log("tensorboard", tmp_path, "chambon-65-79") as log:
        for row in ROWS:
            log(row)
    events = EventAccumulator(str(tmp_path / "logs" / "chambon-65-79")).Reload()
    assert [(e.step, e.value) for e in events.Scalars("seed0/source/train_loss")] == [(1, 1.5), (2, 1.25)]
    assert [(e.step, e.value) for e in events.Scalars("seed0/finetune/valid_score")] == [(1, 70.0)]
    assert [(e.step, e.value) for e in events.Scalars("seed0/finetune/fold2/train_loss")] == [(1, 3.0)]
    assert not {"seed0/source/pass", "seed0/finetune/fold2/fold"} & set(events.Tags()["scalars"])


def test_tensorboard_follows_a_training(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    with training_log("tensorboard", tmp_path, "run") as log:
        tiny(resources=Resources(log=log), training={"passes": 2}).fit(source=nights("25-64"), target=[])
    events = EventAccumulator(str(tmp_path / "logs" / "run")).Reload()
    assert [e.step for e in events.Scalars("seed0/source/valid_loss")] == [1, 2]


def test_wandb_offline(tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")  # which would ask the network
    for name in ("WANDB_CACHE_DIR", "WANDB_CONFIG_DIR", "WANDB_DATA_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    with training_log("wandb", tmp_path, "chambon-65-79") as log:
        for row in ROWS:
            log(row)
    kept = list((tmp_path / "logs").rglob("*.wandb"))
    assert len(kept) == 1
    for _ in range(300):  # W&B's own process writes it, at times a little later
        content = kept[0].read_bytes()
        if b"seed0/finetune/valid_score" in content:
            break
        time.sleep(0.1)
    assert b"seed0/source/train_loss" in content
    assert b"seed0/finetune/valid_score" in content


@pytest.mark.parametrize("name", LOGS)
def test_a_missing_extra_is_one_line(name, tmp_path, monkeypatch):
    def missing(wanted):
        raise ImportError(f"No module named {wanted!r}")

    monkeypatch.setattr(importlib, "import_module", missing)
    with (
        pytest.raises(BeetlError, match=rf"--log {name}: not installed; pip install 'beetl-task1\[{name}\]'") as error,
        training_log(name, tmp_path, "run"),
    ):
        pass
    assert "\n" not in str(error.value)
