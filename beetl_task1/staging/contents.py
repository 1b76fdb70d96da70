"""What is written of a staged night: table, annotations, events, figure, account."""

import datetime
import io
import json
from collections.abc import Callable
from functools import partial
from typing import Any

import edfio
import pandas as pd

from ..task import EPOCH_SECONDS
from .figure import draw
from .staged import StagedNight

DISCLAIMER = "for research only; not a medical device"
_EDF_YEARS = range(1985, 2085)
_UNDATED = datetime.date(1985, 1, 1)


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
    ".csv": _table, "-hypnogram.edf": _edf, ".png": draw, "_events.tsv": _events, "_events.json": _sidecar,
    ".svg": partial(draw, form="svg"), ".pdf": partial(draw, form="pdf"),
}  # fmt: skip
"""What files of a night hold, by their endings."""
