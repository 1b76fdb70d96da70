"""The scorecard of one set of labels against the truth: the leaderboard's score and everything behind it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
from sklearn.metrics import cohen_kappa_score, confusion_matrix, precision_recall_fscore_support

from ..data.recording import RecordingKey
from ..errors import BeetlError
from ..hypnograms.schemes import Scheme, get_scheme
from .calibration import Calibration, Curve, calibration
from .resampling import Interval, confusion_score, subject_interval

Labels = Mapping[RecordingKey, np.ndarray]


@dataclass(frozen=True)
class Unit:
    """Scores of one subject, one night, or of all pooled.

    Attributes
    ----------
    name : str
        ``"s6"``, ``"s6r1"`` or ``"pooled"``.
    n_epochs : int
        Epochs.
    score : float
        100 x mean recall over the stages that the truth holds.
    accuracy : float
        Share of correct epochs, 0 to 1.
    kappa : float or None
        Cohen's kappa; ``None`` where it is not defined (one stage only).
    macro_f1 : float
        Mean F1 over the stages present, 0 to 1.
    recall, precision, f1 : dict of str to float or None
        Per stage, 0 to 1; ``None`` where not defined: recall and F1 of a stage that the truth lacks, precision of one
        that is never predicted.
    support, predicted : dict of str to int
        True and predicted epochs per stage.
    absent : list of str
        Stages that the truth lacks; the score is over the others.
    confusion : list of list of int
        Rows the truth, columns the labels.
    """

    name: str
    n_epochs: int
    score: float
    accuracy: float
    kappa: float | None
    macro_f1: float
    recall: dict[str, float | None]
    precision: dict[str, float | None]
    f1: dict[str, float | None]
    support: dict[str, int]
    predicted: dict[str, int]
    absent: list[str]
    confusion: list[list[int]]


@dataclass(frozen=True)
class Scorecard:
    """Everything about one set of labels.

    Attributes
    ----------
    name : str
        Recipe, or what else the labels are from.
    group : str
        Age group; empty where it is not known.
    scheme : {"rk", "aasm"}
        Six stages, or five.
    stages : tuple of str
        Names, in the order of the rows of the confusion matrix.
    data : str
        What the data are: competition files, simulated, or rebuilt from open recordings.
    pooled : Unit
        Over all epochs, as the leaderboard scores them.
    subjects, nights : list of Unit
        One by one; empty where the labels are a bare list.
    interval : Interval or None
        Of the pooled score, by drawing subjects; ``None`` with fewer than two.
    calibration : Calibration or None
        ``None`` without probabilities.
    """

    name: str
    group: str
    scheme: str
    stages: tuple[str, ...]
    data: str
    pooled: Unit
    subjects: list[Unit]
    nights: list[Unit]
    interval: Interval | None = None
    calibration: Calibration | None = None

    @property
    def score(self) -> float:
        """The pooled score, as the leaderboard computes it (in the scheme's stages)."""
        return self.pooled.score

    @property
    def subject_scores(self) -> dict[str, float]:
        """Score of each subject."""
        return {unit.name: unit.score for unit in self.subjects}

    def to_dict(self) -> dict:
        """Return plain values, ready for JSON."""
        return asdict(self) | {"stages": list(self.stages)}

    @classmethod
    def from_dict(cls, values: dict) -> "Scorecard":
        """Return the scorecard of plain values.

        Raises
        ------
        BeetlError
            If they are no scorecard.
        """
        try:
            return cls(
                **values
                | {
                    "stages": tuple(values["stages"]),
                    "pooled": Unit(**values["pooled"]),
                    "subjects": [Unit(**unit) for unit in values["subjects"]],
                    "nights": [Unit(**unit) for unit in values["nights"]],
                    "interval": values["interval"] and Interval(**values["interval"]),
                    "calibration": values["calibration"] and _calibration(values["calibration"]),
                }
            )
        except (KeyError, TypeError) as error:
            raise BeetlError(f"not a scorecard ({error!r}); validate again") from error


def scorecard(
    truth: Labels,
    labels: Labels,
    probabilities: Labels | None = None,
    *,
    name: str = "",
    group: str = "",
    data: str = "",
    scheme_name: str = "rk",
    seed: int = 0,
) -> Scorecard:
    """Score labels against the truth.

    Parameters
    ----------
    truth, labels : mapping of RecordingKey to array (n_epochs,)
        Stages 0..5 of the same recordings.
    probabilities : mapping of RecordingKey to array (n_epochs, 6), optional
        For calibration.
    name, group, data : str
        What the card says of itself.
    scheme_name : {"rk", "aasm"}
        ``"aasm"`` reads S3 and S4 as N3, in truth, labels and probabilities.
    seed : int
        For the interval, where subjects are too many to look at all draws.

    Raises
    ------
    BeetlError
        If recordings or lengths differ.
    """
    reading = get_scheme(scheme_name)
    _check(truth, labels, probabilities)
    keys = sorted(truth)
    subjects: dict[str, list[RecordingKey]] = {}
    for key in keys:
        subjects.setdefault(f"s{key.subject}", []).append(key)
    of_subject = [_unit_of(who, nights, truth, labels, reading) for who, nights in subjects.items()]
    found = None
    if probabilities is not None:
        stacked = np.concatenate([probabilities[key] for key in keys])
        true = reading.labels(np.concatenate([truth[key] for key in keys]))
        found = calibration(true, reading.probabilities(stacked), reading.stages)
    return Scorecard(
        name=name,
        group=group,
        scheme=scheme_name,
        stages=reading.stages,
        data=data,
        pooled=_unit_of("pooled", keys, truth, labels, reading),
        subjects=of_subject,
        nights=[_unit_of(f"s{key.subject}r{key.session}", [key], truth, labels, reading) for key in keys],
        interval=interval_of(of_subject, seed),
        calibration=found,
    )


def bare_scorecard(truth: np.ndarray, labels: np.ndarray, *, name: str = "", scheme_name: str = "rk") -> Scorecard:
    """Score one list of labels of which the recordings are not known: no subjects, no interval.

    Parameters
    ----------
    truth, labels : array (n_epochs,)
        Stages 0..5 in the same order.
    name : str
        What the card says of itself.
    scheme_name : {"rk", "aasm"}
        As in :func:`scorecard`.
    """
    reading = get_scheme(scheme_name)
    if len(truth) != len(labels):
        raise BeetlError(f"{len(labels)} labels for {len(truth)} true ones; both must list the same epochs in order")
    pooled = _unit("pooled", reading.labels(truth), reading.labels(labels), reading)
    return Scorecard(name, "", scheme_name, reading.stages, "", pooled, [], [])


def interval_of(subjects: list[Unit], seed: int = 0) -> Interval | None:
    """Return the interval of the pooled score by drawing subjects, if there are two or more."""
    if len(subjects) < 2:
        return None
    return subject_interval([np.array(unit.confusion) for unit in subjects], seed=seed)


def _unit_of(name: str, keys: list[RecordingKey], truth: Labels, labels: Labels, reading: Scheme) -> Unit:
    true = np.concatenate([np.asarray(truth[key]) for key in keys])
    decided = np.concatenate([np.asarray(labels[key]) for key in keys])
    return _unit(name, reading.labels(true), reading.labels(decided), reading)


def _unit(name: str, true: np.ndarray, decided: np.ndarray, reading: Scheme) -> Unit:
    numbers = np.arange(len(reading.stages))
    confusion = confusion_matrix(true, decided, labels=numbers)
    precision, recall, f1, support = precision_recall_fscore_support(
        true, decided, labels=numbers, average=None, zero_division=np.nan
    )
    f1 = np.where(support > 0, np.nan_to_num(f1), np.nan)

    def named(values):
        return dict(zip(reading.stages, values, strict=True))

    kappa = cohen_kappa_score(true, decided, labels=numbers) if len(np.unique([true, decided])) > 1 else np.nan
    return Unit(
        name=name,
        n_epochs=len(true),
        score=float(confusion_score(confusion)),
        accuracy=float(np.mean(true == decided)),
        kappa=_plain(kappa),
        macro_f1=float(np.nanmean(f1)),
        recall=named(map(_plain, np.where(support > 0, recall, np.nan))),
        precision=named(map(_plain, precision)),
        f1=named(map(_plain, f1)),
        support=named(support.tolist()),
        predicted=named(confusion.sum(axis=0).tolist()),
        absent=[stage for stage, n in zip(reading.stages, support, strict=True) if n == 0],
        confusion=confusion.tolist(),
    )


def _plain(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _calibration(values: dict) -> Calibration:
    curves = {stage: Curve(**curve) for stage, curve in values["stages"].items()}
    return Calibration(**values | {"top": Curve(**values["top"]), "stages": curves})


def _check(truth: Labels, labels: Labels, probabilities: Labels | None) -> None:
    if not truth:
        raise BeetlError("nothing to score: no recording was given")
    for what, given in (("labels", labels), ("probabilities", probabilities)):
        if given is None:
            continue
        if set(given) != set(truth):
            different = ", ".join(str(key) for key in sorted(set(given) ^ set(truth))[:4])
            raise BeetlError(f"{what} and truth are of different recordings ({different}); give the same to both")
        for key in truth:
            if len(given[key]) != len(truth[key]):
                raise BeetlError(
                    f"{key}: {len(given[key])} {what} for {len(truth[key])} true ones; score the same night"
                )
