"""Leave-one-target-subject-out: each labelled target night is predicted by models that never saw its subject."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from ..data.files import DataFolder
from ..data.folds import Fold, leave_one_subject_out, load_folds, save_folds
from ..data.recording import Recording, RecordingKey
from ..decision import BalancedDecision
from ..errors import BeetlError
from ..models.base import Resources
from ..recipes.recipe import Recipe
from ..recipes.training import checkpoint_folder, decision_of, fingerprint
from ..scoring import leaderboard_score
from ..typed import typed
from ..writing import write_text
from .comparison import Comparison, SeedSpread, compare, seed_spread
from .outoffold import Night, OutOfFold, Setting, out_of_fold
from .scorecard import Scorecard, scorecard
from .shift import Predicted, Shift, shift_of
from .splits import outer_splits
from .testset import measure_features

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
    probabilities : dict of RecordingKey to numpy.ndarray (n_epochs, 6)
        Out-of-fold.
    labels, truth : dict of RecordingKey to numpy.ndarray (n_epochs,)
        Decided and true labels of the same nights.
    without : Without
        The same recipe trained on the source alone.
    seeds : SeedSpread
        Scores of each seed alone.
    shift : Shift or None
        The test set beside the target; ``None`` without a test set.
    summary : dict
        As in ``validation.json``.
    cached : bool
        Whether all predictions were read from disk.
    """

    recipe: str
    group: str
    data: str
    probabilities: Night
    labels: Night
    truth: Night
    without: "Without"
    seeds: SeedSpread
    shift: Shift | None
    summary: dict
    cached: bool
    _cards: dict = field(default_factory=dict, init=False, repr=False, compare=False)

    def card(self, scheme: str = "rk") -> Scorecard:
        """Return the scorecard in a scheme."""
        return self._card(self.recipe, scheme, self.labels, self.probabilities)

    def card_without(self, scheme: str = "rk") -> Scorecard:
        """Return the scorecard of the same recipe trained on the source alone."""
        return self._card(self.recipe + WITHOUT, scheme, self.without.labels, self.without.probabilities)

    def _card(self, name: str, scheme: str, labels: Night, probabilities: Night) -> Scorecard:
        if (name, scheme) not in self._cards:
            about = {"name": name, "group": self.group, "data": self.data, "scheme_name": scheme}
            self._cards[name, scheme] = scorecard(self.truth, labels, probabilities, **about)
        return self._cards[name, scheme]

    def transfer(self, scheme: str = "rk") -> Comparison | None:
        """Compare with and without transfer; ``None`` where the target subjects change nothing."""
        same = all(np.array_equal(p, self.without.probabilities[key]) for key, p in self.probabilities.items())
        return None if same else compare(self.card(scheme), self.card_without(scheme))


@dataclass(frozen=True)
class Without:
    """Predictions of the target nights by the same recipe trained on the source alone.

    Attributes
    ----------
    probabilities, labels : dict of RecordingKey to array
    """

    probabilities: Night
    labels: Night


def validate(recipe: Recipe, group: str, data: DataFolder, checkpoints: Path, resources: Resources) -> Validation:
    """Cross-validate a recipe, or read what was predicted before for the same recipe, data and folds.

    Both nights of a subject are held out together. Labels of a held-out subject are decided with what was learned from
    the others: predictions by models that knew neither their subject nor the held-out one, so changing the labels of a
    subject changes nothing of it but its score.

    Parameters
    ----------
    recipe : Recipe
        A single model or an ensemble; members are validated, and cached, one by one.
    group : {"65-79", "80-95"}
        Target group.
    data : DataFolder
        The competition.
    checkpoints : path
        Results stand in ``<recipe>/<group>/`` below it, folds in ``folds-<group>.json``.
    resources : Resources
        Where features are cached, and how to compute.

    Returns
    -------
    Validation
    """
    target = data.recordings(group, "target")
    folds = shared_folds(target, group, checkpoints)
    decision = decision_of(recipe)
    inner = hasattr(decision, "fit") or decision.strength > 0
    setting = Setting(group, data, Path(checkpoints), resources, outer_splits(folds), inner)
    found = out_of_fold(recipe, setting)
    truth = {r.key: r.y for r in target}
    labels = decide_held_out(found.pools, truth, decision)
    subjects = setting.subjects
    alone = decide_held_out(dict.fromkeys(subjects, found.source_only), truth, decision)
    experiment = fingerprint(recipe, group, data)
    key = _key(experiment, folds)
    shift = _shift(found, labels, truth, decision, setting, _known(checkpoints, recipe.name, group, key))
    validation = Validation(
        recipe=recipe.name,
        group=group,
        data=data.provenance.describe(),
        probabilities=found.outer,
        labels=labels,
        truth=truth,
        without=Without(found.source_only, alone),
        seeds=_spread(recipe, found, truth, decision),
        shift=shift,
        summary={},
        cached=found.cached,
    )
    validation.summary.update(_summary(validation) | {"key": key, "experiment": experiment})
    path = checkpoint_folder(checkpoints, recipe.name, group) / SUMMARY
    write_text(path, json.dumps(validation.summary, indent=1) + "\n")
    return validation


