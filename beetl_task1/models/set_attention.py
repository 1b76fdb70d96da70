"""A classifier that sees a night as a set: each epoch attends to all others. It predicts with numpy alone."""

from collections.abc import Mapping

import numpy as np
from scipy.special import erf, softmax

from ..typed import AtLeast0, AtLeast1, Positive, Share
from .tabular import TabularSettings

LIMIT = 3.0
"""Inputs are cut at plus and minus this."""
_EPSILON = 1e-5
_ROWS = 128
_SAFE = 60.0
"""Sums of exponentials of up to this neither overflow nor vanish in 32 bits, whatever the night's length."""
Weights = Mapping[str, np.ndarray]


class SetSettings(TabularSettings, frozen=True):
    """What a recipe may set.

    ``width`` of the network's ``layers``, which have so many ``heads``; ``passes`` through all epochs that train, but
    at least ``least_steps``, at a highest ``rate``, each step on so many ``nights`` and ``epochs`` of each, with
    ``dropout`` and ``noise`` on inputs of variance 1.
    """

    width: AtLeast1 = 64
    layers: AtLeast1 = 2
    heads: AtLeast1 = 4
    dropout: Share = 0.2
    noise: AtLeast0 = 0.3
    passes: Positive = 8.0
    least_steps: AtLeast1 = 200
    nights: AtLeast1 = 4
    epochs: AtLeast1 = 256
    rate: Positive = 2e-3


def probabilities(weights: Weights, heads: int, X: np.ndarray) -> np.ndarray:
    """Return what a trained network says of one night.

    Parameters
    ----------
    weights : mapping of str to array
        By the names that torch has them by.
    heads : int
        Of its attention.
    X : array, shape (n_epochs, n_columns), float32
        Inputs.

    Returns
    -------
    array, shape (n_epochs, n_outputs)
        Rows sum to 1.
    """
    hidden = _linear(weights, "into.3", _gelu(_linear(weights, "into.0", X)))
    layer = 0
    while (name := f"layers.{layer}") + ".norm1.weight" in weights:
        hidden = hidden + _attention(weights, name, _normed(weights, name + ".norm1", hidden), heads)
        inner = _gelu(_linear(weights, name + ".linear1", _normed(weights, name + ".norm2", hidden)))
        hidden = hidden + _linear(weights, name + ".linear2", inner)
        layer += 1
    logits = _linear(weights, "out.2", _normed(weights, "out.0", hidden))
    return np.asarray(softmax(logits.astype(np.float64), axis=1))


def _linear(weights: Weights, name: str, x: np.ndarray) -> np.ndarray:
    return np.asarray(x @ weights[name + ".weight"].T + weights[name + ".bias"])


def _gelu(x: np.ndarray) -> np.ndarray:
    return np.asarray(x * (1 + erf(x / np.float32(np.sqrt(2)))) / 2)


def _normed(weights: Weights, name: str, x: np.ndarray) -> np.ndarray:
    centred = x - x.mean(axis=1, keepdims=True)
    scaled = centred / np.sqrt(np.square(centred).mean(axis=1, keepdims=True) + np.float32(_EPSILON))
    return np.asarray(scaled * weights[name + ".weight"] + weights[name + ".bias"])


def _attention(weights: Weights, name: str, x: np.ndarray, heads: int) -> np.ndarray:
    """Return what each epoch hears; a head at a time, since each takes n_epochs ** 2 numbers."""
    both = x @ weights[name + ".self_attn.in_proj_weight"].T + weights[name + ".self_attn.in_proj_bias"]
    queries, keys, values = np.split(both, 3, axis=1)
    width = x.shape[1] // heads
    parts = [slice(head * width, (head + 1) * width) for head in range(heads)]
    queries = queries / np.float32(np.sqrt(width))
    heard = [_heard(queries[:, part], keys[:, part], values[:, part]) for part in parts]
    return _linear(weights, name + ".self_attn.out_proj", np.hstack(heard))


def _heard(queries: np.ndarray, keys: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return the mean of the values that each query hears; some rows at a time, which stay in the processor's cache."""
    heard, counted = np.empty_like(values), np.column_stack([values, np.ones(len(values), values.dtype)])
    highest = np.linalg.norm(queries, axis=1).max() * np.linalg.norm(keys, axis=1).max()  # at most, by Cauchy-Schwarz
    room, keys = np.empty((min(_ROWS, len(queries)), len(keys)), keys.dtype), np.ascontiguousarray(keys.T)
    for first in range(0, len(queries), _ROWS):
        asked = queries[first : first + _ROWS]
        told = np.matmul(asked, keys, out=room[: len(asked)])
        if not highest < _SAFE:
            told -= told.max(axis=1, keepdims=True)
        summed = np.exp(told, out=told) @ counted
        heard[first : first + _ROWS] = summed[:, :-1] / summed[:, -1:]
    return heard
