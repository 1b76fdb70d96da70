"""How far can the local score be believed? What the unlabelled test set looks like beside the labelled target."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import combinations

import numpy as np

from ..data.recording import RecordingKey
from ..task import N_OUTPUTS, STAGES
from .feature_shift import FeatureShift

Probabilities = Mapping[RecordingKey, np.ndarray]


@dataclass(frozen=True)
class ClassShift:
    """Shares of the stages.

    Attributes
    ----------
    true, target, test : dict of str to float
        True shares of the target; shares predicted for the target by models that did not see the subject; shares
        predicted for the test set.
    counts : dict of str to int
        Predicted for the test set.
    distance : float
        Total variation between the predicted shares of target and test (0 alike, 1 disjoint).
    between_subjects : float
        The same between one target subject and the others, on average: what subjects differ by anyway.
    """

    true: dict[str, float]
    target: dict[str, float]
    test: dict[str, float]
    counts: dict[str, int]
    distance: float
    between_subjects: float


@dataclass(frozen=True)
class Agreement:
    """How much several predictors agree, on the target (unseen subjects) and on the test set.

    Attributes
    ----------
    members : list of str
        Whose labels are compared.
    target, test : float
        Share of the epochs with equal labels, mean over the pairs of members.
    pairs : dict of str to list of float
        Of each pair: on the target, on the test set.
    """

    members: list[str]
    target: float
    test: float
    pairs: dict[str, list[float]]


@dataclass(frozen=True)
class Shift:
    """All of it, with what it says.

    Attributes
    ----------
    classes : ClassShift
    features : FeatureShift or None
    agreement : Agreement or None
        ``None`` with fewer than two members.
    confidence_target, confidence_test : float
        Mean probability of the most probable stage.
    expected_target, expected_test : float
        Score that the probabilities themselves expect of the labels.
    score : float
        True score on the target.
    statement : list of str
        Plain sentences; the last is the verdict.
    """

    classes: ClassShift
    features: FeatureShift | None
    agreement: Agreement | None
    confidence_target: float
    confidence_test: float
    expected_target: float
    expected_test: float
    score: float
    statement: list[str]

    def to_dict(self) -> dict:
        """Return plain values, ready for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict) -> "Shift":
        """Return the shift of plain values."""
        kinds = {"classes": ClassShift, "features": FeatureShift, "agreement": Agreement}
        return cls(**values | {name: values[name] and kind(**values[name]) for name, kind in kinds.items()})


@dataclass(frozen=True)
class Predicted:
    """Predictions of one set of nights.

    Attributes
    ----------
    probabilities : mapping of RecordingKey to array (n_epochs, 6)
    labels : mapping of RecordingKey to array (n_epochs,)
        Decided from them.
    members : mapping of str to mapping of RecordingKey to array (n_epochs,)
        Labels of each predictor alone, where there are several.
    """

    probabilities: Probabilities
    labels: Mapping[RecordingKey, np.ndarray]
    members: Mapping[str, Mapping[RecordingKey, np.ndarray]]


def shift_of(
    target: Predicted,
    test: Predicted,
    truth: Mapping[RecordingKey, np.ndarray],
    score: float,
    features: FeatureShift | None = None,
) -> Shift:
    """Compare the test set with the target, and say what it means for the local score.

    Parameters
    ----------
    target, test : Predicted
        The target by models that did not see the subject.
    truth : mapping of RecordingKey to array (n_epochs,)
        Labels of the target.
    score : float
        Local score on the target, 0 to 100.
    features : FeatureShift, optional
        From :func:`feature_shift`.
    """
    classes = class_shift(target.labels, test.labels, truth)
    agreement = agreement_of(target.members, test.members)
    expected = [expected_score(side.probabilities, side.labels) for side in (target, test)]
    confidence = [float(_stacked(side.probabilities).max(axis=1).mean()) for side in (target, test)]
    return Shift(
        classes=classes,
        features=features,
        agreement=agreement,
        confidence_target=confidence[0],
        confidence_test=confidence[1],
        expected_target=expected[0],
        expected_test=expected[1],
        score=score,
        statement=_statement(classes, features, agreement, *expected, score),
    )


