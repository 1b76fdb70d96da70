"""A scorer's hypnogram, and how far it agrees."""

import csv
import re
import shutil
import tempfile
import warnings
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from ..errors import DataError
from ..task import EPOCH_SECONDS
from .schemes import AASM, RK, Scheme

UNSCORED = -1
WAKE_EPOCHS = 60
_PREFIX = re.compile(r"^(sleep|stage|stadium|schlafstadium|nrem|non-rem)[\s_:-]*")
_STAGES = {
    "w": 0,
    "wake": 0,
    "awake": 0,
    "wach": 0,
    "1": 1,
    "s1": 1,
    "n1": 1,
    "2": 2,
    "s2": 2,
    "n2": 2,
    "3": 3,
    "s3": 3,
    "n3": 3,
    "4": 4,
    "s4": 4,
    "n4": 4,
    "r": 5,
    "rem": 5,
}


@dataclass(frozen=True)
class Scoring:
    """Stages by a scorer for the epochs of a recording.

    Attributes
    ----------
    stages : numpy.ndarray (n_epochs,), int64
        R&K stages, -1 where not scored. N3 stands as S3.
    scheme : Scheme
        AASM if the scorer wrote N1, N2 or N3.
    """

    stages: np.ndarray
    scheme: Scheme


@dataclass(frozen=True)
class Agreement:
    """How two stagings of the same epochs agree.

    Attributes
    ----------
    stages : tuple of str
        Names of the stages that were compared.
    n_epochs : int
        Epochs that both have.
    accuracy : float or None
        Share that agrees, 0 to 1; None where no epoch was compared.
    kappa : float or None
        Cohen's; None where both know a single stage.
    confusion : numpy.ndarray (n_stages, n_stages)
        Epochs; rows the scorer's, columns the models'.
    """

    stages: tuple[str, ...]
    n_epochs: int
    accuracy: float | None
    kappa: float | None
    confusion: np.ndarray

    def to_dict(self) -> dict:
        """Return plain values."""
        return {
            "stages": list(self.stages),
            "n_epochs": self.n_epochs,
            "accuracy": self.accuracy,
            "kappa": self.kappa,
            "confusion": self.confusion.tolist(),
        }


