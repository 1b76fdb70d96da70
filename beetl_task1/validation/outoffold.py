"""Predictions of target nights by models that never saw the subject, kept on disk split by split."""

import copy
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from ..data.files import DataFolder
from ..data.probabilities import load_probabilities, save_probabilities
from ..data.recording import Recording, RecordingKey
from ..ensemble import Ensemble
from ..errors import BeetlError, DataError
from ..models.base import Resources
from ..recipes.recipe import Recipe
from ..recipes.training import build, checkpoint_folder, fingerprint, gathered, members, uses_target
from .splits import Split, blocks, source_only

Night = dict[RecordingKey, np.ndarray]
FOLDER, WITHOUT_FOLDER = "validation", "validation-without-transfer"


@dataclass(frozen=True)
class OutOfFold:
    """What the models of a cross-validation predict.

    Attributes
    ----------
    outer : dict of RecordingKey to numpy.ndarray (n_epochs, 6)
        Each target night by models that did not see its subject; what is scored.
    pools : dict of int to dict
        For each held-out subject: its own nights as in ``outer``, and all others by models that saw neither those nor
        the labels of the held-out subject. Whatever is fitted on top for a subject is fitted on the others of its pool.
        Where nothing is, ``outer`` for each.
    source_only : dict
        Each target night by models that saw no target subject.
    seeds : dict of int to dict
        ``outer`` of each seed alone.
    test : dict
        Test nights, mean over the models of the outer splits; empty without a test set.
    members : dict of str to OutOfFold
        Of an ensemble's members.
    cached : bool
        Whether everything was read from disk.
    """

    outer: Night
    pools: dict[int, Night]
    source_only: Night
    seeds: dict[int, Night]
    test: Night
    members: dict[str, "OutOfFold"]
    cached: bool


@dataclass(frozen=True)
class Setting:
    """Where a cross-validation runs.

    Attributes
    ----------
    group : str
        Target group.
    data : DataFolder
        The competition.
    checkpoints : Path
        Predictions are kept in ``<recipe>/<group>/validation/`` below it.
    resources : Resources
        Where features are cached, and how to compute.
    splits : sequence of Split
        Those that are scored.
    inner : bool
        Whether something is fitted on top of the probabilities. The plain argmax of each epoch needs no predictions of
        the other subjects, and half of the fits are saved.
    test_nights : bool
        Whether the models that are scored predict the test nights too, to be set beside the target.
    """

    group: str
    data: DataFolder
    checkpoints: Path
    resources: Resources
    splits: Sequence[Split]
    inner: bool = True
    test_nights: bool = True

    @property
    def subjects(self) -> list[int]:
        """All target subjects."""
        return sorted(s for split in self.splits for s in split.held_out)

    @property
    def test(self) -> list[Recording]:
        """The unlabelled test nights; none where they are missing or incomplete, since the score needs none."""
        try:
            return self.data.recordings(self.group, "test")
        except DataError:
            return []


def out_of_fold(recipe: Recipe, setting: Setting) -> OutOfFold:
    """Predict every target night by models that never saw its subject, or read what was predicted before.

    Parameters
    ----------
    recipe : Recipe
        A single model, trained once per seed, or an ensemble, whose members are predicted one by one.
    setting : Setting
        Where.
    """
    if recipe.members:
        return _ensemble({member.name: out_of_fold(member, setting) for member in members(recipe)})
    return _mean([_of_seed(replace(recipe, seeds=(seed,)), setting) for seed in recipe.seeds], recipe.seeds)


def _of_seed(recipe: Recipe, setting: Setting) -> OutOfFold:
    work = _Work(recipe, setting)
    alone = without = work.predict(source_only(setting.subjects))
    if recipe.transfer and not uses_target(recipe):
        plain = _Work(replace(recipe, transfer=()), setting, WITHOUT_FOLDER)
        without = plain.predict(source_only(setting.subjects))
        work.fitted += plain.fitted
    if not uses_target(recipe):
        scored, inner = [alone], []
    else:
        scored = [work.predict(split) for split in setting.splits]
        inner = [(split, work.predict(split)) for split in blocks(setting.subjects)] if setting.inner else []
    outer, test = _apart(scored, work.keys)
    pools = {s: _pool(s, outer, [found for split, found in inner if s in split.held_out]) for s in setting.subjects}
    return OutOfFold(
        outer=outer,
        pools=pools if inner else dict.fromkeys(setting.subjects, outer),
        source_only=_apart([without], work.keys)[0],
        seeds={recipe.seeds[0]: outer},
        test=test,
        members={},
        cached=work.fitted == 0,
    )


def _apart(found: Sequence[Night], target: Sequence[RecordingKey]) -> tuple[Night, Night]:
    """Return the target nights of all splits, and the mean of the test nights over them."""
    outer = {key: p for nights in found for key, p in nights.items() if key in target}
    test = [{key: p for key, p in nights.items() if key not in target} for nights in found]
    return {key: outer[key] for key in sorted(outer)}, _average(test)


def _pool(subject: int, outer: Night, inner: Sequence[Night]) -> Night:
    """Return a subject's own predictions, and those of the others by models that knew neither."""
    others = {key for found in inner for key in found if key in outer and key.subject != subject}
    mean = {key: np.mean([found[key] for found in inner if key in found], axis=0) for key in others}
    return {key: p for key, p in outer.items() if key.subject == subject} | mean


