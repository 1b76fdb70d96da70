"""Classifiers of scikit-learn on hand-crafted features, each also relative to its own night."""

import warnings
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, ClassVar, Self

import numpy as np
from scipy.special import ndtri
from threadpoolctl import ThreadpoolController, threadpool_limits

from ..data.recording import Recording, check_length
from ..errors import BeetlError, CheckpointError
from ..features import FEATURE_VERSION, Night, feature_names, night_features, night_of, prepare_features, with_night
from ..task import CHANNELS, N_CHANS, N_OUTPUTS
from ..typed import AtLeast0, Count, Settings
from .base import Model, Transfer
from .canonical import canonical
from .skops_quietly import skops_io

TRUSTED_TYPES = ("sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",)
"""The types beyond skops' own defaults that a checkpoint may hold. Fixed here, never taken from the file."""

EDGE = 1e-7
"""How near to the extremes of what trained scikit-learn takes a value for one of them."""
UNUSUAL = 2.0
"""A night this many times louder, or quieter, than all nights that trained is brought to the median of them."""


class TabularSettings(Settings, frozen=True):
    """What a recipe may set of every model on features.

    At most ``source_cap`` source epochs of a stage train, drawn by the seed and weighted for those left out; 0 for all.
    A labelled target epoch weighs ``target_weight`` times as much as one of the source. ``balance`` is the exponent of
    inverse class frequency in the weight of an epoch: 0 weighs epochs alike, 1 weighs classes alike. With
    ``ranks`` each feature's rank within the night joins.
    """

    source_cap: Count = 0
    target_weight: AtLeast0 = 3.0
    balance: AtLeast0 = 0.5
    ranks: bool = False


