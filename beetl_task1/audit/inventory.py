"""Which files of the competition are there, which are missing, and which do not belong."""

from collections.abc import Iterator, Sequence

from ..data.files import COMPETITION, DataFolder, PartFiles, competition_keys
from ..data.pickles import load_header
from ..data.recording import Recording, RecordingKey
from ..errors import DataError
from ..task import SESSIONS, SFREQ, Part
from .findings import ERROR, INFO, WARNING, Finding


def take_inventory(folder: DataFolder, parts: Sequence[Part]) -> tuple[dict[Part, list[Recording]], list[Finding]]:
    """Return the nights of some parts in submission order, and everything about their files that is wrong.

    No file but headers is read. Missing nights are warnings where the folder allows a partial tree, else errors.
    """
    nights: dict[Part, list[Recording]] = {}
    findings: list[Finding] = []
    for part in parts:
        files = folder.files(part)
        labels = files.labels if part.labelled else {}
        nights[part] = [
            Recording(key, paths[0], labels[key][0] if key in labels else None, folder.unit)
            for key, paths in sorted(files.signals.items())
        ]
        findings += _part_findings(folder, part, files) if folder.folders(part) else []
    return nights, [*findings, *_absent(folder, parts)]


def _absent(folder: DataFolder, parts: Sequence[Part]) -> Iterator[Finding]:
    """Yield findings on parts without a folder; one of several groups that is not there at all is only a warning."""
    absent = [part for part in parts if not folder.folders(part)]
    several = len({part.group for part in parts if part.role == "test"}) > 1 and len(absent) < len(parts)
    for part in absent:
        whole_group = all(other in absent for other in parts if other.group == part.group)
        lenient = folder.allow_partial or (several and whole_group and part.role != "source")
        message = f"no folder {part.folder}: {part.group} {part.role} should have {2 * len(part.subjects)} recordings; "
        yield Finding(WARNING if lenient else ERROR, "missing", part.folder, message + "fetch it with download")


def _part_findings(folder: DataFolder, part: Part, files: PartFiles) -> Iterator[Finding]:
    name = f"{part.group} {part.role}"
    for path in files.strangers:
        yield Finding(WARNING, "unknown-file", str(path), f"{path.name} is no file of {name}; it is ignored")
    for key, paths in [*sorted(files.signals.items()), *sorted(files.labels.items())]:
        if len(paths) > 1:
            message = f"{key}: the same night twice, {paths[0]} too; remove one of them"
            yield Finding(ERROR, "duplicate-name", str(paths[1]), message)
    yield from _missing(folder, part, files)
    if part.labelled:
        yield from _unpaired(files)
    elif files.labels:
        first = files.labels[min(files.labels)][0]
        yield Finding(WARNING, "unknown-file", str(first), f"labels of test nights ({first.name}) are ignored")
    yield from _header(folder, part)


def _missing(folder: DataFolder, part: Part, files: PartFiles) -> Iterator[Finding]:
    severity, name = WARNING if folder.allow_partial else ERROR, f"{part.group} {part.role}"
    expected = _expected_keys(folder, part, {*files.signals, *files.labels})
    for key in expected:
        if key not in files.signals:
            message = f"{key}X.npy is missing from {name}; fetch it again"
            yield Finding(severity, "missing", part.folder, message)
    count, found = folder.expected(part).recordings, len(files.signals)
    if count is not None and len(expected) != count:
        code = "missing" if found < count else "surplus"
        message = f"{name} holds {found} recordings, expected {count}; make the tree again"
        yield Finding(severity, code, part.folder, message)
    for key in sorted(set(files.signals) - set(expected)):
        message = f"{key}: {name} of the competition has no such recording; move it out of the folder"
        yield Finding(severity, "surplus", str(files.signals[key][0]), message)


def _expected_keys(folder: DataFolder, part: Part, found: set[RecordingKey]) -> list[RecordingKey]:
    """Return the nights that should be there; other trees than the competition's say only how many."""
    if folder.provenance.kind == COMPETITION:
        return competition_keys(part)
    if (folder.expected(part).recordings or 0) <= len(found):
        return sorted(found)
    return [RecordingKey(part.group, s, r) for s in sorted({key.subject for key in found}) for r in SESSIONS]


def _unpaired(files: PartFiles) -> Iterator[Finding]:
    for key in sorted(set(files.signals) - set(files.labels)):
        message = f"{key}: its y file is missing; fetch it again"
        yield Finding(ERROR, "missing-labels", str(files.signals[key][0]), message)
    for key in sorted(set(files.labels) - set(files.signals)):
        message = f"{key}: has labels but no signal; fetch its X file again"
        yield Finding(ERROR, "missing-signal", str(files.labels[key][0]), message)


def _header(folder: DataFolder, part: Part) -> Iterator[Finding]:
    path = folder.header_path(part.group, part.role)
    if path is None:
        if part.has_header and folder.provenance.kind == COMPETITION:
            yield Finding(INFO, "header", part.folder, "headerInfo.npy is missing; X and y suffice without it")
        return
    try:
        sfreq = load_header(path)["sfreq"]
    except DataError as error:
        yield Finding(WARNING, "header", str(path), f"{error}; X and y suffice without it")
        return
    if sfreq != SFREQ:
        message = f"says {sfreq:g} Hz where the competition has {SFREQ:g} Hz; check where the tree comes from"
        yield Finding(WARNING, "header", str(path), message)
