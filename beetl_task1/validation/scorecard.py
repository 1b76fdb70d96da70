"""The scorecard of one set of labels against the truth: the leaderboard's score and everything behind it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from ..data.recording import RecordingKey
from ..errors import BeetlError
from ..hypnograms.schemes import Scheme, get_scheme
from ..scoring import kappa
from .calibration import Calibration, calibration
from .faces import figure_of, frame_of, html_of
from .resampling import Interval, confusion_score, subject_interval
from .result import Result

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

T = TypeVar("T")
Labels = Mapping[RecordingKey, np.ndarray]


class Unit(Result, frozen=True):
    """Scores of one subject, one night, or of all pooled."""

    name: str
    """``"s6"``, ``"s6r1"`` or ``"pooled"``."""
    n_epochs: int
    score: float
    """100 x mean recall over the stages that the truth holds."""
    accuracy: float
    """Share of correct epochs, 0 to 1."""
    kappa: float | None
    """Cohen's kappa; ``None`` where it is not defined (one stage only)."""
    macro_f1: float
    """Mean F1 over the stages present, 0 to 1."""
    recall: dict[str, float | None]
    precision: dict[str, float | None]
    f1: dict[str, float | None]
    """Recall, precision and F1 per stage, 0 to 1; ``None`` where not defined: recall and F1 of a stage that the
    truth lacks, precision of one that is never predicted."""
    support: dict[str, int]
    predicted: dict[str, int]
    """True and predicted epochs per stage."""
    absent: list[str]
    """Stages that the truth lacks; the score is over the others."""
    confusion: list[list[int]]
    """Rows the truth, columns the labels."""


class Scorecard(Result, frozen=True):
    """Everything about one set of labels."""

    name: str
    """Recipe, or what else the labels are from."""
    group: str
    """Age group; empty where it is not known."""
    scheme: str
    """``"rk"``: six stages; ``"aasm"``: five."""
    stages: tuple[str, ...]
    """Names, in the order of the rows of the confusion matrix."""
    data: str
    """What the data are: competition files, simulated, or rebuilt from open recordings."""
    pooled: Unit
    """Over all epochs, as the leaderboard scores them."""
    subjects: list[Unit]
    nights: list[Unit]
    """Subjects and nights one by one; none where the labels are a bare list."""
    interval: Interval | None = None
    """Of the pooled score, by drawing subjects; ``None`` with fewer than two."""
    calibration: Calibration | None = None
    """``None`` without probabilities."""

    @property
    def score(self) -> float:
        """The pooled score, as the leaderboard computes it (in the scheme's stages)."""
        return self.pooled.score

    @property
    def subject_scores(self) -> dict[str, float]:
        """Score of each subject."""
        return {unit.name: unit.score for unit in self.subjects}

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per subject and one of all, ``pooled``: epochs, score (0 to 100), shares (0 to 1)."""
        return frame_of([*self.subjects, self.pooled])

    def plot(self) -> "Figure":
        """Return the score of each subject beside the confusion matrix."""
        return figure_of(self)

    def _repr_html_(self) -> str:
        return html_of(self)


def scorecard(
    truth: Labels,
    labels: Labels,
    probabilities: Labels | None = None,
    *,
    name: str = "",
    group: str = "",
    data: str = "",
    scheme_name: str = "rk",
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
        true = reading.labels(stacked(truth, keys))
        found = calibration(true, reading.probabilities(stacked(probabilities, keys)), reading.stages)
    return Scorecard(
        name=name,
        group=group,
        scheme=scheme_name,
        stages=reading.stages,
        data=data,
        pooled=_unit_of("pooled", keys, truth, labels, reading),
        subjects=of_subject,
        nights=[_unit_of(f"s{key.subject}r{key.session}", [key], truth, labels, reading) for key in keys],
        interval=_interval(of_subject),
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


def _interval(subjects: Sequence[Unit]) -> Interval | None:
    return subject_interval([np.array(unit.confusion) for unit in subjects]) if len(subjects) > 1 else None


def stacked(values: Labels, keys: Sequence[RecordingKey] | None = None) -> np.ndarray:
    """Return what is known of some recordings, by default of all in order, as one array."""
    return np.concatenate([np.asarray(values[key]) for key in (sorted(values) if keys is None else keys)])


def _unit_of(name: str, keys: Sequence[RecordingKey], truth: Labels, labels: Labels, reading: Scheme) -> Unit:
    return _unit(name, reading.labels(stacked(truth, keys)), reading.labels(stacked(labels, keys)), reading)


def _unit(name: str, true: np.ndarray, decided: np.ndarray, reading: Scheme) -> Unit:
    numbers = np.arange(len(reading.stages))
    confusion = confusion_matrix(true, decided, labels=numbers)
    precision, recall, f1, support = precision_recall_fscore_support(
        true, decided, labels=numbers, average=None, zero_division=np.nan
    )
    present = support > 0
    f1 = np.where(present, np.nan_to_num(f1), np.nan)

    def named(values: Iterable[T]) -> dict[str, T]:
        return dict(zip(reading.stages, values, strict=True))

    return Unit(
        name=name,
        n_epochs=len(true),
        score=float(confusion_score(confusion)),
        accuracy=float(np.mean(true == decided)),
        kappa=kappa(true, decided),
        macro_f1=float(np.nanmean(f1)),
        recall=named(map(_plain, recall)),
        precision=named(map(_plain, precision)),
        f1=named(map(_plain, f1)),
        support=named(support.tolist()),
        predicted=named(confusion.sum(axis=0).tolist()),
        absent=[stage for stage, there in named(present).items() if not there],
        confusion=confusion.tolist(),
    )


def _plain(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


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
