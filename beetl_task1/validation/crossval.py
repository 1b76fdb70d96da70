"""Leave-one-target-subject-out: each labelled target night is predicted by models that never saw its subject."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..data.folds import Fold, leave_one_subject_out, load_folds, save_folds
from ..data.probabilities import Probabilities
from ..data.recording import Recording, RecordingKey
from ..decision import BalancedDecision
from ..errors import BeetlError
from ..features import feature_names, features_of
from ..models.base import Resources
from ..recipes.checkpoint import checkpoint_folder
from ..recipes.experiment import Experiment
from ..recipes.recipe import Recipe
from ..scoring import leaderboard_score
from ..store import key_of
from ..typed import json_of
from ..writing import check_folder, write_text
from .ahead import fit_ahead
from .comparison import Comparison, SeedSpread, compare, seed_spread
from .feature_shift import FeatureShift, feature_shift
from .outoffold import OutOfFold, Split, of, out_of_fold, unlabelled_nights
from .scorecard import Labels, Scorecard, scorecard
from .shift import Predicted, Shift, shift_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

SUMMARY = "validation.json"
WITHOUT = " without transfer"


@dataclass(frozen=True)
class Validation:
    """A recipe's cross-validation over the target subjects of a group.

    Attributes
    ----------
    recipe, group : str
        What was validated.
    data : str
        What the data are.
    truth : dict of RecordingKey to numpy.ndarray (n_epochs,)
        True stages of the target nights.
    probabilities : dict of RecordingKey to numpy.ndarray (n_epochs, 6)
        Out-of-fold.
    labels : dict of RecordingKey to numpy.ndarray (n_epochs,)
        Decided stages of the same nights.
    source_only : dict of RecordingKey to numpy.ndarray (n_epochs, 6)
        What the same recipe says when it is trained on the source alone.
    source_only_labels : dict of RecordingKey to numpy.ndarray (n_epochs,)
        Decided from it.
    seeds : SeedSpread
        Scores of each seed alone.
    shift : Shift or None
        The test set beside the target; ``None`` without a test set.
    experiment : str
        Key of the experiment.
    key : str
        Digest of the experiment, the folds and the test nights.
    cached : bool
        Whether all predictions were read from the store.
    made_from : Recipe or None
        The recipe itself, where it is known.
    """

    recipe: str
    group: str
    data: str
    truth: Labels
    probabilities: Probabilities
    labels: Labels
    source_only: Probabilities
    source_only_labels: Labels
    seeds: SeedSpread
    shift: Shift | None
    experiment: str
    key: str
    cached: bool
    made_from: Recipe | None = None

    def card(self, scheme: str = "rk") -> Scorecard:
        """Return the scorecard in a scheme."""
        return self._card(self.recipe, self.labels, self.probabilities, scheme)

    def card_without(self, scheme: str = "rk") -> Scorecard:
        """Return the scorecard of the same recipe trained on the source alone."""
        return self._card(self.recipe + WITHOUT, self.source_only_labels, self.source_only, scheme)

    def _card(self, name: str, labels: Labels, probabilities: Probabilities, scheme: str) -> Scorecard:
        return scorecard(
            self.truth, labels, probabilities, name=name, group=self.group, data=self.data, scheme_name=scheme
        )

    def transfer(self, scheme: str = "rk") -> Comparison | None:
        """Compare with and without transfer; ``None`` where the target subjects change nothing."""
        same = all(np.array_equal(p, self.source_only[key]) for key, p in self.probabilities.items())
        return None if same else compare(self.card(scheme), self.card_without(scheme))

    def to_frame(self) -> "pd.DataFrame":
        """Return the scores of each subject and of all; see :meth:`Scorecard.to_frame`."""
        return self.card().to_frame()

    def plot(self) -> "Figure":
        """Return the score of each subject beside the confusion matrix."""
        return self.card().plot()

    def _repr_html_(self) -> str:
        return self.card()._repr_html_()

    @cached_property
    def summary(self) -> dict[str, Any]:
        """What ``validation.json`` holds."""
        card, transfer = self.card(), self.transfer()
        return {
            "recipe": self.recipe,
            "group": self.group,
            "data": self.data,
            "score": card.score,
            "score_argmax": pooled_score(self.truth, _most_probable(self.probabilities)),
            "recall": card.pooled.recall,
            "subjects": card.subject_scores,
            "n_epochs": card.pooled.n_epochs,
            "scorecard": card.to_dict(),
            "without_transfer": self.card_without().to_dict(),
            "transfer": transfer and transfer.to_dict(),
            "seeds": self.seeds.to_dict(),
            "shift": self.shift and self.shift.to_dict(),
            "key": self.key,
            "experiment": self.experiment,
        }


def validate(experiment: Experiment, checkpoints: Path, resources: Resources) -> Validation:
    """Cross-validate an experiment, or read what was predicted before for the same recipe, data and folds.

    Both nights of a subject are held out together. What decides the labels of a held-out subject is said by models that
    never saw it, so changing the labels of a subject changes nothing of it but its score.

    Parameters
    ----------
    experiment : Experiment
        A single model or an ensemble; members are validated, and kept, one by one.
    checkpoints : path
        The summary goes to ``<recipe>/<group>/`` below it, folds are in ``folds-<group>.json``.
    resources : Resources
        Where features and predictions are kept, and how to compute.
    """
    recipe, group, data = experiment.recipe, experiment.group, experiment.data
    check_folder(checkpoint_folder(checkpoints, recipe.name, group))
    target, test = data.recordings(group, "target"), unlabelled_nights(data, group)
    folds = shared_folds(target, group, checkpoints)
    splits = splits_of(folds)
    made = fit_ahead([(experiment, splits)], resources)
    found = out_of_fold(experiment, splits, resources)
    truth = {r.key: r.y for r in target if r.y is not None}
    labels, decision = decided(found, recipe.decision), recipe.decision
    validation = Validation(
        recipe=recipe.name,
        group=group,
        data=data.provenance.describe(),
        truth=truth,
        probabilities=found.outer,
        labels=labels,
        source_only={key: found.source_only[key] for key in truth},
        source_only_labels=decision.decide(of(found.subjects, found.source_only)),
        seeds=seed_spread(recipe.name, _scores_of_seeds(experiment, found, truth)),
        shift=_shift(experiment, found, labels, truth, resources),
        experiment=experiment.key,
        key=key_of(experiment.key, [asdict(fold) for fold in folds], [night.fingerprint for night in test]),
        cached=found.cached and not made,
        made_from=recipe,
    )
    path = checkpoint_folder(checkpoints, recipe.name, group) / SUMMARY
    write_text(path, json.dumps(validation.summary, indent=1) + "\n")
    return validation


def decided(found: OutOfFold, decision: BalancedDecision) -> dict[RecordingKey, np.ndarray]:
    """Decide the labels of each held-out subject.

    The prior is pooled over what models say of all target nights without having seen their labels: the subject's own
    nights by the models of its split, the others by the model that saw no target subject.
    """
    labels: dict[RecordingKey, np.ndarray] = {}
    for split, said in zip(found.splits, found.found, strict=True):
        own = of(split.held_out, said)
        others = of(found.subjects, found.source_only if split.train else said)
        labels |= decision.decide(own, prior_from=others | own)
    return dict(sorted(labels.items()))


def shared_folds(target: Sequence[Recording], group: str, checkpoints: Path) -> list[Fold]:
    """Return the saved folds of these subjects, or make and save them, so that recipes meet the same splits."""
    path = Path(checkpoints) / f"folds-{group}.json"
    subjects = sorted({r.key.subject for r in target})
    if path.exists():
        folds = load_folds(path)
        if all(f.group == group and sorted(f.train + f.held_out) == subjects for f in folds) and (
            sorted(s for fold in folds for s in fold.held_out) == subjects
        ):
            return folds
    folds = leave_one_subject_out(target)
    save_folds(folds, path)
    return folds


def splits_of(folds: Sequence[Fold]) -> list[Split]:
    """Return folds as what trains and what is held out."""
    return [Split(fold.train, fold.held_out) for fold in folds]


def load_summary(checkpoints: Path, recipe: str, group: str) -> dict[str, Any] | None:
    """Return the summary of the last validation, if there is one."""
    path = checkpoint_folder(checkpoints, recipe, group) / SUMMARY
    try:
        summary: dict[str, Any] = dict(json_of(path.read_bytes()))
        score = summary.get("score")
        if not (isinstance(score, float) and math.isfinite(score)):
            raise ValueError("not a summary")
        return summary
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise BeetlError(f"{path}: cannot be read ({error}); validate again") from error


def pooled_score(truth: Labels, labels: Labels) -> float:
    """Return the leaderboard's score over all nights of the truth."""
    keys = sorted(truth)
    return leaderboard_score(np.concatenate([truth[k] for k in keys]), np.concatenate([labels[k] for k in keys]))


