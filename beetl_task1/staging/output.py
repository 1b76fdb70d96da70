"""What is written of a staged night: table, annotations, figure, account; and a summary of all nights."""

import csv
import datetime
import hashlib
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import edfio
import pandas as pd

from ..errors import BeetlError
from ..task import EPOCH_SECONDS
from ..typed import json_of
from ..writing import alone, whole_file, write_text
from .figure import draw
from .reading import PathOrRaw
from .staged import StagedNight

DISCLAIMER = "for research only; not a medical device"
_ENDINGS = (".csv", "-hypnogram.edf", ".png", ".json")
_EDF_YEARS = range(1985, 2085)
_UNDATED = datetime.date(1985, 1, 1)


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


def check_free(out: str | Path, name: str, recording: PathOrRaw) -> None:
    """Raise unless a night can be written into a folder without touching what is not of an earlier staging of it.

    Raises
    ------
    BeetlError
        A file of that name is there that the stager did not write, or that was changed since, or of another recording.
    """
    account = _read_account(Path(out) / f"{name}.json")
    written = account.get("files", {})
    for path in (Path(out) / f"{name}{ending}" for ending in _ENDINGS):
        own = (path.suffix == ".json" and bool(written)) or _digest(path) in written.get(path.name, [])
        if path.exists() and not own:
            raise BeetlError(
                f"{path}: is there and not as an earlier `stage` wrote it; it is left alone: choose another folder, "
                f"such as --out {Path(out) / 'staged'}"
            )
    earlier = account.get("path")
    if earlier and isinstance(recording, str | Path) and Path(earlier).exists() and not _same(earlier, recording):
        raise BeetlError(f"{Path(out) / name}: is of another recording, {earlier}; choose another folder with --out")


def write_night(night: StagedNight, out: str | Path, name: str) -> list[Path]:
    """Write what is known of a night into a folder, which is made if missing; see :func:`check_free`.

    Returns
    -------
    list of Path
        ``<name>.csv`` (epoch, onset in s, stage, six probabilities, confidence, clock, mark), ``<name>-hypnogram.edf``
        (EDF+ annotations), ``<name>.png``, ``<name>.json`` (statistics, warnings, agreement, what made it).

    Raises
    ------
    BeetlError
        What is there was not written by an earlier staging of this recording.
    """
    paths = [Path(out) / f"{name}{ending}" for ending in _ENDINGS]
    contents = [_table(night).encode(), _edf(night), draw(night)]
    with alone(out):
        check_free(out, name, night.name)
        _write(night, paths, contents)
    return paths


def _write(night: StagedNight, paths: Sequence[Path], contents: Sequence[bytes]) -> None:
    earlier = _read_account(paths[-1]).get("files", {})  # a staging that was killed leaves files of the one before
    files = {
        path.name: [now := hashlib.sha256(content).hexdigest(), *(d for d in earlier.get(path.name, []) if d != now)][
            :2
        ]
        for path, content in zip(paths, contents, strict=False)
    }
    path = str(Path(night.name).resolve()) if Path(night.name).exists() else None
    account = json.dumps(account_of(night) | {"path": path, "files": files}, indent=1) + "\n"
    for file, content in zip(paths[::-1], [account.encode(), *contents[::-1]], strict=True):  # the account first
        with whole_file(file) as opened:
            opened.write(content)


def check_summary(path: str | Path) -> list[dict[str, str]]:
    """Return the rows of an earlier summary, none where there is no such file.

    Raises
    ------
    BeetlError
        The file is something else.
    """
    path = Path(path)
    if not path.exists():
        return []
    try:
        rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))
    except (OSError, UnicodeDecodeError, csv.Error):
        rows = []
    if not rows or not {"recording", "time_in_bed", "warnings"} <= set(rows[0]):
        raise BeetlError(
            f"{path}: is there and not a summary of `stage`; it is left alone: choose another folder, such as "
            f"--out {path.parent / 'staged'}"
        )
    return rows


def write_summary(nights: dict[str, StagedNight], path: str | Path) -> None:
    """Write one line per night, by name, as CSV: statistics, agreement, confidence, warnings; earlier ones stay.

    Raises
    ------
    BeetlError
        The file is there and no summary.
    """
    with alone(Path(path).parent):
        rows = {row["recording"]: row for row in check_summary(path)}
        for name, night in nights.items():
            rows[name] = {"recording": name} | _numbers(night) | {"warnings": "; ".join(night.warnings)}
        columns = list(dict.fromkeys(column for row in rows.values() for column in row))
        table = pd.DataFrame(list(rows.values()), columns=columns, dtype=str)
        write_text(path, table.to_csv(index=False, lineterminator="\n", na_rep=""))


def _read_account(path: Path) -> dict[str, Any]:
    """Return the account of a night that an earlier staging wrote, or nothing."""
    try:
        content = json_of(path.read_bytes())
    except (OSError, ValueError):
        return {}
    ours = isinstance(content, dict) and content.get("note") == DISCLAIMER and isinstance(content.get("files"), dict)
    return content if ours else {}


def _digest(path: Path) -> str | None:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None


def _same(one: str | Path, other: str | Path) -> bool:
    return Path(one).resolve() == Path(other).resolve()


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
        "unlike_training": night.unlike_training,
        "warnings": list(night.warnings),
        **{name: found.to_dict() for name, found in night.agreements.items()},
    }


def _table(night: StagedNight) -> str:
    table = night.to_frame()
    table["onset"] = [f"{onset:g}" for onset in night.onsets]
    text: str = table.to_csv(float_format="%.4f", lineterminator="\n")
    return text


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


def _numbers(night: StagedNight) -> dict[str, str]:
    """Return statistics and agreement as a table has them; empty where there is none."""
    numbers = {
        name: "" if value is None else f"{value:.4g}" if name.startswith("percent") else f"{value:g}"
        for name, value in night.statistics.items()
    }
    numbers["confidence"] = f"{night.confidence[night.in_bed].mean():.4f}"
    numbers["unlike_training"] = str(night.unlike_training).lower()
    for name, agreement in night.agreements.items():
        for measure in ("accuracy", "kappa"):
            value = getattr(agreement, measure)
            numbers[measure + name.removeprefix("agreement")] = "" if value is None else f"{value:.4f}"
    return numbers
