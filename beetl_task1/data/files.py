"""The competition's folders, in each layout that is met, and what must be there."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from operator import attrgetter
from pathlib import Path
from typing import Any

import msgspec

from ..errors import DataError
from ..parallel import each
from ..task import PARTS, SESSIONS, SOURCE_GROUP, Part, part
from ..typed import json_of
from .recording import Recording, RecordingKey

COMPETITION, SIMULATED, OPEN = "competition", "simulated", "open"
HEADER = "headerInfo.npy"
_MARKERS = {"simulation.json": SIMULATED, "provenance.json": OPEN}
_SHOWN = ("size", "seed", "prior", "border_evidence", "split", "source", "version")
_PARTIAL = "pass --allow-partial"
_TOP_FOLDERS = tuple(dict.fromkeys(Path(p.folder).parts[0] + "/" for p in PARTS))


class Counts(msgspec.Struct, frozen=True):
    """How many recordings and epochs a part should have; ``None`` where nobody says."""

    recordings: int | None = None
    epochs: int | None = None


@dataclass(frozen=True)
class Provenance:
    """What the data are."""

    kind: str
    """``"competition"`` for its files, ``"simulated"``, or ``"open"`` for a tree rebuilt from open recordings."""
    details: dict[str, Any]
    """What the marker of a simulated or rebuilt tree says; empty for competition files."""
    counts: dict[str, Counts] = field(default_factory=dict)
    """By folder, as far as the marker says."""

    def describe(self) -> str:
        """Return one line for people."""
        if self.kind == COMPETITION:
            return "competition files"
        what = ", ".join(f"{k} {v}" for k, v in self.details.items() if isinstance(v, str | int) and k in _SHOWN)
        return f"{self.kind} data ({what})" if what else f"{self.kind} data"

    @property
    def hidden_people(self) -> list[str]:
        """People of the competition's test sets whose labels a rebuilt tree has among those that train."""
        told = self.details.get("subjects", {}) if self.kind == OPEN else {}
        labelled = {f"{part.group}/s{subject}" for part in PARTS if part.labelled for subject in part.subjects}
        hidden = {person for part in PARTS if not part.labelled for person in part.people}
        return [f"{name}, SC4{who:02d}" for name in told if name in labelled or name.startswith(SOURCE_GROUP)
                if (who := told[name].get("sleep_edf_subject")) in hidden]  # fmt: skip

    def rules(self) -> str:
        """Say under which rules all that is labelled here may train, and why."""
        if not self.hidden_people:
            return "competition"
        return (f"open, since labels of people of the competition's test sets are here ({_some(self.hidden_people)}); "
                "train with --rules open")  # fmt: skip


@dataclass(frozen=True)
class PartFiles:
    """The files of one part: signals and labels by key (two where a night is there twice), and other ``.npy`` files."""

    signals: dict[RecordingKey, list[Path]] = field(default_factory=dict)
    labels: dict[RecordingKey, list[Path]] = field(default_factory=dict)
    strangers: list[Path] = field(default_factory=list)


