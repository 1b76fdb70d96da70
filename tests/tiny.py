"""A network of a few hundred weights, and nights in memory to train it on."""

from collections import OrderedDict

import numpy as np
from conftest import make_night
from torch import nn

from beetl_task1.data.recording import Recording, RecordingKey
from beetl_task1.models.base import Resources
from beetl_task1.models.network import Network, NetworkSettings
from beetl_task1.models.registry import make, model_class, resolve
from beetl_task1.models.settings import Training
from beetl_task1.transfer import check_transfers, make_transfer

QUICK = {"batch_size": 16, "passes": 3, "lr": 1e-2, "holdout": 0.34}
"""Settings of a training that takes a moment."""


class Tiny(Network):
    """One convolution, its mean power and a linear layer, with batch normalisation and dropout."""

    class Settings(NetworkSettings, frozen=True):
        training: Training = Training(**QUICK)

    def make_module(self):
        layers = {
            "conv": nn.Conv1d(2, 6, 50, 10),
            "norm": nn.BatchNorm1d(6),
            "relu": nn.ReLU(),
            "pool": nn.AdaptiveAvgPool1d(2),
            "flat": nn.Flatten(),
            "drop": nn.Dropout(0.2),
            "final_layer": nn.Linear(12, 6),
        }
        return nn.Sequential(OrderedDict(layers))


def tiny(transfers=(), *, seed=0, resources=None, **values):
    """Return the tiny network; ``transfers`` are tables of a recipe, or transfers; ``values`` are settings."""
    made = [make_transfer(t) if isinstance(t, dict) else t for t in transfers]
    check_transfers(Tiny, made, "recipe mine")
    settings = Tiny.resolve(values, "recipe mine")
    return Tiny(settings, seed=seed, resources=resources or Resources(), transfers=made)


def made(name, values=None, transfers=(), *, seed=0, resources=None):
    """Return a model of the registry by what a recipe sets."""
    tables = [make_transfer(table) for table in transfers]
    check_transfers(model_class(name), tables, "recipe mine")
    settings = resolve(name, values or {}, "recipe mine")
    return make(name, settings, seed=seed, resources=resources or Resources(), transfers=tables)


def night(subject: int, session: int = 1, group: str = "25-64", n_epochs: int = 24, labelled: bool = True) -> Recording:
    """Return a night whose signal follows from its key."""
    X, y = make_night(np.random.default_rng([subject, session, len(group), int(group[:2])]), n_epochs)
    return Recording.from_arrays(RecordingKey(group, subject, session), X, y if labelled else None)


def nights(group: str, subjects=(0, 1, 2), labelled: bool = True) -> list[Recording]:
    """Return both nights of each subject."""
    return [night(subject, session, group, labelled=labelled) for subject in subjects for session in (1, 2)]


def relabelled(recording: Recording, y: np.ndarray) -> Recording:
    """Return a night with other labels."""
    return Recording.from_arrays(recording.key, recording.X, y, recording.onsets)
