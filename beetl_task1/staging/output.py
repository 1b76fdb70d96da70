"""What is written of a staged night: table, annotations, figure, account; and a summary of all nights."""

import datetime
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import edfio
import pandas as pd

from ..errors import BeetlError
from ..task import EPOCH_SECONDS, STAGES
from ..writing import whole_file, write_text
from .figure import draw
from .staged import StagedNight

DISCLAIMER = "for research only; not a medical device"
_ENDINGS = (".csv", "-hypnogram.edf", ".png", ".json")
_EDF_YEARS = range(1985, 2085)


def output_names(recordings: Sequence[str | Path]) -> list[str]:
    """Return a name for each recording's files: its own, with its folder's in front where two are alike.

    Raises
    ------
    BeetlError
        Two are alike even so.
    """
    paths = [Path(recording) for recording in recordings]
    stems = [path.name.removesuffix(".gz").rsplit(".", 1)[0] for path in paths]
    names = [
        f"{path.resolve().parent.name}_{stem}" if stems.count(stem) > 1 else stem
        for path, stem in zip(paths, stems, strict=True)
    ]
    twins = [name for name in names if names.count(name) > 1]
    if twins:
        raise BeetlError(f"two recordings would both be written as {twins[0]}; stage them into two folders with --out")
    return names


def write_night(night: StagedNight, out: str | Path, name: str) -> list[Path]:
    """Write what is known of a night into a folder, which is made if missing.

    Returns
    -------
    list of Path
        ``<name>.csv`` (epoch, onset in s, stage, six probabilities), ``<name>-hypnogram.edf`` (EDF+ annotations),
        ``<name>.png``, ``<name>.json`` (statistics, warnings, agreement, what made it).
    """
    paths = [Path(out) / f"{name}{ending}" for ending in _ENDINGS]
    account = json.dumps(account_of(night), indent=1) + "\n"
    for path, content in zip(paths, (_table(night).encode(), _edf(night), draw(night), account.encode()), strict=True):
        with whole_file(path) as file:
            file.write(content)
    return paths


def write_summary(nights: dict[str, StagedNight], path: str | Path) -> None:
    """Write one line per night, by name, as CSV: statistics, agreement and warnings."""
    rows = [
        {"recording": name} | _numbers(night) | {"warnings": "; ".join(night.warnings)}
        for name, night in nights.items()
    ]
    write_text(path, pd.DataFrame(rows).to_csv(index=False, lineterminator="\n"))


def account_of(night: StagedNight) -> dict[str, Any]:
    """Return what is known of a night but for its epochs, as plain values."""
    return {
        "recording": night.name,
        "note": DISCLAIMER,
        "made_by": night.made_by,
        "channels": list(night.channels),
        "start": night.start.isoformat() if night.start else None,
        "scheme": night.scheme.name,
        "lights_off_s": night.in_bed.start * EPOCH_SECONDS,
        "lights_on_s": night.in_bed.stop * EPOCH_SECONDS,
        "statistics": night.statistics,
        "warnings": list(night.warnings),
        **{name: found.to_dict() for name, found in night.agreements.items()},
    }


def _table(night: StagedNight) -> str:
    table = pd.DataFrame(night.probabilities, columns=[f"p_{stage}" for stage in STAGES])
    table.insert(0, "onset", [f"{onset:g}" for onset in night.onsets])
    table.insert(1, "stage", [night.scheme.short[stage] for stage in night.stages])
    text: str = table.to_csv(index_label="epoch", float_format="%.4f", lineterminator="\n")
    return text


def _edf(night: StagedNight) -> bytes:
    """Return an EDF+ file of annotations alone, as sleep viewers and mne open."""
    epochs = zip(night.onsets, night.descriptions, strict=True)
    start = night.start if night.start and night.start.year in _EDF_YEARS else None
    file = io.BytesIO()
    edfio.Edf(
        [],
        annotations=[edfio.EdfAnnotation(onset, EPOCH_SECONDS, name) for onset, name in epochs],
        starttime=start.time() if start else datetime.time(0),
        recording=edfio.Recording(startdate=start.date() if start else None),
    ).write(file)
    return file.getvalue()


def _numbers(night: StagedNight) -> dict[str, str]:
    """Return statistics and agreement as a table has them; empty where there is none."""
    numbers = {
        name: "" if value is None else f"{value:.4g}" if name.startswith("percent") else f"{value:g}"
        for name, value in night.statistics.items()
    }
    for name, agreement in night.agreements.items():
        for measure in ("accuracy", "kappa"):
            value = getattr(agreement, measure)
            numbers[measure + name.removeprefix("agreement")] = "" if value is None else f"{value:.4f}"
    return numbers
