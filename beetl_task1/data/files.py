"""The competition's folders, in each layout that is met, and what must be there."""

import json
import re
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ..errors import DataError
from ..task import PARTS, SESSIONS, Part, part
from .pickles import load_header
from .recording import Recording, RecordingKey

COMPETITION, SIMULATED, OPEN = "competition", "simulated", "open"
_MARKERS = {"simulation.json": SIMULATED, "provenance.json": OPEN}


@dataclass(frozen=True)
class Provenance:
    """What the data are.

    Attributes
    ----------
    kind : {"competition", "simulated", "open"}
        Competition files, a simulated tree, or a tree rebuilt from open recordings.
    details : dict
        What the marker of a simulated or rebuilt tree says; empty for competition files.
    """

    kind: str
    details: dict

    def describe(self) -> str:
        """Return one line for people."""
        if self.kind == COMPETITION:
            return "competition files"
        what = ", ".join(f"{k} {v}" for k, v in self.details.items() if isinstance(v, str | int) and k in _SHOWN)
        return f"{self.kind} data ({what})" if what else f"{self.kind} data"


_SHOWN = ("size", "seed", "prior", "border_evidence", "source", "version")


class DataFolder:
    """A folder that holds ``SleepSource/``, ``LeaderboardSleep/`` and ``finalSleep/``.

    Folders as unzipped from figshare, nested once more, and as the public loader package lays them are accepted.

    Parameters
    ----------
    path : path
        The folder.
    unit : {"V", "mV", "uV"}
        Unit of the signals in it.
    allow_partial : bool
        Accept missing subjects and sessions.

    Raises
    ------
    DataError
        If the folder does not exist.
    """

    def __init__(self, path: str | Path, *, unit: str = "V", allow_partial: bool = False):
        self.path, self.unit, self.allow_partial = Path(path), unit, allow_partial
        self._known: dict[tuple[str, str], list[Recording]] = {}
        if not self.path.is_dir():
            raise DataError(f"{path}: no such folder; --data names the folder that holds {', '.join(_TOP_FOLDERS)}")

    @property
    def provenance(self) -> Provenance:
        """What the data are, by the marker at the root of simulated and rebuilt trees."""
        for name, kind in _MARKERS.items():
            marker = self.path / name
            if marker.exists():
                return Provenance(kind, _read_marker(marker))
        return Provenance(COMPETITION, {})

    def recordings(self, group: str, role: str) -> list[Recording]:
        """Return the nights of a part in submission order: subject by number, then session.

        Parameters
        ----------
        group : str
            Age group.
        role : {"source", "target", "test"}
            Part of the group.

        Raises
        ------
        DataError
            If the folder or a night is missing, or a night is there twice.
        """
        if (group, role) not in self._known:
            self._known[group, role] = self._find(part(group, role))
        return list(self._known[group, role])

    def _find(self, wanted: Part) -> list[Recording]:
        signals = self._index(wanted, "X")
        labels = self._index(wanted, "y") if wanted.labelled else {}
        if not signals:
            raise DataError(
                f"{self.path}: no recordings of {wanted.group} {wanted.role}; expected files such as {_example(wanted)}"
            )
        if not self.allow_partial:
            self._check_complete(wanted, signals)
        if wanted.labelled:
            _check_pairs(signals, labels)
        return [Recording.from_files(key, signals[key], labels.get(key), self.unit) for key in sorted(signals)]

    def has(self, group: str, role: str) -> bool:
        """Whether any recording of the part is there."""
        return bool(self._index(part(group, role), "X"))

    def header_path(self, group: str, role: str) -> Path | None:
        """Return the ``headerInfo.npy`` of a part, if there is one."""
        found = [f / "headerInfo.npy" for f in self.folders(part(group, role)) if (f / "headerInfo.npy").exists()]
        return found[0] if found else None

    def header(self, group: str, role: str):
        """Return the part's header, or ``None`` where there is none.

        Returns
        -------
        mne.Info or None

        Warns
        -----
        UserWarning
            If the header cannot be read: X and y suffice without it.
        """
        path = self.header_path(group, role)
        try:
            return None if path is None else load_header(path)
        except DataError as error:
            warnings.warn(f"{error}; going on without the header", stacklevel=2)
            return None

    def folders(self, wanted: Part) -> list[Path]:
        """Return the existing folders in which a part may lie."""
        top, *rest = Path(wanted.folder).parts
        candidates = [self.path / top / Path(*rest), self.path / top / top / Path(*rest)]
        if wanted.loader_folder:
            loader_top, *loader_rest = Path(wanted.loader_folder).parts
            candidates += [self.path / wanted.loader_folder, self.path / loader_top / loader_top / Path(*loader_rest)]
        return [folder for folder in dict.fromkeys(candidates) if folder.is_dir()]

    def _index(self, wanted: Part, letter: str) -> dict[RecordingKey, Path]:
        found: dict[RecordingKey, Path] = {}
        pattern = re.compile(rf"({'|'.join(wanted.prefixes)})s(\d+)r(\d+){letter}\.npy")
        for folder in self.folders(wanted):
            for path in sorted(folder.iterdir()):
                match = pattern.fullmatch(path.name)
                if match is None:
                    continue
                key = RecordingKey(wanted.group, int(match[2]), int(match[3]))
                if key in found:
                    raise DataError(f"{key}: the same night twice, {found[key]} and {path}; remove one of them")
                found[key] = path
        return found

    def _check_complete(self, wanted: Part, signals: dict[RecordingKey, Path]) -> None:
        """Compare with the competition's subjects, or with what a simulated or rebuilt tree says of itself."""
        provenance, what = self.provenance, f"{self.path}: {wanted.group} {wanted.role}"
        if provenance.kind != COMPETITION:
            count = _stated_count(provenance.details, wanted)
            count = len(signals) if count is None else count
            if count != len(signals):
                raise DataError(f"{what} holds {len(signals)} recordings of {count}; make the tree again or {_PARTIAL}")
            return
        expected = [RecordingKey(wanted.group, s, r) for s in wanted.subjects for r in SESSIONS]
        missing = [str(key) for key in expected if key not in signals]
        if missing:
            raise DataError(
                f"{what} lacks {len(missing)} of {len(expected)} recordings ({_some(missing)}); "
                f"fetch them again or {_PARTIAL}"
            )
        surplus = [str(key) for key in sorted(signals) if key not in expected]
        if surplus:
            raise DataError(
                f"{what} holds recordings that the competition does not have ({_some(surplus)}); "
                f"move them out of the folder or {_PARTIAL}"
            )


