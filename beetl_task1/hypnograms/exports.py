"""Hypnograms as programs of laboratories and archives export them: XML of NSRR and Compumedics, JSON of Dreem."""

from pathlib import Path
from xml.etree import ElementTree as ET

from ..errors import DataError
from ..typed import json_of
from .names import PRESETS
from .spans import Hypnogram, Span
from .tables import Timing, evenly

EXPORTS = (".xml", ".json")
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
            f"{path}: cannot be read as an export ({error}); give XML of NSRR or Compumedics, JSON of Dreem, or EDF+"
        ) from error


def _xml(path: Path, content: bytes, timing: Timing) -> Hypnogram:
    if b"<!ENTITY" in content:
        raise ValueError("it defines entities")
    root = ET.fromstring(content)
    stages = [stage.text or "?" for stage in root.iter("SleepStage")]
    if stages:  # Compumedics: a number for each epoch, 5 is REM
        seconds = float(root.findtext("EpochLength") or 30)
        names = [PRESETS["rk"].get(stage.strip(), stage) for stage in stages]
        return Hypnogram(tuple(Span(i * seconds, seconds, name) for i, name in enumerate(names)))
    spans = []
    for event in root.iter("ScoredEvent"):
        name = (event.findtext("EventConcept") or event.findtext("Name") or "").split("|")[0].strip()
        start, duration = event.findtext("Start"), event.findtext("Duration")
        if name and start and duration and name != "Recording Start Time":
            spans.append(Span(float(start), float(duration), name))
    if not spans:
        raise ValueError("no scored events in it")
    return Hypnogram(tuple(spans))


def _json(path: Path, content: bytes, timing: Timing) -> Hypnogram:
    values = json_of(content)
    if isinstance(values, dict):
        values = next((values[key] for key in ("hypnogram", "stages", "sleep_stages") if key in values), None)
    if not isinstance(values, list) or not values or isinstance(values[0], list | dict):
        raise ValueError("expected a list of stages, or one under 'hypnogram'")
    numbers = PRESETS["rk" if 5 in values else "yasa"]
    names = [numbers.get(str(value), str(value)) if isinstance(value, int) else str(value or "?") for value in values]
    return evenly(path, names, timing)