class FeatureTransfer(Transfer, frozen=True):
    """What a transfer may change of a model on features; here, nothing."""

    for_networks = False
    uses_target = True
    uses_unlabelled = True

    def night(self, X: np.ndarray) -> np.ndarray:
        """Return the features of one night, changed, shape ``(n_epochs, n_features)``."""
        return X

    def adapt(self, source: np.ndarray, target: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the source's features, shape ``(n_rows, n_features)``, changed, and a weight for each of its rows.

        The target's rows are those of labelled and unlabelled nights together.
        """
        return source, np.ones(len(source))


class TabularModel(Model):
    """Base of the models on features: rows are epochs, columns are features as they are and relative to the night.

    The relative half is a set operation over the night (Van der Donckt et al. 2022 use context instead; here the order
    is unknown).
    """

    Settings: ClassVar[type[TabularSettings]] = TabularSettings
    settings: TabularSettings
    transfers: tuple[FeatureTransfer, ...]
    is_network = False
    one_thread = False
    """Whether the fit must not depend on the number of threads by more than rounding."""

    def make_classifier(self, n_columns: int) -> tuple[Any, str]:
        """Return the unfitted classifier for so many columns, and the name of its argument for weights."""
        raise NotImplementedError

    def prepare(self, recordings: Sequence[Recording]) -> None:
        """Compute and cache the features of the nights that are not cached yet."""
        if self.resources.cache is not None:
            prepare_features(recordings, self.resources.store, self.resources.jobs, self.resources.progress)

    def fit(
        self, *, source: Sequence[Recording], target: Sequence[Recording], unlabelled: Sequence[Recording] = ()
    ) -> Self:
        """Fit the classifier on all labelled nights; source or target may be empty, not both."""
        nights = [*source, *target]
        if not nights:
            raise BeetlError("nothing to train on: no labelled night was given")
        features = [night_features(recording, self.resources.store) for recording in nights]
        tables, levels = (
            [self._table(F) for F in features],
            [_level(*pair) for pair in zip(nights, features, strict=True)],
        )
        labels = [np.asarray(recording.y) for recording in nights]
        for recording, table, y in zip(nights, tables, labels, strict=True):
            check_length(y, len(table), recording.name, f"labels of {recording.key}")
        X, y = np.concatenate(tables), np.concatenate(labels)
        sizes, asked = [len(table) for table in tables], self.settings
        night = np.repeat(np.arange(len(nights)), sizes)
        domain = np.repeat([1.0] * len(source) + [asked.target_weight] * len(target), sizes)
        n_source = sum(sizes[: len(source)])
        del features, tables  # as much again as X
        X[:n_source], weights = self._adapted(X[:n_source], X[n_source:], unlabelled)
        domain[:n_source] *= weights
        if asked.source_cap:
            rows, domain = _thinned(y, domain, n_source, asked.source_cap, np.random.default_rng(self.seed))
            X, y, night = X[rows], y[rows], night[rows]
        self.classifier_ = self.fit_classifier(X, y, self._weights(y, domain), night)
        self.classifier_.levels_ = np.quantile(levels, [0, 0.5, 1], axis=0)
        return self

    def fit_classifier(self, X: np.ndarray, y: np.ndarray, weights: np.ndarray, night: np.ndarray) -> Any:
        """Return the classifier fitted to rows that weigh so much, of nights by number, shapes ``(n_rows,)``."""
        classifier, weight_argument = self.make_classifier(X.shape[1])
        with threadpool_limits(1 if self.one_thread else self.resources.jobs), warnings.catch_warnings():
            warnings.filterwarnings(
                "ignore", message="Bins whose width|Feature .* is constant|n_quantiles|n_components"
            )
            return classifier.fit(X, y, **{weight_argument: weights})

    def classify(self, table: np.ndarray, night: Night) -> np.ndarray:
        """Return probabilities of the stages that trained, for rows of columns as they trained, made of a night."""
        return np.asarray(self.classifier_.predict_proba(table))

    def scores(self, quantiles: Any, table: np.ndarray, night: Night) -> np.ndarray:
        """Return :func:`normal_scores` of a table made of a night, once for all models that have the same quantiles."""

        def made() -> np.ndarray:
            return normal_scores(quantiles, table, night.order)

        return made() if self.transfers else night.once(quantiles.quantiles_.tobytes(), made)

    def predict_proba(self, recording: Recording) -> np.ndarray:
        """Return probabilities of a night, shape ``(n_epochs, 6)``; a stage never trained on gets 0."""
        night = night_of(recording, self.resources.store)
        usual = self._at_usual_level(recording, night.features)
        if usual is not recording:
            night = night_of(usual, self.resources.store)
        table = self._carried(night.table(ranks=self.settings.ranks))
        proba = np.zeros((len(table), N_OUTPUTS))
        with _threads().limit(limits=1):  # a night is small: more threads would wait for each other at every tree
            proba[:, self.classifier_.classes_] = self.classify(table, night)
        return proba

    def versions(self) -> dict[str, str]:
        """Return the version of the features."""
        return {"features": str(FEATURE_VERSION)}

    def to_bytes(self) -> bytes:
        """Return the classifier in the format of skops, which holds no pickle: the same bytes for the same model."""
        return canonical(skops_io.dumps(self.classifier_))

    def from_bytes(self, content: bytes) -> Self:
        """Take over a classifier; types beyond :data:`TRUSTED_TYPES` are refused."""
        try:
            self.classifier_ = skops_io.loads(content, trusted=list(TRUSTED_TYPES))
        except Exception as error:  # skops, zipfile and json each have their own
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise CheckpointError(f"weights cannot be read ({reason}); train again") from error
        return self

    def _adapted(
        self, source: np.ndarray, labelled: np.ndarray, unlabelled: Sequence[Recording]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the source's rows as the transfers change them, and their weights."""
        weights = np.ones(len(source))
        asked = [t for t in self.transfers if t.uses_target] if len(source) else []
        wanted = unlabelled if any(t.uses_unlabelled for t in asked) else []
        target = np.concatenate([labelled, *(self._table(night_features(r, self.resources.store)) for r in wanted)])
        for transfer in asked if len(target) else ():
            source, more = transfer.adapt(source, target, self.seed)
            weights = weights * more
        return source, weights

    def _weights(self, y: np.ndarray, domain: np.ndarray) -> np.ndarray:
        mass = np.bincount(y, weights=domain, minlength=N_OUTPUTS)
        per_class = np.divide(mass.sum(), mass, out=np.zeros(N_OUTPUTS), where=mass > 0) ** self.settings.balance
        weights = domain * per_class[y]
        return np.asarray(weights / weights.mean())

    def _at_usual_level(self, recording: Recording, F: np.ndarray) -> Recording:
        """Return a night (features ``F``) as loud as a usual one, if it is far louder or quieter than all that trained.

        An amplifier's gain or a wrong unit is no reason to doubt the rest: features beyond all that was learned from
        would lead the models. Both channels must be so: one alone is spoilt, and stays as it is.
        """
        level, levels = _level(recording, F), getattr(self.classifier_, "levels_", None)
        if levels is None or np.isnan([*level, *levels.ravel()]).any():
            return recording
        lowest, usual, highest = levels + 2 * np.log10(UNUSUAL) * np.array([[-1], [0], [1]])
        if not ((level < lowest).all() or (level > highest).all()):
            return recording
        return Recording.from_arrays(recording.key, recording.X * 10 ** ((usual - level) / 2)[:, None])

    def _table(self, F: np.ndarray) -> np.ndarray:
        """Return the features of a night as they are and relative to it, changed as the transfers say."""
        return self._carried(with_night(F, ranks=self.settings.ranks))

    def _carried(self, table: np.ndarray) -> np.ndarray:
        """Return the table of a night, changed as the transfers say."""
        for transfer in self.transfers:
            table = transfer.night(table)
        return table


@cache
def _threads() -> ThreadpoolController:
    """Return what limits the threads of the libraries, which are found once: finding them takes as long as a model."""
    return ThreadpoolController()


def _level(recording: Recording, F: np.ndarray) -> np.ndarray:
    """Return how loud a night is: decades of the variance of either channel, NaN for nights of features alone."""
    if recording.features is not None:
        return np.full(N_CHANS, np.nan)
    columns = [feature_names().index(f"{channel} hjorth_activity") for channel in CHANNELS]
    return np.asarray(np.median(F[:, columns], axis=0))


def _thinned(
    y: np.ndarray, domain: np.ndarray, n_source: int, cap: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Draw at most ``cap`` source epochs of each stage; return the rows kept and weights that make up for the rest."""
    kept, weights = [np.arange(n_source, len(y))], domain.copy()
    for stage in range(N_OUTPUTS):
        rows = np.flatnonzero(y[:n_source] == stage)
        drawn = np.sort(rng.choice(rows, size=min(cap, len(rows)), replace=False))
        weights[drawn] *= len(rows) / max(len(drawn), 1)
        kept.append(drawn)
    rows = np.sort(np.concatenate(kept))
    return rows, weights[rows]


def quantiles_to_normal(seed: int) -> Any:
    """Return an unfitted transformer of each column to a normal distribution."""
    from sklearn.preprocessing import QuantileTransformer

    return QuantileTransformer(n_quantiles=200, output_distribution="normal", subsample=20_000, random_state=seed)


def looked_up(
    columns: np.ndarray,
    look_up: Callable[[int, np.ndarray], np.ndarray],
    order: np.ndarray | None = None,
    dtype: Any = np.float64,
) -> np.ndarray:
    """Return what is found for the values of each column, shape ``(n_columns, n_rows)``.

    Parameters
    ----------
    columns : array, shape (n_columns, n_rows)
    look_up : callable
        Called with the number of a column and values of it.
    order : array, shape (n_features, n_rows), optional
        Rows from the lowest value of a column to its highest, again and again for as many columns as there are:
        searches in this order take a fraction of the time. In any other, what is found is the same.
    dtype : dtype
        Of what is returned.
    """
    found = np.empty(columns.shape, dtype)
    for i, values in enumerate(columns):
        rows = slice(None) if order is None else order[i % len(order)]
        found[i, rows] = look_up(i, values[rows])
    return found


def normal_scores(quantiles: Any, X: np.ndarray, order: np.ndarray | None = None) -> np.ndarray:
    """Return what a fitted transformer to normal distributions returns, but for rounding, in a fraction of the time.

    scikit-learn asks scipy's distribution column by column, which checks more than it computes, and interpolates from
    either side where repeated quantiles alone need that. ``order`` as for :func:`looked_up`.
    """
    levels, known, columns = quantiles.references_, quantiles.quantiles_.T.copy(), np.ascontiguousarray(X.T)
    repeated = (known[:, 1:] == known[:, :-1]).any(axis=1)

    def score(i: int, x: np.ndarray) -> np.ndarray:
        share = np.interp(x, known[i], levels)
        if repeated[i]:
            share = 0.5 * (share - np.interp(-x, -known[i, ::-1], -levels[::-1]))
        share[x + EDGE > known[i, -1]] = 1
        share[x - EDGE < known[i, 0]] = 0
        return np.asarray(ndtri(share.astype(x.dtype)))

    scores = looked_up(columns, score, order, X.dtype)
    ends = ndtri([EDGE - np.spacing(1), 1 - (EDGE - np.spacing(1))])
    return np.clip(scores, *ends, out=scores).T
