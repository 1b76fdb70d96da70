"""How far the true next epoch can be told from slow features alone: a pair model, learned on nights in order."""

from collections.abc import Sequence

import numpy as np
from scipy.special import logsumexp
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from beetl_task1.data.recording import Recording
from beetl_task1.features import night_ranks, relative

PAIRS_A_NIGHT, APART = 400, 5
"""Neighbours drawn of a night, and random pairs for each of them."""


def described(night: Recording) -> np.ndarray:
    """Return the features of a night relative to it, and their ranks."""
    return np.hstack([relative(night.features), night_ranks(night.features)])


def differences(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return what the pair model sees of two epochs, row by row."""
    apart = np.abs(a - b)
    return np.hstack([apart, np.sqrt(apart), np.minimum(apart, 1) ** 2, apart.mean(axis=1, keepdims=True)])


def drawn_pairs(night: Recording, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return rows that another follows, drawn of a night, and both rows of random pairs, ``APART`` for each of them."""
    after = np.flatnonzero(np.diff(night.onsets) == 30)
    first = rng.choice(after, min(len(after), PAIRS_A_NIGHT), replace=False)
    return first, *rng.integers(0, len(night.onsets), (2, APART * len(first)))


def learn_pairs(nights: Sequence[Recording], seed: int = 0) -> Pipeline:
    """Fit a logistic regression that tells neighbours of a night from random pairs of it."""
    rng, X, y = np.random.default_rng(seed), [], []
    for night in nights:
        z, (first, a, b) = described(night), drawn_pairs(night, rng)
        X += [differences(z[first], z[first + 1]), differences(z[a], z[b])]
        y += [np.ones(len(first)), np.zeros(len(a))]
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=300))
    return model.fit(np.concatenate(X), np.concatenate(y))


def successors(model: Pipeline, night: Recording) -> tuple[float, float, float]:
    """Return nats over chance, and how often the true next epoch comes first and in the top tenth of all others."""
    z, nats, ranks = described(night), [], []
    for row in np.flatnonzero(np.diff(night.onsets) == 30):
        told = model.decision_function(differences(np.broadcast_to(z[row], z.shape), z))
        told[row] = -np.inf
        nats.append(told[row + 1] - logsumexp(told) + np.log(len(z) - 1))
        ranks.append(np.sum(told > told[row + 1]) / (len(z) - 1))
    ranks = np.array(ranks)
    return float(np.mean(nats)), float(np.mean(ranks == 0)), float(np.mean(ranks < 0.1))