def _scores_of_seeds(experiment: Experiment, found: OutOfFold, truth: Labels) -> dict[int | str, float]:
    """Return the score of each seed alone; an ensemble whose members have other seeds has that of all."""
    alone = found.seeds or {experiment.recipe.seeds[0]: found}
    return {seed: pooled_score(truth, decided(each, experiment.recipe.decision)) for seed, each in alone.items()}


def _shift(
    experiment: Experiment, found: OutOfFold, labels: Labels, truth: Labels, resources: Resources
) -> Shift | None:
    """Return the test set, as the models of each split see it, beside the target."""
    if not found.tests:
        return None
    data, group, decision = experiment.data, experiment.group, experiment.recipe.decision
    members = found.members.items()
    tests = [
        Predicted(
            probabilities,
            decision.decide(probabilities),
            {name: _most_probable(member.tests[min(i, len(member.tests) - 1)]) for name, member in members},
        )
        for i, probabilities in enumerate(found.tests)
    ]
    return shift_of(
        Predicted(found.outer, labels, {name: _most_probable(member.outer) for name, member in members}),
        tests,
        truth,
        pooled_score(truth, labels),
        _feature_shift(data.recordings(group, "target"), data.recordings(group, "test"), resources),
    )


def _feature_shift(target: Sequence[Recording], test: Sequence[Recording], resources: Resources) -> FeatureShift | None:
    """Return how far the features of the test nights are from the target's; ``None`` below two subjects on a side."""
    if min(len({r.key.subject for r in nights}) for nights in (target, test)) < 2:
        return None
    nights = [*target, *test]
    found = features_of(nights, resources.store, jobs=resources.jobs, progress=resources.progress)
    named = [(r.key, features) for r, features in zip(nights, found, strict=True)]
    return feature_shift(dict(named[: len(target)]), dict(named[len(target) :]), feature_names())


def _most_probable(probabilities: Probabilities) -> dict[RecordingKey, np.ndarray]:
    return {key: p.argmax(axis=1) for key, p in probabilities.items()}
