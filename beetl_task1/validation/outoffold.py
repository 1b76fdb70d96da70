"""Predictions of target nights by models that never saw the subject, kept in the store split by split."""

import io
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from ..data.files import DataFolder
from ..data.probabilities import Probabilities
from ..data.recording import Recording, RecordingKey
from ..ensemble import Mean, mean_of
from ..errors import DataError
from ..features import night_of
from ..models.base import Model, Predictor, Resources, StagedPredictor
from ..recipes.experiment import Experiment
from ..recipes.training import refused
from ..store import key_of

KIND = "predictions"


@dataclass(frozen=True)
class Split:
    """Target subjects that train, none where a model learns from the source alone, and those that are held out."""

    train: tuple[int, ...]
    held_out: tuple[int, ...]


def source_only(splits: Sequence[Split]) -> Split:
    """Return the split in which no target subject trains."""
    return Split((), tuple(sorted(subject for split in splits for subject in split.held_out)))


@dataclass(frozen=True)
class OutOfFold:
    """What the models of a cross-validation predict.

    Attributes
    ----------
    splits : tuple of Split
        Who trained, and who was held out; each target subject is held out once.
    found : tuple of dict of RecordingKey to numpy.ndarray (n_epochs, 6)
        For each split what its models say of all target nights, those that trained them among them, and of the test
        nights.
    source_only : dict
        The same of all target nights and the test nights, by models that saw no target subject.
    seeds : dict of int to OutOfFold
        Of each seed alone, where there are several.
    members : dict of str to OutOfFold
        Of an ensemble's members.
    cached : bool
        Whether everything was read from the store.
    """

    splits: tuple[Split, ...]
    found: tuple[Probabilities, ...]
    source_only: Probabilities
    seeds: dict[int, "OutOfFold"]
    members: dict[str, "OutOfFold"]
    cached: bool

    @property
    def outer(self) -> dict[RecordingKey, np.ndarray]:
        """Each target night by models that did not see its subject: what is scored."""
        parts = (of(split.held_out, found) for split, found in zip(self.splits, self.found, strict=True))
        return dict(sorted(item for part in parts for item in part.items()))

    @property
    def subjects(self) -> tuple[int, ...]:
        """All target subjects."""
        return source_only(self.splits).held_out

    @property
    def tests(self) -> list[Probabilities]:
        """The test nights by the models of each split; empty without a test set."""
        target = self.subjects
        apart: list[Probabilities] = [
            {k: p for k, p in found.items() if k.subject not in target} for found in self.found
        ]
        return apart if apart[0] else []


def of(subjects: Collection[int], probabilities: Probabilities) -> dict[RecordingKey, np.ndarray]:
    """Return the nights of some subjects."""
    return {key: p for key, p in probabilities.items() if key.subject in subjects}


def unlabelled_nights(data: DataFolder, group: str) -> list[Recording]:
    """Return the test nights; none where they are missing or incomplete, since the score needs none."""
    try:
        return data.recordings(group, "test")
    except DataError:
        return []


def out_of_fold(experiment: Experiment, splits: Sequence[Split], resources: Resources) -> OutOfFold:
    """Predict every target night by models that never saw its subject, or read what was predicted before.

    Parameters
    ----------
    experiment : Experiment
        A single model, trained once per seed, or an ensemble, whose members are predicted one by one.
    splits : sequence of Split
        Each target subject is held out once.
    resources : Resources
        Where predictions are kept, and how to compute.
    """
    if experiment.members:
        members = {member.recipe.name: out_of_fold(member, splits, resources) for member in experiment.members}
        runs = list(members.values())
        shared = runs[0].seeds if all(run.seeds.keys() == runs[0].seeds.keys() for run in runs) else ()
        how = experiment.recipe.mean, experiment.recipe.weights
        seeds = {seed: _mean([run.seeds[seed] for run in runs], *how) for seed in shared}
        return _agreed(experiment, replace(_mean(runs, *how), members=members, seeds=seeds), resources)
    alone = {s: _of_seed(experiment.but(seeds=(s,)), splits, resources) for s in experiment.recipe.seeds}
    return _agreed(experiment, replace(_mean(list(alone.values())), seeds=alone), resources)


def _of_seed(experiment: Experiment, splits: Sequence[Split], resources: Resources) -> OutOfFold:
    fits = Fits(experiment, resources)
    nobody = source_only(splits)
    alone = without = fits.predict(nobody)
    cached = fits.cached
    if experiment.transfers and not experiment.uses_target:
        plain = Fits(experiment.but(transfer=()), resources)
        without, cached = plain.predict(nobody), plain.cached and cached
    scored = tuple(splits) if experiment.uses_target else (nobody,)
    found = tuple(fits.predict(split) if experiment.uses_target else alone for split in scored)
    return OutOfFold(scored, found, without, {}, {}, cached and fits.cached)


