"""A submission's folder, and the answer in it: one stage per line, alone in a zip whose bytes do not vary."""

import io
import itertools
import os
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..data.labels import NotLabels, parse_labels
from ..data.probabilities import Probabilities, load_probabilities, save_probabilities
from ..data.zips import DAMAGED, open_zip
from ..errors import BeetlError, SubmissionError
from ..store import key_of, sha256
from ..typed import NAME
from ..writing import alone, check_folder, whole_file, write_text

ANSWER, ZIP, ACCOUNT, PROBABILITIES = "answer.txt", "answer.zip", "submission.json", "probabilities.npz"
LARGEST = 8_000_000
"""Bytes of the longest answer that is read: ten times the largest test set, each label written as numpy does."""


def submission_folder(submissions: Path, name: str, group: str) -> Path:
    """Return the folder of a recipe's submission, a blend or labels from elsewhere; the name is checked here."""
    if not re.fullmatch(NAME, name):
        raise SubmissionError(f"name {name!r}: it names a folder; use letters, digits, '.', '_' and '-' with --name")
    return Path(submissions) / f"{name}-{group}"


_TICK = 2_000_000_000
"""Nanoseconds that any file system tells apart."""
_MADE = {
    "prediction": ("a prediction", "move it away"),
    "blend": ("a blend", "give the blend another --name"),
    "labels": ("labels from elsewhere", "give your labels another --name"),
}


def free_folder(submissions: Path, name: str, group: str, maker: str) -> Path:
    """Return the folder of a submission, unless another ``maker`` (prediction, blend or labels) wrote there."""
    folder = submission_folder(submissions, name, group)
    check_folder(submissions)
    found = _maker(folder)
    if found not in (None, maker):
        raise SubmissionError(f"{folder}: holds {_MADE[found][0]}; {_MADE[maker][1]}")
    return folder


def own_folder(submissions: Path, name: str, group: str, maker: str, about: Mapping[str, Any]) -> Path:
    """Return where a submission goes: a folder that is free or holds this very one, never that of another.

    Parameters
    ----------
    submissions, name, group, maker
        As for :func:`free_folder`, whose folder comes first; then come ``<name>-<group>-2`` and so on.
    about : mapping
        What is to be kept with the probabilities or in ``submission.json``.
    """
    first = free_folder(submissions, name, group, maker)
    numbered = (first.with_name(f"{first.name}-{number}") for number in itertools.count(2))
    return next(folder for folder in itertools.chain([first], numbered) if _held(folder) in (None, _identity(about)))


def write_submission(
    submissions: Path, name: str, maker: str, meta: dict[str, Any], probabilities: Probabilities, labels: np.ndarray
) -> Path:
    """Write probabilities and the answer into the folder of :func:`own_folder`; ``meta`` names the group.

    It is the latest by the times of the files too, whatever the clock says. What was packed in it of an earlier
    prediction is removed, lest it be uploaded as this one's.
    """
    with alone(submissions):
        folder = own_folder(submissions, name, meta["group"], maker, meta)
        save_probabilities(folder / PROBABILITIES, probabilities, meta)
        write_answer(folder / ANSWER, labels)
        for packed in (ZIP, ACCOUNT):
            (folder / packed).unlink(missing_ok=True)
        others = [_written(other) for other in _predictions(submissions, name, meta["group"]) if other != folder]
        if others and _written(folder) <= max(others):
            os.utime(folder / PROBABILITIES, ns=(max(others) + _TICK,) * 2)
    return folder


def latest_prediction(submissions: Path, name: str, group: str) -> Path:
    """Return the folder in which a recipe's test set was predicted last."""
    first = submission_folder(submissions, name, group)
    return max(_predictions(submissions, name, group), key=_written, default=first)


def _predictions(submissions: Path, name: str, group: str) -> list[Path]:
    first = submission_folder(submissions, name, group)
    numbered = first.parent.glob(f"{first.name}-*")
    found = [first, *(folder for folder in numbered if folder.name.removeprefix(f"{first.name}-").isdigit())]
    return [folder for folder in found if _maker(folder) == "prediction"]


def _written(folder: Path) -> int:
    return (folder / PROBABILITIES).stat().st_mtime_ns


