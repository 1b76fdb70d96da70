"""How far can the local score be believed? What the unlabelled test set looks like beside the labelled target."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from ..data.probabilities import Probabilities
from ..task import N_OUTPUTS, STAGES
from .feature_shift import FeatureShift
from .result import Result
from .scorecard import Labels, stacked


class ClassShift(Result, frozen=True):
    """Shares of the stages."""

    true: dict[str, float]
    target: dict[str, float]
    test: dict[str, float]
    """True shares of the target; shares predicted for the target by models that did not see the subject; shares
    predicted for the test set."""
    counts: dict[str, float]
    """Epochs predicted for the test set, mean over the models."""
    distance: float
    """Total variation between the predicted shares of target and test (0 alike, 1 disjoint)."""
    between_subjects: float
    """The same between one target subject and the others, on average: what subjects differ by anyway."""


class MemberAgreement(Result, frozen=True):
    """How much several predictors agree, on the target (unseen subjects) and on the test set."""

    members: list[str]
    """Whose labels are compared."""
    target: float
    test: float
    """Share of the epochs with equal labels, mean over the pairs of members."""
    pairs: dict[str, list[float]]
    """Of each pair: on the target, on the test set."""


class Shift(Result, frozen=True):
    """All of it, with what it says."""

    classes: ClassShift
    features: FeatureShift | None
    agreement: MemberAgreement | None
    """``None`` with fewer than two members."""
    confidence_target: float
    confidence_test: float
    """Mean probability of the most probable stage."""
    expected_target: float
    expected_test: float
    """Score that the probabilities themselves expect of the labels."""
    score: float
    """True score on the target."""
    statement: list[str]
    """Plain sentences; the last is the verdict."""

    @property
    def guess(self) -> float:
        """What to expect on the test set: the local score less what the probabilities expect to be lost there."""
        return self.score - (self.expected_target - self.expected_test)


@dataclass(frozen=True)
class Predicted:
    """What one model predicts of a set of nights, or several of which each night is predicted by one alone."""

    probabilities: Probabilities
    """By recording, shape ``(n_epochs, 6)``."""
    labels: Labels
    """Decided from them, shape ``(n_epochs,)``."""
    members: Mapping[str, Labels]
    """Labels of each predictor alone, where there are several."""


def shift_of(
    target: Predicted,
    tests: Sequence[Predicted],
    truth: Labels,
    score: float,
    features: FeatureShift | None = None,
) -> Shift:
    """Compare the test set with the target, and say what it means for the local score.

    Each night of the target is predicted by one model. So each model's predictions of the test set are looked at alone,
    and what is found is averaged: probabilities averaged first are less sure than those of any model, and a test set as
    hard as the target would look harder.

    Parameters
    ----------
    target : Predicted
        Each night by a model that did not see the subject.
    tests : sequence of Predicted
        The test set by each of those models, at least one.
    truth : mapping of RecordingKey to array (n_epochs,)
        Labels of the target.
    score : float
        Local score on the target, 0 to 100.
    features : FeatureShift, optional
        From :func:`feature_shift`.
    """
    classes = class_shift(target.labels, [test.labels for test in tests], truth)
    agreement = member_agreement(target.members, [test.members for test in tests])
    expected_target = expected_score(target.probabilities, target.labels)
    expected_test = float(np.mean([expected_score(test.probabilities, test.labels) for test in tests]))
    return Shift(
        classes=classes,
        features=features,
        agreement=agreement,
        confidence_target=_confidence(target.probabilities),
        confidence_test=float(np.mean([_confidence(test.probabilities) for test in tests])),
        expected_target=expected_target,
        expected_test=expected_test,
        score=score,
        statement=_statement(classes, features, agreement, (expected_target, expected_test), score),
    )


def class_shift(target: Labels, tests: Sequence[Labels], truth: Labels) -> ClassShift:
    """Compare the shares of stages that are predicted for the target and for the test set.

    Parameters
    ----------
    target, truth : mapping of RecordingKey to array (n_epochs,)
        Stages 0..5.
    tests : sequence of such mappings
        The test set by each model.
    """
    by_subject: dict[int, np.ndarray] = {}
    for key, labels in target.items():
        by_subject[key.subject] = by_subject.get(key.subject, 0) + np.bincount(labels, minlength=N_OUTPUTS)
    total = np.sum(list(by_subject.values()), axis=0)
    apart = [_variation(counts, total - counts) for counts in by_subject.values() if len(by_subject) > 1]
    counts = np.mean([_counts(labels) for labels in tests], axis=0)
    return ClassShift(
        true=_named(_counts(truth) / _counts(truth).sum()),
        target=_named(total / total.sum()),
        test=_named(counts / counts.sum()),
        counts=_named(counts),
        distance=_variation(total, counts),
        between_subjects=float(np.mean(apart)) if apart else 0.0,
    )


def expected_score(probabilities: Probabilities, labels: Labels) -> float:
    """Return the score that the probabilities expect of the labels: 100 x the mean expected recall.

    The expected recall of a stage is its probability summed over the epochs labelled so, divided by its probability
    summed over all. Right where the probabilities are calibrated; the difference between two sets tells which of them
    looks harder (difference of confidences: Guillory et al. 2021).
    """
    p, decided = stacked(probabilities).astype(np.float64), stacked(labels)
    total = p.sum(axis=0)
    hit = np.bincount(decided, weights=p[np.arange(len(p)), decided], minlength=N_OUTPUTS)
    return float(100 * np.mean(hit[total > 0] / total[total > 0]))


def member_agreement(target: Mapping[str, Labels], tests: Sequence[Mapping[str, Labels]]) -> MemberAgreement | None:
    """Return how much members agree; ``None`` with fewer than two that predicted both sets.

    Parameters
    ----------
    target : mapping of str to mapping of RecordingKey to array (n_epochs,)
        Labels of each member.
    tests : sequence of such mappings
        The test set by each model.
    """
    members = [name for name in target if all(name in test for test in tests)]
    pairs = {
        f"{a} / {b}": [_alike(target[a], target[b]), float(np.mean([_alike(test[a], test[b]) for test in tests]))]
        for a, b in combinations(members, 2)
    }
    if not pairs:
        return None
    here, there = np.mean(list(pairs.values()), axis=0)
    return MemberAgreement(members, float(here), float(there), pairs)


def _statement(
    classes: ClassShift,
    features: FeatureShift | None,
    agreement: MemberAgreement | None,
    expected: tuple[float, float],
    score: float,
) -> list[str]:
    """Return plain sentences, and a verdict that counts what speaks against the local score."""
    lines = [
        "The stages predicted for the test set differ from those predicted for the target by "
        f"{classes.distance:.0%} of the epochs; one target subject differs from the others by "
        f"{classes.between_subjects:.0%}."
    ]
    if features:
        lines.append(
            f"Over {features.n_features} features, test subjects lie {features.mean:.2f} SD from target subjects "
            f"({features.by_chance:.2f} by chance, p = {features.p_value:.2g}); a classifier tells unseen subjects of "
            f"the two apart with an area under the curve of {features.auc:.2f} (0.5 or less is chance)."
        )
    if agreement:
        lines.append(
            f"The {len(agreement.members)} predictors agree on {agreement.target:.0%} of the target's epochs "
            f"and on {agreement.test:.0%} of the test's."
        )
    lines.append(
        f"The probabilities themselves expect {expected[1]:.1f} on the test set and {expected[0]:.1f} on the "
        f"target, where the true score is {score:.1f}."
    )
    harder = expected[0] - expected[1]
    doubts = {
        "its stages are mixed otherwise": classes.distance > max(0.1, classes.between_subjects),
        "its signals differ": features and (features.p_value < 0.05 or features.auc > 0.75),
        "the predictors agree less": agreement and agreement.target - agreement.test > 0.03,
        "the probabilities are less sure": harder > 3,
    }
    return [*lines, _verdict([doubt for doubt, holds in doubts.items() if holds], score - harder)]


def _verdict(doubts: list[str], guess: float) -> str:
    if not doubts:
        return (
            f"Nothing seen here speaks against the local score; a guess for the test set is {guess:.0f}, "
            "within the interval over subjects at best."
        )
    reasons = " and ".join([", ".join(doubts[:-1]), doubts[-1]] if len(doubts) > 1 else doubts)
    much = "with care" if len(doubts) == 1 else "as a ranking of recipes more than as a forecast"
    return f"Take the local score {much}: on the test set {reasons}. A guess for the test set is {guess:.0f}."


def _counts(labels: Labels) -> np.ndarray:
    return np.bincount(stacked(labels), minlength=N_OUTPUTS)


def _confidence(probabilities: Probabilities) -> float:
    return float(stacked(probabilities).max(axis=1).mean())


def _alike(a: Labels, b: Labels) -> float:
    return float(np.mean(stacked(a) == stacked(b)))


def _variation(a: np.ndarray, b: np.ndarray) -> float:
    return float(0.5 * np.abs(a / a.sum() - b / b.sum()).sum())


def _named(values: np.ndarray) -> dict[str, float]:
    return dict(zip(STAGES, values.tolist(), strict=True))
