"""A network of a few hundred weights, and nights in memory to train it on."""

from collections import OrderedDict

import numpy as np
from conftest import make_night

from beetl_task1.data.recording import Recording, RecordingKey
from beetl_task1.models.base import Resources
from beetl_task1.models.network import Network
from beetl_task1.models.settings import Loss, Training

QUICK = {"batch_size": 16, "passes": 3, "lr": 1e-2, "holdout": 0.34}
"""Settings of a training that takes a moment."""


class Tiny(Network):
    """One convolution, its mean power and a linear layer, with batch normalisation and dropout."""

    def __init__(
        self,
        *,
        seed: int = 0,
        resources: Resources = Resources(),  # noqa: B008
        scaling: str = "night",
        loss: Loss = Loss(),  # noqa: B008
        training: Training = Training(**QUICK),  # noqa: B008
    ):
        super().__init__(seed=seed, resources=resources, scaling=scaling, loss=loss, training=training)

    def make_module(self):
        from torch import nn

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
