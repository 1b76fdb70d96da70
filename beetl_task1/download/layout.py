"""Where each file of an article belongs below the data folder."""

import re
from pathlib import Path, PurePath

from ..errors import DataError
from ..task import N_OUTPUTS, SESSIONS, Part, part
from ..writing import write_text
from .articles import TUTORIAL_FOLDER, Article

DOWNLOADS = "downloads"
"""Folder below the data folder for archives, records of what is complete, and what was fetched by hand."""
HEADER = "headerInfo.npy"
_RECORDING = re.compile(r"(?:(?P<prefix>[A-Za-z]+_))?s(?P<subject>\d+)r(?P<session>\d+)(?P<kind>[Xy])\.npy")


def is_wanted(article: Article, name: str) -> bool:
    """Whether a file of the article, by its name, holds what the competition needs."""
    name = name.lower()
    if article.labels:
        return name.endswith(".txt") and "sleep" in name
    return name.endswith((".zip", ".npy"))


def destination(article: Article, name: PurePath) -> PurePath | None:
    """Return the path below the data folder, or None for a file that is not of the competition.

    The folder inside the archive decides (``sleep_target``, ``testing``), else the subject's number.

    Parameters
    ----------
    article : Article
        Where the file is from.
    name : PurePath
        Its path inside the article or the archive.
    """
    if any(part.startswith((".", "__MACOSX")) for part in name.parts):
        return None
    match = _RECORDING.fullmatch(name.name)
    if match is None and name.name != HEADER:
        return None
    if not article.parts:
        return PurePath(TUTORIAL_FOLDER, name.name)
    home = _part_by_folder(article, name) or _part_by_subject(article, match)
    return PurePath(home.folder, name.name) if home else None


def place(files: list[tuple[PurePath, Path]], article: Article, out: Path) -> dict[str, int]:
    """Move files to where they belong, each with one rename.

    Parameters
    ----------
    files : list of (PurePath, Path)
        The path inside the article, and the file on the same disk as ``out``.
    article : Article
        Where they are from.
    out : Path
        The data folder.

    Returns
    -------
    dict
        Bytes by path below ``out``.

    Raises
    ------
    DataError
        Two files belong to one place, or none belongs anywhere.
    """
    placed = {}
    for name, file in files:
        target = destination(article, name)
        if target is None:
            continue
        if target.as_posix() in placed:
            raise DataError(f"figshare article {article.number}: {target} comes twice; unpack it by hand")
        (out / target).parent.mkdir(parents=True, exist_ok=True)
        placed[target.as_posix()] = file.stat().st_size
        file.replace(out / target)
    if not placed:
        raise DataError(
            f"figshare article {article.number} ({article.title}) holds no recordings, expected files like "
            f"{expected_files(article)[0]}; look at {article.page}"
        )
    return placed


def place_labels(files: list[Path], article: Article, out: Path, notes: list[str]) -> dict[str, int]:
    """Check the released labels and write them where a simulation keeps its truth; return as :func:`place`.

    Raises
    ------
    DataError
        No text file, or one that holds anything but stages.
    """
    path = next((path for path in files if path.suffix.lower() == ".txt"), None)
    if path is None:
        raise DataError(
            f"figshare article {article.number}: expected final_sleep_label.txt, got "
            f"{', '.join(file.name for file in files) or 'nothing'}; look at {article.page}"
        )
    words = path.read_text(encoding="utf-8-sig", errors="replace").replace(",", " ").split()
    wrong = next((word for word in words if word not in map(str, range(N_OUTPUTS))), None)
    if wrong is not None or not words:
        got = "an empty file" if wrong is None else repr(wrong)
        raise DataError(f"{path}: expected one label 0..{N_OUTPUTS - 1} per line, got {got}; look at {article.page}")
    expected = part(article.group, "test").n_epochs
    if len(words) != expected:
        notes.append(f"{path.name}: {len(words):,} labels, the test set has {expected:,} epochs")
    target = out / "truth" / f"{article.group}.txt"
    write_text(target, "\n".join(words) + "\n")
    return {target.relative_to(out).as_posix(): target.stat().st_size}


def expected_files(article: Article) -> list[str]:
    """Return the paths below the data folder that the article fills, with the first prefix of each folder."""
    if not article.parts:
        return [f"{TUTORIAL_FOLDER}/s{subject}r1{kind}.npy" for subject in range(10) for kind in "Xy"]
    return [names[0] for part in article.parts for names in _alternatives(part)]


def missing_files(article: Article, out: Path) -> list[str]:
    """Return which of an article's recordings are not below ``out``, whichever accepted prefix they have."""
    if article.labels:
        return []
    if not article.parts:
        return [name for name in expected_files(article) if not (out / name).is_file()]
    return [
        names[0]
        for part in article.parts
        for names in _alternatives(part)
        if not any((out / name).is_file() for name in names)
    ]


def _alternatives(part: Part) -> list[list[str]]:
    kinds = "Xy" if part.labelled else "X"
    return [
        [f"{part.folder}/{prefix}s{subject}r{session}{kind}.npy" for prefix in part.prefixes]
        for subject in part.subjects
        for session in SESSIONS
        for kind in kinds
    ]


def _part_by_folder(article: Article, name: PurePath) -> Part | None:
    folders = {folder.lower() for folder in name.parts[:-1]}
    return next((part for part in article.parts if PurePath(part.folder).name.lower() in folders), None)


def _part_by_subject(article: Article, match: re.Match | None) -> Part | None:
    """Return the part that has the subject; a header without a folder goes to the article's first part."""
    if match is None:
        return article.parts[0]
    subject = int(match["subject"])
    return next((part for part in article.parts if subject in part.subjects), None)
