"""Where each file of an article belongs below the data folder, and what an earlier download has left there."""

import filecmp
import json
import os
import re
from pathlib import Path, PurePath

import msgspec

from ..data.files import HEADER
from ..data.labels import as_stage
from ..errors import DataError
from ..task import N_OUTPUTS, SESSIONS, part
from ..typed import json_of, text_of
from ..writing import write_text
from .figshare import TUTORIAL, Article

DOWNLOADS = "downloads"
"""Folder below the data folder for archives, records of what is complete, and what was fetched by hand."""
TUTORIAL_FOLDER = "SleepTutorial"
_RECORDING = re.compile(r"(?:[A-Za-z]+_)?s(?P<subject>\d+)r\d+[Xy]\.npy")


def destination(article: Article, name: PurePath) -> PurePath | None:
    """Return the path below the data folder, or None for a file that is not of the competition.

    The folder inside the archive decides (``sleep_target``, ``testing``), else the subject's number; a header without
    a folder goes to the article's first part. ``name`` is the path inside the article or the archive.
    """
    match = _RECORDING.fullmatch(name.name)
    if any(folder.startswith((".", "__MACOSX")) for folder in name.parts) or not (match or name.name == HEADER):
        return None
    if not article.parts:
        return PurePath(TUTORIAL_FOLDER, name.name)
    folders = {folder.lower() for folder in name.parts[:-1]}
    by_folder = [part for part in article.parts if PurePath(part.folder).name.lower() in folders]
    by_subject = [part for part in article.parts if match is None or int(match["subject"]) in part.subjects]
    return next((PurePath(part.folder, name.name) for part in by_folder + by_subject), None)


def place(files: list[tuple[PurePath, Path]], article: Article, out: Path) -> dict[str, int]:
    """Move files to where they belong, each with one rename; return the bytes by path below the data folder ``out``.

    A file is its path inside the article, and where it is now, on the same disk as ``out``. Two files that belong to
    one place, none that belongs anywhere, or another file in a place that no earlier download filled are a
    ``DataError``; then nothing is moved.
    """
    targets: dict[PurePath, Path] = {}
    ours = _placed_before(article, out)
    for name, file in files:
        target = destination(article, name)
        if target is None:
            continue
        if target in targets:
            raise DataError(f"figshare article {article.number}: {target} comes twice; unpack it by hand")
        if target.as_posix() not in ours:
            _refuse_other(out / target, file)
        targets[target] = file
    placed = {target.as_posix(): file.stat().st_size for target, file in targets.items()}
    for target, file in targets.items():
        (out / target).parent.mkdir(parents=True, exist_ok=True)
        file.replace(out / target)
    if not placed:
        what = f"figshare article {article.number} ({article.title}) holds no recordings"
        raise DataError(f"{what}, expected files like {expected_files(article)[0]}; look at {article.page}")
    return placed


def place_labels(files: list[Path], article: Article, out: Path, notes: list[str]) -> dict[str, int]:
    """Check the released labels and write them where a simulation keeps its truth; return as :func:`place`.

    No text file, or one that holds anything but stages, is a ``DataError``.
    """
    path = next((path for path in files if path.suffix.lower() == ".txt"), None)
    if path is None:
        got = ", ".join(file.name for file in files) or "nothing"
        what = f"figshare article {article.number}: expected final_sleep_label.txt, got {got}"
        raise DataError(f"{what}; look at {article.page}")
    try:
        words = text_of(path.read_bytes()).replace(",", " ").split()
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not a text ({error}); look at {article.page}", "labels") from error
    stages = [as_stage(word) for word in words]
    wrong = [repr(word) for word, stage in zip(words, stages, strict=True) if stage is None]
    if wrong or not words:
        what = f"{path}: expected one label 0..{N_OUTPUTS - 1} per line, got {wrong[0] if wrong else 'an empty file'}"
        raise DataError(f"{what}; look at {article.page}", "labels")
    expected = part(article.group, "test").n_epochs
    if len(words) != expected:
        notes.append(f"{path.name}: {len(words):,} labels, the test set has {expected:,} epochs")
    target, text = out / "truth" / f"{article.group}.txt", "".join(f"{stage}\n" for stage in stages)
    place = target.relative_to(out).as_posix()
    if target.exists() and place not in _placed_before(article, out) and target.read_bytes() != text.encode():
        raise _not_ours(target)
    write_text(target, text)
    return {place: target.stat().st_size}