def class_shift(
    target: Mapping[RecordingKey, np.ndarray],
    test: Mapping[RecordingKey, np.ndarray],
    truth: Mapping[RecordingKey, np.ndarray],
) -> ClassShift:
    """Compare the shares of stages that are predicted for the target and for the test set.

    Parameters
    ----------
    target, test, truth : mapping of RecordingKey to array (n_epochs,)
        Stages 0..5.
    """
    by_subject: dict[int, np.ndarray] = {}
    for key, labels in target.items():
        counts = by_subject.get(key.subject, np.zeros(N_OUTPUTS))
        by_subject[key.subject] = counts + np.bincount(labels, minlength=N_OUTPUTS)
    total = sum(by_subject.values())
    apart = [_variation(counts, total - counts) for counts in by_subject.values() if len(by_subject) > 1]
    counts = np.bincount(_stacked(test), minlength=N_OUTPUTS)
    true = np.bincount(_stacked(truth), minlength=N_OUTPUTS)
    return ClassShift(
        true=_named(true / true.sum()),
        target=_named(total / total.sum()),
        test=_named(counts / counts.sum()),
        counts=dict(zip(STAGES, counts.tolist(), strict=True)),
        distance=_variation(total, counts),
        between_subjects=float(np.mean(apart)) if apart else 0.0,
    )


def expected_score(probabilities: Probabilities, labels: Mapping[RecordingKey, np.ndarray]) -> float:
    """Return the score that the probabilities expect of the labels: 100 x the mean expected recall.

    The expected recall of a stage is its probability summed over the epochs labelled so, divided by its probability
    summed over all. Right where the probabilities are calibrated; the difference between two sets tells which of them
    looks harder (difference of confidences: Guillory et al. 2021).
    """
    p = _stacked(probabilities).astype(np.float64)
    decided = np.concatenate([labels[key] for key in sorted(probabilities)])
    total = p.sum(axis=0)
    hit = np.bincount(decided, weights=p[np.arange(len(p)), decided], minlength=N_OUTPUTS)
    return float(100 * np.mean(hit[total > 0] / total[total > 0]))


def agreement_of(
    target: Mapping[str, Mapping[RecordingKey, np.ndarray]], test: Mapping[str, Mapping[RecordingKey, np.ndarray]]
) -> Agreement | None:
    """Return how much members agree; ``None`` with fewer than two that predicted both sets.

    Parameters
    ----------
    target, test : mapping of str to mapping of RecordingKey to array (n_epochs,)
        Labels of each member.
    """
    members = [name for name in target if name in test]
    pairs = {
        f"{a} / {b}": [float(np.mean(_stacked(side[a]) == _stacked(side[b]))) for side in (target, test)]
        for a, b in combinations(members, 2)
    }
    if not pairs:
        return None
    means = np.mean(list(pairs.values()), axis=0)
    return Agreement(members, float(means[0]), float(means[1]), pairs)


def _statement(classes, features, agreement, expected_target, expected_test, score) -> list[str]:
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
        f"The probabilities themselves expect {expected_test:.1f} on the test set and {expected_target:.1f} on the "
        f"target, where the true score is {score:.1f}."
    )
    harder = expected_target - expected_test
    return [*lines, _verdict(_doubts(classes, features, agreement, harder), score - harder)]


def _doubts(classes, features, agreement, harder: float) -> list[str]:
    found = {
        "its stages are mixed otherwise": classes.distance > max(0.1, classes.between_subjects),
        "its signals differ": features and (features.p_value < 0.05 or features.auc > 0.75),
        "the predictors agree less": agreement and agreement.target - agreement.test > 0.03,
        "the probabilities are less sure": harder > 3,
    }
    return [doubt for doubt, holds in found.items() if holds]


def _verdict(doubts: list[str], guess: float) -> str:
    if not doubts:
        return (
            f"Nothing seen here speaks against the local score; a guess for the test set is {guess:.0f}, "
            "within the interval over subjects at best."
        )
    reasons = " and ".join([", ".join(doubts[:-1]), doubts[-1]] if len(doubts) > 1 else doubts)
    much = "with care" if len(doubts) == 1 else "as a ranking of recipes more than as a forecast"
    return f"Take the local score {much}: on the test set {reasons}. A guess for the test set is {guess:.0f}."


def _stacked(values: Mapping[RecordingKey, np.ndarray]) -> np.ndarray:
    return np.concatenate([np.asarray(values[key]) for key in sorted(values)])


def _variation(a: np.ndarray, b: np.ndarray) -> float:
    return float(0.5 * np.abs(a / a.sum() - b / b.sum()).sum())


def _named(shares: np.ndarray) -> dict[str, float]:
    return dict(zip(STAGES, shares.tolist(), strict=True))