def read_scoring(path: str | Path, n_epochs: int, start: datetime | None = None) -> Scoring:
    """Read a hypnogram: annotations in any format that mne reads, a CSV of ``stage``, or one stage per line.

    An epoch gets the stage at its middle. Names such as ``Sleep stage 2``, ``N2``, ``S2``, ``NREM2``, ``W``, ``REM``
    are known; anything else (``?``, ``Movement time``) is not scored.

    Parameters
    ----------
    path : path
        The hypnogram. A CSV has columns ``stage`` and, unless there is one row per epoch, ``onset`` in seconds; each
        row holds until the next.
    n_epochs : int
        Epochs of the recording.
    start : datetime, optional
        When the recording began; annotations with a time of their own are shifted to it.

    Raises
    ------
    DataError
        The file is missing, cannot be read or names no stage.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"{path}: no such file; --hypnogram takes annotations that mne reads, a CSV, or a text file")
    onsets, ends, names = _read_text(path) or _read_annotations(path, start)
    stages = np.full(n_epochs, UNSCORED, dtype=np.int64)
    middles = (np.arange(n_epochs) + 0.5) * EPOCH_SECONDS
    for onset, end, name in zip(onsets, ends, names, strict=True):
        stages[(middles >= onset) & (middles < end)] = stage_of(name)
    if (stages == UNSCORED).all():
        raise DataError(
            f"{path}: expected stages such as 'Sleep stage 2' or 'N2' within the recording, got "
            f"{sorted(set(names))[:4]}; give the hypnogram of this recording"
        )
    aasm = any(re.fullmatch(r"n[123]", _bare(name)) for name in names)
    return Scoring(stages, AASM if aasm else RK)


def stage_of(name: str) -> int:
    """Return the R&K stage that a name means, or -1."""
    return _STAGES.get(_bare(name), UNSCORED)


def compare(stages: np.ndarray, scheme: Scheme, scored: Scoring) -> Agreement:
    """Compare stages with a scorer's.

    Parameters
    ----------
    stages : array (n_epochs,)
        R&K stages by the models (where they were decided among five, N3 stands as S3).
    scheme : Scheme
        In which to compare; where the scorer knows only N3, S3 and S4 are one anyway.
    scored : Scoring
        Of the same epochs.
    """
    from sklearn.metrics import cohen_kappa_score

    scheme = AASM if AASM in (scheme, scored.scheme) else RK
    both = scored.stages >= 0
    truth, found = scheme.translate(scored.stages[both]), scheme.translate(np.asarray(stages)[both])
    kappa = None
    if len(set(truth) | set(found)) > 1:
        kappa = float(cohen_kappa_score(truth, found))
    confusion = np.zeros((len(scheme.stages),) * 2, dtype=np.int64)
    np.add.at(confusion, (truth, found), 1)
    accuracy = float(np.mean(truth == found)) if both.any() else None
    return Agreement(scheme.stages, int(both.sum()), accuracy, kappa, confusion)


def around_sleep(scored: Scoring) -> Scoring:
    """Return the scoring from 30 minutes before sleep to 30 minutes after, as sleep studies are compared."""
    asleep = np.flatnonzero(scored.stages > 0)
    if not len(asleep):
        return scored
    stages = np.full_like(scored.stages, UNSCORED)
    kept = slice(max(0, asleep[0] - WAKE_EPOCHS), asleep[-1] + 1 + WAKE_EPOCHS)
    stages[kept] = scored.stages[kept]
    return Scoring(stages, scored.scheme)


def _bare(name: str) -> str:
    bare = str(name).strip().lower()
    while (shorter := _PREFIX.sub("", bare)) != bare:
        bare = shorter
    return bare


def _read_annotations(path: Path, start: datetime | None):
    import mne

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with tempfile.TemporaryDirectory() as folder:
                if path.suffix != path.suffix.lower():  # mne knows .edf, not .EDF
                    path = Path(shutil.copy(path, Path(folder) / f"hypnogram{path.suffix.lower()}"))
                found = mne.read_annotations(path)
        except Exception as error:  # readers raise nearly anything
            raise DataError(
                f"{path}: mne cannot read it as annotations ({error}); give EDF+ annotations, a CSV with "
                f"a column 'stage', or one stage per line"
            ) from error
    shift = 0.0
    if found.orig_time is not None and start is not None:
        shift = (found.orig_time - start).total_seconds()
    onsets = np.asarray(found.onset) + shift
    return onsets, onsets + np.asarray(found.duration), [str(name) for name in found.description]


def _read_text(path: Path):
    """Return onsets, ends and names of a CSV with a column ``stage``, or of one stage per line; else None."""
    if path.suffix.lower() not in (".csv", ".txt", ".tsv"):
        return None
    text = path.read_text(encoding="utf-8-sig", errors="replace")
    lines = [line for line in text.splitlines() if line.strip()]
    if lines and all(stage_of(line) != UNSCORED or line.strip() == "?" for line in lines):
        onsets = np.arange(len(lines)) * float(EPOCH_SECONDS)
        return onsets, onsets + EPOCH_SECONDS, lines
    rows = list(csv.DictReader(lines, delimiter="\t" if path.suffix.lower() == ".tsv" else ","))
    if not rows or "stage" not in rows[0]:
        return None
    names = [row["stage"] or "?" for row in rows]
    try:
        onsets = np.array([float(row["onset"]) for row in rows]) if "onset" in rows[0] else None
    except (TypeError, ValueError) as error:
        raise DataError(f"{path}: expected seconds in the column 'onset' ({error})") from error
    if onsets is None:
        onsets = np.arange(len(rows)) * float(EPOCH_SECONDS)
    return onsets, np.append(onsets[1:], onsets[-1] + EPOCH_SECONDS), names
