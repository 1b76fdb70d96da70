"""One staged night: probabilities, stages, statistics, how it compares with a scorer, and what its files hold."""

import base64
import datetime
import html
import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import edfio
import mne
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ..hypnograms.schemes import Scheme
from ..task import EPOCH_SECONDS, STAGES
from .figure import draw, figure_of
from .statistics import Agreement, Scored, agreement_of, all_statistics, around_sleep

DISCLAIMER = "for research only; not a medical device"
_EDF_YEARS = range(1985, 2085)
_UNDATED = datetime.date(1985, 1, 1)


@dataclass(frozen=True)
class StagedNight:
    """What the models say of a recording.

    Attributes
    ----------
    name, start : str, datetime or None
        Of the recording.
    channels : tuple of str
        What was taken for Fpz-Cz and Pz-Oz, one pair after the other.
    probabilities : numpy.ndarray (n_epochs, 6)
        Of the six R&K stages, in order.
    in_bed : slice
        Epochs between lights off and lights on.
    made_by, warnings : str, tuple of str
        Recipe, group, training data and transitions; what is unlike the training, one line each.
    spectrogram : tuple of numpy.ndarray
        Frequencies (n_freqs,) in Hz, and decibel of 1 uV^2/Hz (n_epochs, n_freqs) of the first channel.
    onsets : numpy.ndarray (n_epochs,)
        Seconds from the beginning of the recording; steps of 30 s but for gaps.
    confidence : numpy.ndarray (n_epochs,)
        Probability of the stage that was chosen, 0 where an epoch is unusable.
    unusable : numpy.ndarray (n_epochs,)
        Whether a channel holds no EEG in the epoch (flat, noise, mains), or an annotation calls it bad.
    artefact : numpy.ndarray (n_epochs,)
        Whether the signal swings in the epoch as EEG does not; such epochs are staged all the same.
    unlike_training : bool
        Whether signal or age are unlike those that the models were trained on, so that the stages may be far off.
    scored : Scored or None
        What a scorer says of the same epochs.
    """

    name: str
    start: datetime.datetime | None
    channels: tuple[str, ...]
    probabilities: np.ndarray
    scheme: Scheme
    in_bed: slice
    made_by: str
    warnings: tuple[str, ...]
    spectrogram: tuple[np.ndarray, np.ndarray] = field(repr=False)
    onsets: np.ndarray = field(repr=False)
    confidence: np.ndarray = field(repr=False)
    unusable: np.ndarray = field(repr=False)
    artefact: np.ndarray = field(repr=False)
    unlike_training: bool = False
    scored: Scored | None = field(default=None, repr=False)

    @property
    def stages(self) -> np.ndarray:
        """Most probable stage of each epoch, labels of ``scheme``, shape (n_epochs,)."""
        return self.scheme.decide(self.probabilities)

    @property
    def statistics(self) -> dict[str, float | None]:
        """See :func:`beetl_task1.staging.statistics.sleep_statistics`, and ``course_statistics`` there."""
        return all_statistics(self.stages[self.in_bed], self.scheme)

    @property
    def agreement(self) -> Agreement | None:
        """With the scorer, over all scored epochs."""
        return None if self.scored is None else agreement_of(self.stages, self.scheme, self.scored)

    @property
    def agreement_around_sleep(self) -> Agreement | None:
        """With the scorer, without Wake more than 30 minutes from sleep."""
        return None if self.scored is None else agreement_of(self.stages, self.scheme, around_sleep(self.scored))

    @property
    def agreements(self) -> dict[str, Agreement]:
        """Those that there are, by name."""
        both = {"agreement": self.agreement, "agreement_around_sleep": self.agreement_around_sleep}
        return {name: found for name, found in both.items() if found}

    @property
    def descriptions(self) -> list[str]:
        """What EDF+ files call the stage of each epoch."""
        return [self.scheme.annotations[stage] for stage in self.stages]

    @property
    def annotations(self) -> mne.Annotations:
        """The stages as :class:`mne.Annotations`, one per epoch, to be set on the recording."""
        return mne.Annotations(self.onsets, float(EPOCH_SECONDS), self.descriptions, orig_time=self.start)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per epoch: onset (s), stage, six probabilities ``p_...``, confidence, clock time and mark."""
        table = pd.DataFrame(self.probabilities, columns=[f"p_{stage}" for stage in STAGES]).rename_axis("epoch")
        table.insert(0, "onset", self.onsets)
        table.insert(1, "stage", [self.scheme.short[stage] for stage in self.stages])
        table["confidence"] = self.confidence
        times = [self.start + datetime.timedelta(seconds=onset) for onset in self.onsets.tolist()] if self.start else []
        table["clock"] = [f"{time:%H:%M:%S}" for time in times] or ""
        table["mark"] = np.where(self.unusable, "unusable", np.where(self.artefact, "artefact", ""))
        return table

    def plot(self) -> Figure:
        """Return hypnogram, probabilities and spectrogram over the time of day."""
        return figure_of(self)

    def _repr_html_(self) -> str:
        """Return figure, warnings and statistics, as notebooks show them."""
        picture = base64.b64encode(draw(self)).decode()
        warnings = "".join(f"<li>{html.escape(line)}</li>" for line in self.warnings)
        numbers = pd.Series(self.statistics, dtype=float).round(2).to_frame("").T
        name = html.escape(self.name)
        return (
            f'<img alt="Hypnogram, probabilities and spectrogram of {name}" style="max-width: 100%" '
            f'src="data:image/png;base64,{picture}">'
            f'<ul>{warnings}</ul><div style="overflow-x: auto">{numbers.to_html(index=False, na_rep="-")}</div>'
        )


def account_of(night: StagedNight) -> dict[str, Any]:
    """Return what is known of a night but for its epochs, as plain values."""
    return {
        "recording": night.name,
        "note": DISCLAIMER,
        "made_by": night.made_by,
        "channels": list(night.channels),
        "start": night.start.isoformat() if night.start else None,
        "scheme": night.scheme.name,
        "lights_off_s": float(night.onsets[night.in_bed][0]),
        "lights_on_s": float(night.onsets[night.in_bed][-1]) + EPOCH_SECONDS,
        "statistics": night.statistics,
        "confidence": round(float(night.confidence[night.in_bed].mean()), 4),
        "unusable_epochs": int(night.unusable.sum()),
        "artefact_epochs": int(night.artefact.sum()),
        "unlike_training": night.unlike_training,
        "warnings": list(night.warnings),
        **{name: found.to_dict() for name, found in night.agreements.items()},
    }


def _table(night: StagedNight) -> bytes:
    table = night.to_frame()
    table["onset"] = [f"{onset:g}" for onset in night.onsets]
    return _csv(table)


def _events(night: StagedNight) -> bytes:
    """Return the epochs as events of BIDS."""
    found = night.to_frame()
    table = pd.DataFrame({
        "onset": [f"{onset:g}" for onset in night.onsets], "duration": EPOCH_SECONDS, "trial_type": found["stage"],
        "confidence": found["confidence"], "mark": found["mark"].replace("", "n/a"),
    })  # fmt: skip
    return _csv(table, sep="\t", index=False)


def _csv(table: pd.DataFrame, **how: Any) -> bytes:
    return bytes(table.to_csv(float_format="%.4f", lineterminator="\n", **how).encode())


def _sidecar(night: StagedNight) -> bytes:
    """Return what the columns of the events mean."""
    levels = dict(zip(night.scheme.short, night.scheme.annotations, strict=True))
    content = {
        "onset": {"Description": "Beginning of the epoch, from the beginning of the recording", "Units": "s"},
        "duration": {"Description": "Length of the epoch", "Units": "s"},
        "trial_type": {"LongName": "Sleep stage", "Description": f"{night.made_by}; {DISCLAIMER}", "Levels": levels},
        "confidence": {"Description": "Probability of the stage, 0 where the epoch is unusable"},
        "mark": {"Description": "What is wrong with the epoch", "Levels": {
            "artefact": "the signal swings as EEG does not",
            "unusable": "a channel holds no EEG (flat, noise, mains), or an annotation calls the epoch bad"}},
    }  # fmt: skip
    return (json.dumps(content, indent=1) + "\n").encode()


def _edf(night: StagedNight) -> bytes:
    """Return an EDF+ file of annotations alone, as sleep viewers and mne open."""
    epochs = zip(night.onsets, night.descriptions, strict=True)
    dated = night.start is not None and night.start.year in _EDF_YEARS and night.start.date() != _UNDATED
    file = io.BytesIO()
    edfio.Edf(
        [],
        annotations=[edfio.EdfAnnotation(onset, EPOCH_SECONDS, name) for onset, name in epochs],
        starttime=night.start.time().replace(microsecond=0) if night.start else datetime.time(0),
        recording=edfio.Recording(startdate=night.start.date() if night.start and dated else None),
    ).write(file)
    return file.getvalue()


CONTENTS: dict[str, Callable[[StagedNight], bytes]] = {
    ".csv": _table, "-hypnogram.edf": _edf, ".png": draw, ".svg": partial(draw, form="svg"),
    ".pdf": partial(draw, form="pdf"), "_events.tsv": _events, "_events.json": _sidecar,
}  # fmt: skip
"""What files of a night hold, by their endings."""
