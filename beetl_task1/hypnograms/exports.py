"""Hypnograms as programs of laboratories and archives export them.

XML of NSRR, Compumedics, Philips (Sleepware, Alice) and Embla, JSON of Dreem.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree as ET

from ..errors import DataError
from ..task import EPOCH_SECONDS
from ..typed import json_of
from .names import PRESETS
from .spans import Hypnogram, Span
from .tables import Timing, evenly

EXPORTS = (".xml", ".rml", ".json")
_LARGEST = 50_000_000
"""Bytes; a night's events take a few hundred thousand."""


def read_export(path: Path, timing: Timing) -> Hypnogram:
    """Return what an XML or JSON export says.

    Raises
    ------
    DataError
        The file is damaged, or of another kind.
    """
    if path.stat().st_size > _LARGEST:
        raise DataError(
            f"{path}: expected an export of some 100 kB, got {path.stat().st_size / 1e6:.0f} MB; give another"
        )
    content = path.read_bytes()
    try:
        return _json(path, content, timing) if path.suffix.lower() == ".json" else _xml(path, content, timing)
    except (ValueError, TypeError, ET.ParseError) as error:
        raise DataError(
            f"{path}: cannot be read as an export ({error}); give XML of NSRR, Compumedics, Philips or Embla, JSON of "
            f"Dreem, or EDF+"
        ) from error


def _xml(path: Path, content: bytes, timing: Timing) -> Hypnogram:
    if b"<!ENTITY" in content:
        raise ValueError("it defines entities")
    root = ET.fromstring(content)
    stages = [stage.text or "?" for stage in root.iter("SleepStage")]
    if stages:  # Compumedics: a number for each epoch, 5 is REM
        seconds = float(root.findtext("EpochLength") or 30)
        return Hypnogram.steady((PRESETS["rk"].get(stage.strip(), stage) for stage in stages), seconds)
    found = _philips(root, timing) or _embla(root, timing) or Hypnogram(tuple(_nsrr(root)))
    if not found.spans:
        raise ValueError("no scored events in it")
    return found


def _nsrr(root: ET.Element) -> Iterator[Span]:
    """Yield the events of the National Sleep Research Resource."""
    for event in root.iter("ScoredEvent"):
        name = (event.findtext("EventConcept") or event.findtext("Name") or "").split("|")[0].strip()
        start, duration = event.findtext("Start"), event.findtext("Duration")
        if name and start and duration and name != "Recording Start Time":
            yield Span(float(start), float(duration), name)


def _philips(root: ET.Element, timing: Timing) -> Hypnogram | None:
    """Return the stages of Sleepware and Alice, the scorer's before the machine's; each holds until the next."""
    staged = [one for by in ("UserStaging", "MachineStaging") for one in root.iterfind(f".//{{*}}{by}//{{*}}Stage/..")]
    if not staged:
        return None
    stages = sorted((float(stage.get("Start", "")), stage.get("Type", "?")) for stage in staged[0].iterfind("{*}Stage"))
    session = root.find(".//{*}Session")
    about = {name: (session.findtext(f"{{*}}{name}") or "") if session is not None else ""
             for name in ("RecordingStart", "Duration")}  # fmt: skip
    end = float(about["Duration"] or stages[-1][0] + EPOCH_SECONDS)
    ends = [*(onset for onset, _ in stages[1:]), max(end, stages[-1][0])]
    spans = tuple(Span(onset, until - onset, name) for (onset, name), until in zip(stages, ends, strict=True))
    begins = datetime.fromisoformat(about["RecordingStart"]).replace(tzinfo=UTC) if about["RecordingStart"] else None
    return Hypnogram(spans, begins, timing.about(begins))


def _embla(root: ET.Element, timing: Timing) -> Hypnogram | None:
    """Return the events of Embla and RemLogic, which have dates and times."""
    rows = [[event.findtext(name) or "" for name in ("Type", "StartTime", "StopTime")] for event in root.iter("Event")]
    rows = [row for row in rows if all(row)]
    if not rows:
        return None
    times = [[datetime.fromisoformat(time[:26]).replace(tzinfo=UTC) for time in row[1:]] for row in rows]
    begins = min(start for start, _ in times)
    spans = [Span((a - begins).total_seconds(), (b - a).total_seconds(), row[0])
             for row, (a, b) in zip(rows, times, strict=True)]  # fmt: skip
    return Hypnogram(tuple(spans), begins, timing.about(begins))


def _json(path: Path, content: bytes, timing: Timing) -> Hypnogram:
    values = json_of(content)
    if isinstance(values, dict):
        values = next((values[key] for key in ("hypnogram", "stages", "sleep_stages") if key in values), None)
    if not isinstance(values, list) or not values or isinstance(values[0], list | dict):
        raise ValueError("expected a list of stages, or one under 'hypnogram'")
    numbers = PRESETS["rk" if 5 in values else "yasa"]
    names = [numbers.get(str(value), str(value)) if isinstance(value, int) else str(value or "?") for value in values]
    return evenly(path, names, timing)