class _Work:
    """Fits the models of one recipe and seed, split by split, and keeps what they predict."""

    def __init__(self, recipe: Recipe, setting: Setting, folder: str = FOLDER):
        self.recipe, self.setting, self.fitted = recipe, setting, 0
        self.experiment = fingerprint(recipe, setting.group, setting.data)
        place = checkpoint_folder(setting.checkpoints, recipe.name, setting.group)
        self.folder = place / folder / f"seed{recipe.seeds[0]}"
        self.roles = gathered(recipe, setting.group, setting.data)
        self.keys = [r.key for r in self.roles.target]
        self._stage: Ensemble | None = None
        self._now = ""
        progress = setting.resources.progress
        self.resources = replace(setting.resources, progress=progress and self._told)
        self._prepared = False

    def predict(self, split: Split) -> Night:
        """Return the probabilities of the held-out and, where they are wanted, of the test nights."""
        path, key = self.folder / f"{split.name}.npz", self._key(split)
        found = _read(path, key)
        if found is None:
            self._tell(split)
            predictor = self._fit_or_explain(split.train)
            nights = [r for r in self.roles.target if r.key.subject in split.held_out] + self._tests(split)
            found = {r.key: predictor.predict_proba(r) for r in nights}
            save_probabilities(path, found, {"key": key, "train": list(split.train)})
            self.fitted += 1
            found = _read(path, key)
        return found

    def _fit_or_explain(self, subjects: Sequence[int]) -> Ensemble:
        try:
            return self._fit(subjects)
        except ValueError as error:  # scikit-learn checks its parameters when it fits
            reason = " ".join(str(error).split())
            raise BeetlError(f"recipe {self.recipe.name}: {reason}; check [parameters] of the recipe") from error

    def _fit(self, subjects: Sequence[int]) -> Ensemble:
        """Fit on the source and some target subjects; a stage on the source alone is computed once."""
        train = [r for r in self.roles.target if r.key.subject in subjects]
        hidden = [r.without_labels() for r in self.roles.target if r.key.subject not in subjects]
        unlabelled = [*hidden, *self.roles.unlabelled] if self.roles.unlabelled else []
        predictor = build(self.recipe, self.resources)
        if not self._prepared:
            predictor.prepare([*self.roles.source, *self.roles.target, *self.setting.test])
            self._prepared = True
        if not all(hasattr(model, "fit_source") for model in predictor.members):
            return predictor.fit(source=self.roles.source, target=train, unlabelled=unlabelled if train else [])
        if self._stage is None:
            self._stage = predictor
            for model in predictor.members:
                model.fit_source(source=self.roles.source)
        staged = copy.deepcopy(self._stage)
        for model in staged.members if train else ():
            model.fit_target(source=self.roles.source, target=train, unlabelled=unlabelled)
        return staged

    def _tell(self, split: Split) -> None:
        resources, splits = self.setting.resources, self._all()
        if resources.progress:
            done = sum((self.folder / f"{other.name}.npz").exists() for other in splits)
            self._now = f"{done + 1}/{len(splits)}, held out {', '.join(map(str, split.held_out))}"
            resources.progress(done, len(splits), self._now)

    def _told(self, done: int, total: int, text: str) -> None:
        """Pass on the progress of a fit with the split that it is for."""
        self.setting.resources.progress(done, total, f"{self._now}: {text}")

    def _tests(self, split: Split) -> list[Recording]:
        """Return the test nights where they are predicted: by the models that are scored, if anyone asks."""
        if not self.setting.test_nights:
            return []
        scored = self.setting.splits if uses_target(self.recipe) else [source_only(self.setting.subjects)]
        return self.setting.test if split in scored else []

    def _all(self) -> list[Split]:
        subjects = self.setting.subjects
        inner = blocks(subjects) if self.setting.inner else []
        more = [*self.setting.splits, *inner] if uses_target(self.recipe) else []
        return list(dict.fromkeys([source_only(subjects), *more]))

    def _key(self, split: Split) -> str:
        tests = [r.fingerprint for r in self._tests(split)]
        content = json.dumps([self.experiment, asdict(split), tests])
        return hashlib.sha256(content.encode()).hexdigest()


def _read(path: Path, key: str) -> Night | None:
    if not path.exists():
        return None
    try:
        probabilities, meta = load_probabilities(path)
    except BeetlError:
        return None
    return probabilities if meta.get("key") == key else None


def _mean(runs: Sequence[OutOfFold], seeds: Sequence[int]) -> OutOfFold:
    """Return the mean over runs: the same recipe under several seeds, or the members of an ensemble."""
    return OutOfFold(
        outer=_average([run.outer for run in runs]),
        pools={s: _average([run.pools[s] for run in runs]) for s in runs[0].pools},
        source_only=_average([run.source_only for run in runs]),
        seeds={seed: _average([run.seeds[seed] for run in runs if seed in run.seeds]) for seed in seeds},
        test=_average([run.test for run in runs]),
        members={},
        cached=all(run.cached for run in runs),
    )


def _ensemble(found: Mapping[str, OutOfFold]) -> OutOfFold:
    runs = list(found.values())
    shared = [seed for seed in runs[0].seeds if all(seed in run.seeds for run in runs)]
    return replace(_mean(runs, shared), members=dict(found))


def _average(nights: Sequence[Night]) -> Night:
    return {key: np.mean([each[key] for each in nights], axis=0, dtype=np.float64) for key in nights[0]}
