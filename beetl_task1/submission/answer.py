"""The answer: one stage per line in the organisers' order, alone in a zip whose bytes do not vary."""

import hashlib
import io
import re
import zipfile
import zlib
from pathlib import Path

import numpy as np

from ..errors import SubmissionError
from ..task import N_OUTPUTS
from ..writing import whole_file, write_text

ANSWER, ZIP, ACCOUNT = "answer.txt", "answer.zip", "submission.json"


def write_answer(path: Path, labels: np.ndarray) -> None:
    """Write labels, one integer per line."""
    write_text(path, _as_text(labels))


def answer_sha256(labels: np.ndarray) -> str:
    """Return the digest of the answer's text."""
    return hashlib.sha256(_as_text(labels).encode()).hexdigest()


def read_answer(path: Path) -> np.ndarray:
    """Read labels from a text file with one integer per line, or from a zip that holds ``answer.txt`` alone.

    Parameters
    ----------
    path : path
        A ``.zip`` or any text file.

    Returns
    -------
    numpy.ndarray (n_epochs,), int64

    Raises
    ------
    SubmissionError
        If the file is missing or damaged, or a line is not a stage 0 to 5; the line is named.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise SubmissionError(f"{path}: cannot be read ({error.strerror}); give an answer.txt or answer.zip") from error
    zipped = content.startswith(b"PK") or Path(path).suffix.lower() == ".zip"
    return _parse(path, _unzip(path, content) if zipped else content)


def write_zip(path: Path, labels: np.ndarray) -> None:
    """Write the zip, read it back and compare.

    Raises
    ------
    SubmissionError
        If what was written does not hold the labels; no file is left then.
    """
    content = _zipped(labels)
    if not np.array_equal(_parse(path, _unzip(path, content)), labels):
        raise SubmissionError(f"{path}: the zip read back differs from the labels; nothing was written, try again")
    with whole_file(path) as file:
        file.write(content)


def _zipped(labels: np.ndarray) -> bytes:
    member = zipfile.ZipInfo(ANSWER, date_time=(1980, 1, 1, 0, 0, 0))
    member.compress_type, member.external_attr, member.create_system = zipfile.ZIP_DEFLATED, 0o644 << 16, 3
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(member, _as_text(labels))
    return buffer.getvalue()


def _as_text(labels: np.ndarray) -> str:
    return "".join(f"{label}\n" for label in labels)


def _unzip(path: Path, content: bytes) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = archive.namelist()
            if names != [ANSWER]:
                raise SubmissionError(f"{path}: holds {names}, expected {ANSWER} alone; package again")
            return archive.read(ANSWER)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError, RuntimeError) as error:
        raise SubmissionError(f"{path}: not a readable zip ({error}); package again") from error


def _parse(path: Path, content: bytes) -> np.ndarray:
    lines = content.decode("utf-8-sig", errors="replace").splitlines()
    if not lines:
        raise SubmissionError(f"{path}: holds no label; expected one stage 0 to {N_OUTPUTS - 1} per line")
    for number, line in enumerate(lines, start=1):
        if re.fullmatch(r"[0-5]", line.strip()) is None:
            raise SubmissionError(
                f"{path}: line {number} is {line.strip()[:20]!r}; expected one stage 0 to {N_OUTPUTS - 1} per line"
            )
    return np.array([int(line) for line in lines], dtype=np.int64)