def decide_held_out(
    pools: Mapping[int, Night], truth: Mapping[RecordingKey, np.ndarray], decision: BalancedDecision
) -> Night:
    """Decide the labels of each held-out subject with what the others of its pool tell.

    Parameters
    ----------
    pools : mapping of int to dict
        For each subject, probabilities of all target nights by models that do not know its labels.
    truth : mapping of RecordingKey to array (n_epochs,)
        Labels; a decision that learns is fitted on the others' only.
    decision : Decision
        With ``decide``, and ``fit`` where it learns.
    """
    labels: Night = {}
    for subject, pool in pools.items():
        fitted = decision
        if hasattr(decision, "fit"):
            others = {key: p for key, p in pool.items() if key.subject != subject}
            fitted = decision.fit(others, {key: truth[key] for key in others})
        decided = fitted.decide(pool)
        labels |= {key: y for key, y in decided.items() if key.subject == subject}
    return {key: labels[key] for key in sorted(labels)}


def shared_folds(target: list[Recording], group: str, checkpoints: Path) -> list[Fold]:
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


def load_summary(checkpoints: Path, recipe: str, group: str) -> dict | None:
    """Return the summary of the last validation, if there is one."""
    path = checkpoint_folder(checkpoints, recipe, group) / SUMMARY
    try:
        summary = json.loads(path.read_text(encoding="utf-8"))
        if not (isinstance(summary, dict) and isinstance(summary.get("score"), float)):
            raise ValueError("not a summary")
        return summary
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise BeetlError(f"{path}: cannot be read ({error}); validate again") from error


def pooled_score(truth: Mapping[RecordingKey, np.ndarray], labels: Mapping[RecordingKey, np.ndarray]) -> float:
    """Return the leaderboard's score over all nights of the truth."""
    keys = sorted(truth)
    return leaderboard_score(np.concatenate([truth[k] for k in keys]), np.concatenate([labels[k] for k in keys]))


def _spread(recipe: Recipe, found: OutOfFold, truth: Night, decision: BalancedDecision) -> SeedSpread:
    """Return the scores of the seeds alone, each with the prior pooled over its own predictions."""
    if len(found.seeds) < 2:
        labels = decide_held_out(found.pools, truth, decision)
        return seed_spread(recipe.name, {recipe.seeds[0]: pooled_score(truth, labels)})
    pools = {
        seed: {s: pool | {k: p for k, p in outer.items() if k.subject == s} for s, pool in found.pools.items()}
        for seed, outer in found.seeds.items()
    }
    scores = {seed: pooled_score(truth, decide_held_out(each, truth, decision)) for seed, each in pools.items()}
    return seed_spread(recipe.name, scores)


def _shift(found, labels, truth, decision, setting: Setting, known: dict | None) -> Shift | None:
    """Return the test set beside the target, or what was found before."""
    if not found.test:
        return None
    score = pooled_score(truth, labels)
    if known is not None and known["score"] == score:
        return typed(Shift, known, f"{SUMMARY} of {setting.group}")
    members = found.members.items()
    fitted = decision.fit(found.outer, truth) if hasattr(decision, "fit") else decision
    return shift_of(
        Predicted(found.outer, labels, {name: _most_probable(member.outer) for name, member in members}),
        [Predicted(found.test, fitted.decide(found.test), {name: _most_probable(m.test) for name, m in members})],
        truth,
        score,
        measure_features(setting),
    )


def _most_probable(probabilities: Night) -> Night:
    return {key: p.argmax(axis=1) for key, p in probabilities.items()}


def _known(checkpoints: Path, recipe: str, group: str, key: str) -> dict | None:
    try:
        summary = load_summary(checkpoints, recipe, group) or {}
    except BeetlError:
        return None
    return summary.get("shift") if summary.get("key") == key else None


def _summary(validation: Validation) -> dict:
    card, transfer = validation.card(), validation.transfer()
    return {
        "recipe": validation.recipe,
        "group": validation.group,
        "data": validation.data,
        "score": card.score,
        "score_argmax": pooled_score(validation.truth, _most_probable(validation.probabilities)),
        "recall": card.pooled.recall,
        "subjects": card.subject_scores,
        "n_epochs": card.pooled.n_epochs,
        "scorecard": card.to_dict(),
        "without_transfer": validation.card_without().to_dict(),
        "transfer": transfer and transfer.to_dict(),
        "seeds": validation.seeds.to_dict(),
        "shift": validation.shift and validation.shift.to_dict(),
    }


def _key(experiment: str, folds: list[Fold]) -> str:
    return hashlib.sha256(json.dumps([experiment, [asdict(fold) for fold in folds]]).encode()).hexdigest()