_PARTIAL = "pass --allow-partial"
_TOP_FOLDERS = tuple(dict.fromkeys(Path(p.folder).parts[0] + "/" for p in PARTS))


def check_distinct(recordings: Iterable[Recording]) -> None:
    """Refuse the same signal under two names.

    Parameters
    ----------
    recordings : iterable of Recording
        Their files are hashed, once.

    Raises
    ------
    DataError
        If two files have the same content.
    """
    seen: dict[str, Recording] = {}
    for recording in recordings:
        twin = seen.setdefault(recording.sha256, recording)
        if twin is not recording:
            raise DataError(
                f"{recording.name}: the same night twice, its content equals {twin.name}; take both from the download"
            )


def _check_pairs(signals: dict[RecordingKey, Path], labels: dict[RecordingKey, Path]) -> None:
    for key in sorted(set(signals) | set(labels)):
        if key not in labels:
            raise DataError(f"{signals[key]}: its labels {key}y are missing; fetch the y file from the same download")
        if key not in signals:
            raise DataError(f"{labels[key]}: its signal {key}X is missing; fetch the X file from the same download")


def _read_marker(path: Path) -> dict:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read ({error}); make the tree again") from error
    if not isinstance(content, dict):
        raise DataError(f"{path}: expected a JSON object, got {type(content).__name__}; make the tree again")
    return content


def _stated_count(details: dict, wanted: Part) -> int | None:
    """Return how many recordings a marker says the part has, where it says so."""
    for name in ("counts", wanted.folder, "recordings"):
        details = details.get(name) if isinstance(details, dict) else None
    return details if isinstance(details, int) else None


def _example(wanted: Part) -> str:
    return f"{wanted.folder}/{wanted.prefixes[0]}s{wanted.subjects[0]}r1X.npy"


def _some(names: list[str], most: int = 4) -> str:
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")