class Fits:
    """Fits the one model of an experiment split by split, and keeps what it predicts."""

    def __init__(self, experiment: Experiment, resources: Resources):
        self.experiment, self.store, self.cached = experiment, resources.store, True
        self.tests = unlabelled_nights(experiment.data, experiment.group)
        self._now = ""
        self._tell = resources.progress
        self.resources = replace(resources, progress=self._told if resources.progress else None)
        self._source: StagedPredictor | None = None
        self._prepared = False

    def key(self, split: Split) -> str:
        """Return the key under which predictions are kept."""
        return key_of(self.experiment.fit_key, asdict(split), [night.fingerprint for night in self.tests])

    def prepare(self) -> Model:
        """Return an unfitted model for which what does not depend on the split is laid ready."""
        nights, [model] = self.experiment.nights, self.experiment.models(self.resources)
        if not self._prepared:
            model.prepare([*nights.source, *nights.target, *self.tests])
            self._prepared = True
        return model

    def predict(self, split: Split) -> Probabilities:
        """Return the probabilities of the target nights and of the test nights."""
        key = self.key(split)
        content = self.store.load(KIND, key)
        if content is not None:
            return _unpacked(content)
        self.cached = False
        self._now = f"held out {', '.join(map(str, split.held_out))}"
        nights = self.experiment.nights.target + self.tests
        try:
            predictor = self._fit(split)
        except ValueError as error:
            raise refused(self.experiment.recipe.name, error) from error
        content = _packed({night.key: predictor.predict_proba(night) for night in nights})
        self.store.save(KIND, key, content)
        return _unpacked(content)

    def _fit(self, split: Split) -> Predictor:
        """Fit on the source and some target subjects; a stage on the source alone is computed once."""
        nights = self.experiment.nights
        train = [r for r in nights.target if r.key.subject in split.train]
        hidden = [r.without_labels() for r in nights.target if r.key.subject not in split.train]
        unlabelled = [*hidden, *nights.unlabelled] if nights.unlabelled and train else []
        model = self.prepare()
        if not isinstance(model, StagedPredictor):
            return model.fit(source=nights.source, target=train, unlabelled=unlabelled)
        if self._source is None:
            self._source = model.fit_source(source=nights.source)
        if not train:
            return self._source
        return self._source.branched().fit_target(source=nights.source, target=train, unlabelled=unlabelled)

    def _told(self, done: int, total: int, text: str) -> None:
        """Pass on the progress of a fit with the split that it is for."""
        if self._tell:
            self._tell(done, total, f"{self._now}: {text}")


def _agreed(experiment: Experiment, said: OutOfFold, resources: Resources) -> OutOfFold:
    """Let each epoch hear similar ones of its night, where the recipe says so."""
    similar = experiment.recipe.similar
    if similar is None:
        return said
    nights = experiment.nights.target + unlabelled_nights(experiment.data, experiment.group)
    rows = {night.key: similar.rows(night_of(night, resources.store).relative) for night in nights}

    def heard(run: OutOfFold) -> OutOfFold:
        alone, *found = (
            {key: similar.heard(np.asarray(p, dtype=np.float64), rows[key]) for key, p in each.items()}
            for each in (run.source_only, *run.found)
        )
        return replace(run, source_only=alone, found=tuple(found), seeds={s: heard(r) for s, r in run.seeds.items()})

    return heard(said)


def _mean(runs: Sequence[OutOfFold], mean: Mean = "arithmetic", weights: Sequence[float] = ()) -> OutOfFold:
    """Return the mean over runs: several seeds, or members, of which some learn nothing from the target: one split."""
    splits = max((run.splits for run in runs), key=len)

    def average(nights: Sequence[Probabilities]) -> dict[RecordingKey, np.ndarray]:
        return {key: mean_of([each[key] for each in nights], mean, weights) for key in nights[0]}

    found = [average([run.found[i if len(run.splits) > 1 else 0] for run in runs]) for i in range(len(splits))]
    without = average([run.source_only for run in runs])
    return OutOfFold(splits, tuple(found), without, {}, {}, all(run.cached for run in runs))


def _packed(probabilities: Mapping[RecordingKey, np.ndarray]) -> bytes:
    buffer = io.BytesIO()
    arrays: dict[str, Any] = {str(key): np.asarray(p, dtype=np.float32) for key, p in probabilities.items()}
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def _unpacked(content: bytes) -> dict[RecordingKey, np.ndarray]:
    with np.load(io.BytesIO(content), allow_pickle=False) as stored:
        return {RecordingKey.parse(name): stored[name] for name in stored.files}
