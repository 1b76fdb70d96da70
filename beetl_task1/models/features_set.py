"""A network on features in which each epoch attends to all others of its night."""

import warnings
from typing import Any, ClassVar, Self

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from ..errors import BeetlError, CheckpointError, one_line
from ..features import Night
from ..task import N_OUTPUTS
from .set_attention import LIMIT, SetSettings, probabilities
from .tabular import TabularModel, TabularSettings, normal_scores, quantiles_to_normal

_OWN = ("levels_", "classes_", "quantiles_", "references_")
"""What is kept beside the weights."""


class SetClassifier:
    """Normal quantiles of each column, then the network; what was learned are arrays.

    Attributes
    ----------
    classes_ : array, shape (n_outputs,)
        Stages that trained.
    levels_ : array, shape (3, 2)
        How loud the nights were that trained.
    quantiles_, references_ : array
        As scikit-learn's ``QuantileTransformer`` has them.
    weights_ : dict of str to array
        Of the network, by torch's names.
    """

    classes_: np.ndarray
    levels_: np.ndarray
    quantiles_: np.ndarray
    references_: np.ndarray
    weights_: dict[str, np.ndarray]

    def __init__(self, heads: int):
        self.heads = heads

    def inputs(self, scores: np.ndarray) -> np.ndarray:
        """Return the inputs of the network, shape ``(n_epochs, n_columns)``, of normal scores."""
        return np.asarray(np.clip(scores, -LIMIT, LIMIT), np.float32)

    def predict_proba(self, scores: np.ndarray) -> np.ndarray:
        """Return probabilities of one night, shape ``(n_epochs, n_outputs)``, of its normal scores."""
        return probabilities(self.weights_, self.heads, self.inputs(scores))


class FeaturesSet(TabularModel):
    """A transformer without positions over the epochs of a night (Set Transformer, Lee et al. 2019), on features.

    What it learns is how to stage an epoch given all others of its night, in whatever order: which of them are alike,
    and what the night is like. Inputs are normal quantiles. The seed is that of weights, batches and dropout.
    """

    Settings: ClassVar[type[TabularSettings]] = SetSettings
    settings: SetSettings

    @classmethod
    def resolve(cls, values: Any, where: str) -> Any:
        """Return all settings, or a :class:`BeetlError` at ``where``."""
        settings: Any = super().resolve(values, where)
        if settings.width % settings.heads:
            raise BeetlError(f"{where}: width {settings.width} is no multiple of heads {settings.heads}; change one")
        return settings

    def fit_classifier(self, X: np.ndarray, y: np.ndarray, weights: np.ndarray, night: np.ndarray) -> SetClassifier:
        """Return the classifier fitted to rows that weigh so much, of nights by number."""
        from .set_training import trained

        classifier = SetClassifier(self.settings.heads)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="n_quantiles")
            quantiles = quantiles_to_normal(0).fit(X)  # whatever the seed: seeds then share normal scores
        classifier.quantiles_, classifier.references_ = quantiles.quantiles_, quantiles.references_
        classifier.classes_, target = np.unique(y, return_inverse=True)
        rows = [np.flatnonzero(night == i) for i in np.unique(night)]
        nights = [
            (classifier.inputs(normal_scores(classifier, X[r])), target[r], weights[r].astype(np.float32)) for r in rows
        ]
        size, settings = len(classifier.classes_), self.settings
        classifier.weights_ = trained(nights, size, settings, self.seed, self.resources.progress)
        return classifier

    def classify(self, table: np.ndarray, night: Night) -> np.ndarray:
        """Return probabilities of a night."""
        return np.asarray(self.classifier_.predict_proba(self.scores(self.classifier_, table, night)))

    def to_bytes(self) -> bytes:
        """Return what was learned in the format of safetensors."""
        own = {name: np.ascontiguousarray(getattr(self.classifier_, name)) for name in _OWN}
        return save(own | self.classifier_.weights_, metadata={"model": type(self).__name__})

    def from_bytes(self, content: bytes) -> Self:
        """Take over what was learned, or a :class:`CheckpointError` if it is damaged or of another size."""
        try:
            tensors = load(content)
        except (SafetensorError, ValueError, KeyError) as error:
            raise CheckpointError(f"weights cannot be read ({one_line(error)}); train again") from error
        classifier = SetClassifier(self.settings.heads)
        for name in _OWN:
            if name not in tensors:
                raise CheckpointError(f"weights are not of this model ({name} is missing); train again")
            setattr(classifier, name, tensors.pop(name))
        classifier.weights_ = tensors
        self._check(classifier)
        self.classifier_ = classifier
        return self

    def _check(self, classifier: SetClassifier) -> None:
        """Refuse arrays that do not go together."""
        try:
            stages = classifier.classes_
            n = classifier.quantiles_.shape[1]
            found = classifier.predict_proba(normal_scores(classifier, np.zeros((2, n), np.float32)))
            layers = sum(name.endswith("norm1.weight") for name in classifier.weights_)
            fits = found.shape == (2, len(stages)) and np.isfinite(found).all() and layers == self.settings.layers
            fits = fits and classifier.levels_.shape == (3, 2) and stages.dtype.kind in "iu"
            fits = fits and set(stages) <= set(range(N_OUTPUTS))
        except (KeyError, ValueError, IndexError, TypeError, AttributeError) as error:
            raise CheckpointError(f"weights are not of this model ({type(error).__name__}); train again") from error
        if not fits:
            raise CheckpointError("weights are not of this model; train again")