class DataFolder:
    """A folder that holds ``SleepSource/``, ``LeaderboardSleep/`` and ``finalSleep/``.

    Folders as unzipped from figshare, nested once more, and as the public loader package lays them are accepted.
    ``unit`` (V, mV or uV) is that of the signals in it; ``allow_partial`` accepts missing subjects and sessions.

    Raises
    ------
    DataError
        If the folder does not exist.
    """

    def __init__(self, path: str | Path, *, unit: str = "V", allow_partial: bool = False):
        self.path, self.unit, self.allow_partial = Path(path), unit, allow_partial
        self._known: dict[Part, list[Recording]] = {}
        if not self.path.is_dir():
            where = f"--data names the folder that holds {', '.join(_TOP_FOLDERS)}"
            raise DataError(f"{path}: no such folder; {where}", "missing")

    @cached_property
    def provenance(self) -> Provenance:
        """What the data are, by the marker at the root of simulated and rebuilt trees."""
        for name, kind in _MARKERS.items():
            if (self.path / name).exists():
                return _read_marker(self.path / name, kind)
        return Provenance(COMPETITION, {})

    def recordings(self, group: str, role: str) -> list[Recording]:
        """Return a group's nights of a role (source, target or test) in submission order: by number, then session.

        Raises
        ------
        DataError
            If the folder or a night is missing, or a night is there twice.
        """
        wanted = part(group, role)
        if wanted not in self._known:
            self._known[wanted] = self._find(wanted)
        return list(self._known[wanted])

    def _find(self, wanted: Part) -> list[Recording]:
        files = self.files(wanted)
        signals, labels = _single(files.signals), _single(files.labels) if wanted.labelled else {}
        if not signals:
            example = f"{wanted.folder}/{wanted.prefixes[0]}s{wanted.subjects[0]}r1X.npy"
            what = f"{self.path}: no recordings of {wanted.group} {wanted.role}"
            raise DataError(f"{what}; expected files such as {example}", "missing")
        if not self.allow_partial:
            self._check_complete(wanted, signals)
        if wanted.labelled:
            _check_pairs(signals, labels)
        return [Recording(key, signals[key], labels.get(key), self.unit) for key in sorted(signals)]

    def files(self, wanted: Part) -> PartFiles:
        """Return the files of a part, wherever its folders are, without a look at what should be there."""
        found = PartFiles()
        pattern = re.compile(rf"({'|'.join(wanted.prefixes)})s(\d+)r(\d+)([Xy])\.npy")
        for path in (path for folder in self.folders(wanted) for path in sorted(folder.iterdir())):
            if match := pattern.fullmatch(path.name):
                key = RecordingKey(wanted.group, int(match[2]), int(match[3]))
                (found.signals if match[4] == "X" else found.labels).setdefault(key, []).append(path)
            elif path.suffix == ".npy" and path.name != HEADER:
                found.strangers.append(path)
        return found

    def header_path(self, group: str, role: str) -> Path | None:
        """Return the ``headerInfo.npy`` of a part, if there is one."""
        found = [folder / HEADER for folder in self.folders(part(group, role))]
        return next((path for path in found if path.exists()), None)

    def folders(self, wanted: Part) -> list[Path]:
        """Return the existing folders in which a part may lie."""
        layouts = [Path(layout) for layout in (wanted.folder, wanted.loader_folder) if layout]
        candidates = [self.path / folder for layout in layouts for folder in (layout, layout.parts[0] / layout)]
        return [folder for folder in dict.fromkeys(candidates) if folder.is_dir()]

    def expected(self, wanted: Part) -> Counts:
        """Return what a part should hold, by the competition or by what a simulated or rebuilt tree says of itself."""
        if self.provenance.kind == COMPETITION:
            return Counts(len(wanted.subjects) * len(SESSIONS), wanted.n_epochs)
        return self.provenance.counts.get(wanted.folder, Counts())

    def _check_complete(self, wanted: Part, signals: dict[RecordingKey, Path]) -> None:
        what, count = f"{self.path}: {wanted.group} {wanted.role}", self.expected(wanted).recordings
        if self.provenance.kind != COMPETITION:
            if count not in (None, len(signals)):
                text = f"{what} holds {len(signals)} recordings of {count}; make the tree again or {_PARTIAL}"
                raise DataError(text, "missing")
            return
        expected = competition_keys(wanted)
        missing = [str(key) for key in expected if key not in signals]
        if missing:
            text = f"{what} lacks {len(missing)} of {len(expected)} recordings ({_some(missing)})"
            raise DataError(f"{text}; fetch them again or {_PARTIAL}", "missing")
        surplus = [str(key) for key in sorted(signals) if key not in expected]
        if surplus:
            text = f"{what} holds recordings that the competition does not have ({_some(surplus)})"
            raise DataError(f"{text}; move them out of the folder or {_PARTIAL}", "surplus")


def competition_keys(wanted: Part) -> list[RecordingKey]:
    """Return the nights of a part of the competition."""
    return [RecordingKey(wanted.group, subject, session) for subject in wanted.subjects for session in SESSIONS]


def check_people(provenance: Provenance, path: Path) -> None:
    """Refuse a rebuilt tree in which a person of the competition's test sets is labelled training data.

    Raises
    ------
    DataError
        Naming such people.
    """
    if provenance.hidden_people:
        raise DataError(
            f"{path}: labels of people of the competition's test sets would train ({_some(provenance.hidden_people)}); "
            'build it with --split beetl, or add --rules open (rules = "open" in a recipe of your own)',
            "rules",
        )


def check_distinct(recordings: Iterable[Recording], jobs: int = 1) -> None:
    """Refuse the same signal under two names; files of one size are hashed, once, ``jobs`` at a time.

    Raises
    ------
    DataError
        If two files have the same content.
    """
    seen: dict[str, Recording] = {}
    sized = [(recording, recording.n_bytes) for recording in recordings]
    counts = Counter(size for _, size in sized)
    alike = [recording for recording, size in sized if counts[size] > 1]
    digests = each(attrgetter("fingerprint"), ((one,) for one in alike), jobs, threads=True, sent=False)
    for recording, digest in zip(alike, digests, strict=True):
        twin = seen.setdefault(digest, recording)
        if twin is not recording:
            text = f"{recording.name}: the same night twice, its content equals {twin.name}"
            raise DataError(f"{text}; take both from the download", "duplicate-night")


def _single(found: dict[RecordingKey, list[Path]]) -> dict[RecordingKey, Path]:
    for key, paths in found.items():
        if len(paths) > 1:
            text = f"{key}: the same night twice, {paths[0]} and {paths[1]}; remove one of them"
            raise DataError(text, "duplicate-name")
    return {key: paths[0] for key, paths in found.items()}


def _check_pairs(signals: dict[RecordingKey, Path], labels: dict[RecordingKey, Path]) -> None:
    for key in sorted(set(signals) ^ set(labels)):
        if key in signals:
            text = f"{signals[key]}: its labels {key}y are missing; fetch the y file from the same download"
            raise DataError(text, "missing-labels")
        text = f"{labels[key]}: its signal {key}X is missing; fetch the X file from the same download"
        raise DataError(text, "missing-signal")


def _read_marker(path: Path, kind: str) -> Provenance:
    try:
        details = msgspec.convert(json_of(path.read_bytes()), dict[str, Any])
        return Provenance(kind, details, msgspec.convert(details.get("counts", {}), dict[str, Counts]))
    except (OSError, ValueError, msgspec.MsgspecError) as error:
        raise DataError(f"{path}: cannot be read ({error}); make the tree again") from error


def _some(names: list[str], most: int = 4) -> str:
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")
