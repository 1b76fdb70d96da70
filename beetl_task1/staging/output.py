"""What is written of a staged night: table, annotations, figure, account; and a summary of all nights."""

import csv
import datetime
import io
import json
from collections.abc import Sequence
from pathlib import Path

from ..errors import BeetlError
from ..task import EPOCH_SECONDS, STAGES
from ..writing import whole_file, write_text
from .night import StagedNight

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
    """Write what is known of a night.

    Parameters
    ----------
    night : StagedNight
        The night.
    out : path
        The folder; made if missing.
    name : str
        How the files shall begin.

    Returns
    -------
    list of Path
        ``<name>.csv`` (epoch, onset in s, stage, six probabilities), ``<name>-hypnogram.edf`` (EDF+ annotations),
        ``<name>.png``, ``<name>.json`` (statistics, warnings, agreement, what made it).
    """
    from .figure import draw

    table, hypnogram, figure, account = (Path(out) / f"{name}{ending}" for ending in _ENDINGS)
    write_text(table, _table(night))
    with whole_file(hypnogram) as file:
        file.write(_edf(night))
    with whole_file(figure) as file:
        file.write(draw(night))
    write_text(account, json.dumps(_account(night), indent=1) + "\n")
    return [table, hypnogram, figure, account]


def write_summary(nights: dict[str, StagedNight], path: str | Path) -> None:
    """Write one line per night: statistics, agreement and warnings.

    Parameters
    ----------
    nights : dict of str to StagedNight
        By name.
    path : path
        The CSV file.
    """
    rows = [
        {
            "recording": name,
            **_plain_statistics(night),
            **_agreement_columns(night),
            "warnings": "; ".join(night.warnings),
        }
        for name, night in nights.items()
    ]
    columns = list(dict.fromkeys(column for row in rows for column in row))
    write_text(path, _csv(columns, [[row.get(column, "") for column in columns] for row in rows]))


def _table(night: StagedNight) -> str:
    rows = [
        [index, f"{onset:g}", night.scheme.stages[stage], *(f"{p:.4f}" for p in probabilities)]
        for index, (onset, stage, probabilities) in enumerate(
            zip(night.onsets, night.stages, night.probabilities, strict=True)
        )
    ]
    return _csv(["epoch", "onset", "stage", *(f"p_{stage}" for stage in STAGES)], rows)


def _csv(header: list, rows: list) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([header, *rows])
    return text.getvalue()


def _edf(night: StagedNight) -> bytes:
    """Return an EDF+ file of annotations alone, as sleep viewers and mne open."""
    import edfio

    names = [night.scheme.annotations[stage] for stage in night.stages]
    annotations = [
        edfio.EdfAnnotation(onset, EPOCH_SECONDS, name) for onset, name in zip(night.onsets, names, strict=True)
    ]
    start = night.start if night.start and night.start.year in _EDF_YEARS else None
    file = io.BytesIO()
    edfio.Edf(
        [],
        annotations=annotations,
        starttime=start.time() if start else datetime.time(0),
        recording=edfio.Recording(startdate=start.date() if start else None),
    ).write(file)
    return file.getvalue()


def _account(night: StagedNight) -> dict:
    agreement = {
        name: getattr(night, name).to_dict() for name in ("agreement", "agreement_around_sleep") if getattr(night, name)
    }
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
    } | agreement


def _plain_statistics(night: StagedNight) -> dict[str, str]:
    return {
        name: "" if value is None else f"{value:.4g}" if name.startswith("percent") else f"{value:g}"
        for name, value in night.statistics.items()
    }


def _agreement_columns(night: StagedNight) -> dict[str, str]:
    columns = {}
    for suffix, agreement in (("", night.agreement), ("_around_sleep", night.agreement_around_sleep)):
        if agreement:
            columns |= {
                f"accuracy{suffix}": "" if agreement.accuracy is None else f"{agreement.accuracy:.4f}",
                f"kappa{suffix}": "" if agreement.kappa is None else f"{agreement.kappa:.4f}",
            }
    return columns
