"""Which files of the competition are there, which are missing, and which do not belong."""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..data.files import COMPETITION, DataFolder
from ..data.pickles import load_header
from ..data.recording import RecordingKey
from ..errors import DataError
from ..task import PARTS, SESSIONS, SFREQ, Part
from .findings import ERROR, INFO, WARNING, Finding


@dataclass(frozen=True)
class Entry:
    """One night to examine: its key, its part, and its files."""

    key: RecordingKey
    role: str
    x_path: Path
    y_path: Path | None


def wanted_parts(groups: Sequence[str] | None) -> list[Part]:
    """Return the parts of the competition that an audit of some target groups looks at: theirs and the source."""
    return [p for p in PARTS if groups is None or p.group in groups or p.role == "source"]


def expected_counts(folder: DataFolder, part: Part) -> tuple[int | None, int | None]:
    """Return the recordings and epochs that a part should have, by the competition or the tree's own marker."""
    provenance = folder.provenance
    if provenance.kind == COMPETITION:
        return len(part.subjects) * len(SESSIONS), part.n_epochs
    counts = provenance.details.get("counts", {}).get(part.folder, {})
    return counts.get("recordings"), counts.get("epochs")


def _expected_keys(folder: DataFolder, part: Part, found: set[RecordingKey]) -> list[RecordingKey]:
    """Return the nights that should be there; other trees than the competition's say only how many."""
    if folder.provenance.kind == COMPETITION:
        return [RecordingKey(part.group, s, r) for s in part.subjects for r in SESSIONS]
    if (expected_counts(folder, part)[0] or 0) <= len(found):
        return sorted(found)
    return [RecordingKey(part.group, s, r) for s in sorted({key.subject for key in found}) for r in SESSIONS]


def take_inventory(folder: DataFolder, parts: Sequence[Part]) -> tuple[list[Entry], list[Finding]]:
    """List the nights of some parts, and everything about their files that is wrong; no file but headers is read.

    Parameters
    ----------
    folder : DataFolder
        Missing nights are warnings where it allows a partial tree, else errors.
    parts : sequence of Part
        Where to look.

    Returns
    -------
    entries : list of Entry
        In submission order within each part.
    findings : list of Finding
    """
    entries, findings = [], []
    absent = [part for part in parts if not folder.folders(part)]
    for part in parts:
        if part not in absent:
            found, notes = _take_part(folder, part)
            entries += found
            findings += notes
    return entries, findings + _absent(folder, parts, absent)


def _absent(folder: DataFolder, parts: Sequence[Part], absent: list[Part]) -> list[Finding]:
    """Return findings on parts without a folder; one of several groups that is not there at all is only a warning."""
    findings = []
    several = len({part.group for part in parts if part.role == "test"}) > 1 and len(absent) < len(parts)
    for part in absent:
        whole_group = all(other in absent for other in parts if other.group == part.group)
        lenient = folder.allow_partial or (several and whole_group and part.role != "source")
        findings.append(
            Finding(
                WARNING if lenient else ERROR,
                "missing",
                part.folder,
                f"no folder {part.folder}: {part.group} {part.role} should have {2 * len(part.subjects)} recordings; "
                f"fetch it with download",
            )
        )
    return findings


def _take_part(folder: DataFolder, part: Part) -> tuple[list[Entry], list[Finding]]:
    signals, labels, strangers = _list_files(folder, part)
    findings = [
        Finding(
            WARNING, "unknown-file", str(path), f"{path.name} is no file of {part.group} {part.role}; it is ignored"
        )
        for path in strangers
    ]
    findings += _twice(signals) + _twice(labels)
    findings += _missing(folder, part, signals, labels)
    if part.labelled:
        findings += _unpaired(signals, labels)
    elif labels:
        first = labels[min(labels)][0]
        findings.append(
            Finding(WARNING, "unknown-file", str(first), f"labels of test nights ({first.name}) are ignored")
        )
    findings += _header(folder, part)
    entries = [
        Entry(key, part.role, signals[key][0], labels[key][0] if part.labelled and key in labels else None)
        for key in sorted(signals)
    ]
    return entries, findings


def _list_files(folder: DataFolder, part: Part) -> tuple[dict, dict, list[Path]]:
    """Return signal files and label files by key, and files with names that the part does not have."""
    pattern = re.compile(rf"({'|'.join(part.prefixes)})s(\d+)r(\d+)([Xy])\.npy")
    signals, labels, strangers = defaultdict(list), defaultdict(list), []
    for place in folder.folders(part):
        for path in sorted(place.iterdir()):
            match = pattern.fullmatch(path.name)
            if match:
                key = RecordingKey(part.group, int(match[2]), int(match[3]))
                (signals if match[4] == "X" else labels)[key].append(path)
            elif path.suffix == ".npy" and path.name != "headerInfo.npy":
                strangers.append(path)
    return dict(signals), dict(labels), strangers


def _twice(files: dict[RecordingKey, list[Path]]) -> list[Finding]:
    return [
        Finding(
            ERROR, "duplicate-name", str(paths[1]), f"{key}: the same night twice, {paths[0]} too; remove one of them"
        )
        for key, paths in sorted(files.items())
        if len(paths) > 1
    ]


def _missing(folder: DataFolder, part: Part, signals: dict, labels: dict) -> list[Finding]:
    severity = WARNING if folder.allow_partial else ERROR
    expected = _expected_keys(folder, part, set(signals) | set(labels))
    findings = [
        Finding(
            severity, "missing", part.folder, f"{key}X.npy is missing from {part.group} {part.role}; fetch it again"
        )
        for key in expected
        if key not in signals
    ]
    count = expected_counts(folder, part)[0]
    if count is not None and len(expected) != count:
        code = "missing" if len(signals) < count else "surplus"
        message = f"{part.group} {part.role} holds {len(signals)} recordings, expected {count}; make the tree again"
        findings.append(Finding(severity, code, part.folder, message))
    for key in sorted(set(signals) - set(expected)):
        message = f"{key}: {part.group} {part.role} of the competition has no such recording; move it out of the folder"
        findings.append(Finding(severity, "surplus", str(signals[key][0]), message))
    return findings


def _unpaired(signals: dict, labels: dict) -> list[Finding]:
    findings = [
        Finding(ERROR, "missing-labels", str(signals[key][0]), f"{key}: its y file is missing; fetch it again")
        for key in sorted(set(signals) - set(labels))
    ]
    for key in sorted(set(labels) - set(signals)):
        message = f"{key}: has labels but no signal; fetch its X file again"
        findings.append(Finding(ERROR, "missing-signal", str(labels[key][0]), message))
    return findings


def _header(folder: DataFolder, part: Part) -> list[Finding]:
    path = folder.header_path(part.group, part.role)
    if path is None:
        if not part.has_header or folder.provenance.kind != COMPETITION:
            return []
        return [Finding(INFO, "header", part.folder, "headerInfo.npy is missing; X and y suffice without it")]
    return _read_header(path)


def _read_header(path: Path) -> list[Finding]:
    try:
        info = load_header(path)
    except DataError as error:
        return [Finding(WARNING, "header", str(path), f"{error}; X and y suffice without it")]
    if info["sfreq"] != SFREQ:
        message = f"says {info['sfreq']:g} Hz where the competition has {SFREQ:g} Hz; check where the tree comes from"
        return [Finding(WARNING, "header", str(path), message)]
    return []