def _identity(about: Mapping[str, Any]) -> str:
    """Return what tells a submission from others: its experiment or what was blended, and its labels."""
    inputs = [[item["sha256"], item["weight"]] for item in about.get("inputs", ())]
    return key_of(about.get("experiment", ""), inputs, about["answer_sha256"])


def _held(folder: Path) -> str | None:
    """Return the identity of what a folder holds, ``None`` if it is free; what cannot be read is like no other."""
    if not any((folder / name).exists() for name in (PROBABILITIES, ANSWER, ZIP, ACCOUNT)):
        return None
    try:
        if (folder / PROBABILITIES).exists():
            return _identity(load_probabilities(folder / PROBABILITIES)[1])
        return _identity({"answer_sha256": answer_sha256(read_answer(folder / ANSWER))})
    except (BeetlError, KeyError, TypeError):
        return "unreadable"


def _maker(folder: Path) -> str | None:
    if not (folder / PROBABILITIES).exists():
        return "labels" if any((folder / name).exists() for name in (ANSWER, ZIP, ACCOUNT)) else None
    try:
        return "blend" if load_probabilities(folder / PROBABILITIES)[1].get("inputs") else "prediction"
    except BeetlError:
        return "prediction"


def write_answer(path: Path, labels: np.ndarray) -> None:
    """Write labels, one integer per line."""
    write_text(path, _as_text(labels))


def answer_sha256(labels: np.ndarray) -> str:
    """Return the digest of the answer's text."""
    return sha256(_as_text(labels).encode())


def read_answer(path: Path) -> np.ndarray:
    """Read labels (n_epochs,) from a text file with one stage per line, or from a zip of ``answer.txt`` alone.

    What the organisers' scorer takes is taken: see :func:`~beetl_task1.data.labels.parse_labels`.

    Raises
    ------
    SubmissionError
        If the file is missing, damaged or far too large, or a line is not a stage 0 to 5; the line is named.
    """
    try:
        with open(path, "rb") as file:
            content = file.read(LARGEST + 1)
            if len(content) > LARGEST:
                raise SubmissionError(_too_large(path, os.fstat(file.fileno()).st_size))
    except OSError as error:
        raise SubmissionError(f"{path}: cannot be read ({error.strerror}); give an answer.txt or answer.zip") from error
    zipped = content.startswith(b"PK") or Path(path).suffix.lower() == ".zip"
    return _parse(path, _unzip(path, content) if zipped else content)


def write_zip(path: Path, labels: np.ndarray) -> None:
    """Write the zip, unless what it holds is not the labels."""
    member = zipfile.ZipInfo(ANSWER, date_time=(1980, 1, 1, 0, 0, 0))
    member.compress_type, member.external_attr, member.create_system = zipfile.ZIP_DEFLATED, 0o644 << 16, 3
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(member, _as_text(labels))
    content = buffer.getvalue()
    if not np.array_equal(_parse(path, _unzip(path, content)), labels):
        raise SubmissionError(f"{path}: the zip read back differs from the labels; nothing was written, try again")
    with whole_file(path) as file:
        file.write(content)


def _as_text(labels: np.ndarray) -> str:
    return "".join(f"{label}\n" for label in labels)


def _unzip(path: Path, content: bytes) -> bytes:
    try:
        with open_zip(io.BytesIO(content)) as archive:
            members = archive.infolist()
            if [member.filename for member in members] != [ANSWER]:
                held = ", ".join(repr(member.filename) for member in members[:4]) + ", ..." * (len(members) > 4)
                raise SubmissionError(f"{path}: holds {held or 'nothing'}, expected {ANSWER} alone; package again")
            if members[0].file_size > LARGEST:
                raise SubmissionError(_too_large(path, members[0].file_size))
            with archive.open(ANSWER) as member:  # read with a bound, for the directory may lie
                return member.read(LARGEST + 1)
    except DAMAGED as error:
        raise SubmissionError(f"{path}: not a readable zip ({error}); package again") from error


def _too_large(path: Path, size: int) -> str:
    return f"{path}: {size:,} bytes, an answer has at most {LARGEST:,}; give the answer of one test set"


def _parse(path: Path, content: bytes) -> np.ndarray:
    try:
        return parse_labels(content)
    except NotLabels as error:
        raise SubmissionError(f"{path}: {error}") from error
