"""The models on features as an estimator of scikit-learn, for pipelines and searches of one's own."""

import os
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.utils import check_consistent_length, column_or_1d
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from ..errors import BeetlError, unknown
from ..features import with_night
from .base import Resources
from .registry import make, resolve
from .tabular import TabularModel

MODELS = ("features-boost", "features-logreg")
OF_ROLES = ("source_cap", "target_weight")
"""Settings that tell source from target nights, which a table of rows does not."""


class SleepStageClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """The regression or the boosted trees of the recipes, on a table of features with an epoch per row.

    Where ``groups`` say which night each row is of, the same features relative to their night stand beside them (median
    and spread; see :func:`beetl_task1.features.relative`): on real recordings of young adults worth 4 points. A night
    is then to be given whole, to :meth:`predict` too. Fitted without ``groups``, it takes features as they are.

    Parameters
    ----------
    model : {"features-logreg", "features-boost"}
        As in a recipe.
    parameters : mapping, optional
        What a recipe may set in ``[parameters]``, such as ``{"C": 0.3, "inputs": "normal", "ranks": True}``, but for
        ``source_cap`` and ``target_weight``.
    random_state : int
        Seed of what is random in the model.

    Attributes
    ----------
    classes_ : numpy.ndarray (n_classes,)
        Whatever labels ``y`` held.
    relative_ : bool
        Whether it was fitted with ``groups``.
    classifier_ : estimator
        The fitted pipeline.
    """

    def __init__(
        self, model: str = "features-logreg", parameters: Mapping[str, Any] | None = None, random_state: int = 0
    ):
        self.model = model
        self.parameters = parameters
        self.random_state = random_state

    def fit(self, X: Any, y: Any, groups: Any = None) -> Self:
        """Learn stages from features.

        Parameters
        ----------
        X : array (n_epochs, n_features)
            Features, for instance of :func:`beetl_task1.features.extract`.
        y : array (n_epochs,)
            Labels of any kind.
        groups : array (n_epochs,), optional
            The night of each row.

        Raises
        ------
        BeetlError
            If there is no such model or parameter.
        ValueError
            If the arrays are not as scikit-learn wants them.
        """
        model = self._model()
        X, y = validate_data(self, X, y)
        check_classification_targets(y)
        self.relative_ = groups is not None
        table = self._table(X, groups, ranks=model.settings.ranks)
        weights = compute_sample_weight("balanced", y) ** model.settings.balance
        with config_context(enable_metadata_routing=False):  # weights go to the last step by its name
            self.classifier_ = model.fit_classifier(table, y, weights / weights.mean(), np.zeros(len(y), int))
        self.classes_ = self.classifier_.classes_
        return self

    def predict_proba(self, X: Any, groups: Any = None) -> np.ndarray:
        """Return probabilities (n_epochs, n_classes); rows without ``groups`` are one night if nights were fitted."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False)
        if groups is not None and not self.relative_:
            raise ValueError("groups were not given to fit, so that nothing is relative to them; fit with groups")
        if groups is None and self.relative_:
            groups = np.zeros(len(X))
        found: np.ndarray = self.classifier_.predict_proba(self._table(X, groups, ranks=self._model().settings.ranks))
        return found

    def predict(self, X: Any, groups: Any = None) -> np.ndarray:
        """Return the most probable label of each row; see :meth:`predict_proba`."""
        probabilities = self.predict_proba(X, groups)
        labels: np.ndarray = self.classes_[probabilities.argmax(axis=1)]
        return labels

    def score(self, X: Any, y: Any, sample_weight: Any = None, groups: Any = None) -> float:
        """Return the accuracy."""
        return float(accuracy_score(y, self.predict(X, groups), sample_weight=sample_weight))

    def _model(self) -> TabularModel:
        if self.model not in MODELS:
            raise unknown("model on features", self.model, MODELS)
        given = dict(self.parameters or {})
        for name in set(given) & set(OF_ROLES):
            raise BeetlError(f"parameter {name}: tells source from target nights, but rows have no role; leave it out")
        settings = resolve(self.model, given, "SleepStageClassifier")
        made = make(self.model, settings, seed=self.random_state, resources=Resources(jobs=os.cpu_count() or 1))
        assert isinstance(made, TabularModel)
        return made

    def _table(self, X: np.ndarray, groups: Any, *, ranks: bool) -> np.ndarray:
        """Return features as they are and, where nights are known, relative to the night."""
        if groups is None:
            return X
        groups = column_or_1d(groups)
        check_consistent_length(X, groups)
        table = np.empty((len(X), (2 + ranks) * X.shape[1]), dtype=np.result_type(X, np.float32))
        for night in np.unique(groups):
            rows = groups == night
            table[rows] = with_night(X[rows], ranks=ranks)
        return table