def _placed_before(article: Article, out: Path) -> set[str]:
    """Return the paths below ``out`` that an earlier download of the article filled."""
    try:
        return set(msgspec.convert(json_of(_record_path(article, out).read_bytes()), _Record).placed)
    except (OSError, ValueError, msgspec.MsgspecError):
        return set()


def _refuse_other(target: Path, new: Path) -> None:
    if os.path.lexists(target) and not (target.is_file() and filecmp.cmp(target, new, shallow=False)):
        raise _not_ours(target)


def _not_ours(target: Path) -> DataError:
    return DataError(f"{target}: is there, is not figshare's and stays as it is; move it away, or choose another --out")


def expected_files(article: Article) -> list[str]:
    """Return the paths below the data folder that the article fills, with the first prefix of each folder."""
    return [f"{folder}/{prefixes[0]}{name}" for folder, prefixes, name in _recordings(article)]


def missing_files(article: Article, out: Path) -> list[str]:
    """Return which of an article's recordings are not below ``out``, whichever accepted prefix they have."""
    return [
        f"{folder}/{prefixes[0]}{name}"
        for folder, prefixes, name in _recordings(article)
        if not any((out / folder / f"{prefix}{name}").is_file() for prefix in prefixes)
    ]


def _recordings(article: Article) -> list[tuple[str, tuple[str, ...], str]]:
    """Return folder, accepted prefixes and the rest of the name of each recording's files."""
    if article.group == TUTORIAL:
        return [(TUTORIAL_FOLDER, ("",), f"s{subject}r1{kind}.npy") for subject in range(10) for kind in "Xy"]
    return [
        (part.folder, part.prefixes, f"s{subject}r{session}{kind}.npy")
        for part in article.parts
        for subject in part.subjects
        for session in SESSIONS
        for kind in ("Xy" if part.labelled else "X")
    ]


class _Record(msgspec.Struct):
    """The note of :func:`write_record`."""

    placed: dict[str, int]
    md5: dict[str, str] | None = None


def write_record(article: Article, out: Path, md5s: dict[str, str] | None, placed: dict[str, int]) -> None:
    """Note that an article is complete: figshare's md5 by file, where known, and bytes by path below ``out``."""
    record = {"article": article.number, "md5": md5s, "placed": placed}
    write_text(_record_path(article, out), json.dumps(record, indent=1) + "\n")


def in_place(article: Article, out: Path, md5s: dict[str, str] | None) -> dict[str, int] | None:
    """Return the files (bytes by path) if the article is complete, else None.

    With a record, its files must be there in their sizes and figshare must still have the same; without one, which is
    so for data unpacked by hand, every recording must be there.
    """
    try:
        record = msgspec.convert(json_of(_record_path(article, out).read_bytes()), _Record)
    except FileNotFoundError:
        if article.labels or missing_files(article, out):
            return None
        folders = {folder for folder, *_ in _recordings(article)}
        return {str(p.relative_to(out)): p.stat().st_size for folder in folders for p in (out / folder).glob("*.npy")}
    except (OSError, ValueError, msgspec.MsgspecError):
        return None
    sizes = {name: (out / name).stat().st_size for name in record.placed if (out / name).is_file()}
    same = md5s is None or record.md5 in (None, md5s)
    return sizes if sizes and sizes == record.placed and same else None


def _record_path(article: Article, out: Path) -> Path:
    return out / DOWNLOADS / f"{article.number}.json"
