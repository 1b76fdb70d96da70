"""Files are written whole: under a temporary name in the same folder, then renamed; nobody else's are written over.

Where several files belong together, one command at a time writes them: :func:`alone`.
"""

import contextlib
import csv
import hashlib
import io
import logging
import os
import re
import tempfile
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from .errors import BeetlError

LOCK = ".beetl-task1.lock"
LEFT = re.compile(r"\..+\.[0-9a-f]{32}\.tmp")
"""Names of hidden files that a write leaves if it is killed."""
_ROOM = "make room there or choose another folder; what was there is as it was"
_SIGNED = "<!-- beetl-task1 wrote all above and writes over it while it is unchanged: sha256 {} -->\n"


@contextlib.contextmanager
def whole_file(path: str | Path, mode: str = "wb", **kwargs: Any) -> Iterator[IO[Any]]:
    """Open a file that appears at ``path`` only when the block ends without an error.

    Killed at any moment, the old file or the new one is there, never half of one. The folder is made.

    Parameters
    ----------
    path : path
        Where the file is to be.
    mode : str
        ``"wb"`` or ``"w"``.
    **kwargs
        Passed to :func:`open`, for instance ``newline``.

    Yields
    ------
    file object

    Raises
    ------
    BeetlError
        If the disk is full or takes no file there; the old file stays.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        with open(temporary, mode.replace("w", "x"), **kwargs) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno and error.filename in (None, os.fspath(temporary)):
            raise BeetlError(f"{path}: cannot be written ({error.strerror}); {_ROOM}") from error
        raise


@contextlib.contextmanager
def alone(folder: str | Path) -> Iterator[None]:
    """Let one command at a time write into a folder; others wait, and say for what.

    The folder is made. The system takes the lock from a command that ends, however it ends; what holds it already may
    take it again.

    Raises
    ------
    BeetlError
        If the folder takes no file.
    """
    from filelock import FileLock, Timeout

    try:
        place = Path(folder).resolve()
        place.mkdir(parents=True, exist_ok=True)
        lock = FileLock(place / LOCK, is_singleton=True, mode=0o666)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            logging.getLogger(__name__).warning("waiting for %s: another command writes there", folder)
            lock.acquire()
    except OSError as error:
        raise BeetlError(f"{folder}: cannot be written to ({error.strerror}); {_ROOM}") from error
    try:
        yield
    finally:
        lock.release()


def is_free(folder: Path) -> bool:
    """Whether a folder is not there or holds nothing, but for what killed commands may leave in it."""
    if not folder.is_dir():
        return not folder.exists()
    return all(path.name == LOCK or LEFT.fullmatch(path.name) for path in folder.iterdir())


def write_bytes(path: str | Path, content: bytes) -> None:
    """Write a file whole."""
    with whole_file(path) as file:
        file.write(content)


def write_text(path: str | Path, text: str) -> None:
    """Write a text file (UTF-8, ``\\n``) whole; bytes of file names that are no UTF-8 are written as escapes."""
    write_bytes(path, text.encode("utf-8", errors="backslashreplace"))


def write_rows(path: str | Path, columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> None:
    """Write a CSV whole; what a row does not have is left empty."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())


def check_folder(path: str | Path) -> None:
    """Refuse, before any work, a folder that could not be made or written to; nothing is left behind.

    Raises
    ------
    BeetlError
        If it, or the nearest folder above it that is there, takes no file.
    """
    there = next(
        folder for folder in (Path(path).absolute(), *Path(path).absolute().parents) if os.path.lexists(folder)
    )
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        raise BeetlError(f"{path}: cannot be written to ({there}: {error.strerror}); choose another folder") from error


def default_cache() -> Path:
    """Return the folder of what was computed before: under XDG_CACHE_HOME or ~/.cache."""
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "beetl-task1"
    except RuntimeError as error:
        raise BeetlError(
            "there is no home folder for computed features; name one with --cache or BEETL_CACHE"
        ) from error


def check_own(path: str | Path) -> None:
    """Refuse, before any work, a document that could not be written, or where something is that we did not write.

    Raises
    ------
    BeetlError
        If :func:`write_own` would fail.
    """
    path = Path(path)
    if path.is_dir():
        raise BeetlError(f"{path}: is a folder; name a file")
    if os.path.lexists(path) and not _unchanged(path):
        raise BeetlError(f"{path}: holds what beetl-task1 did not write, and stays as it is; name another file")
    check_folder(path.parent)


def write_own(path: str | Path, text: str) -> None:
    """Write a document in HTML or Markdown whole, signed in a comment, so that nobody's changes are written over.

    Raises
    ------
    BeetlError
        If a file is there that was not written by this, or was changed since.
    """
    check_own(path)
    content = text.encode("utf-8", errors="backslashreplace")
    write_bytes(path, content + _signature(content))


def _signature(content: bytes) -> bytes:
    return _SIGNED.format(hashlib.sha256(content).hexdigest()).encode()


def _unchanged(path: Path) -> bool:
    """Whether a file is one of :func:`write_own`, as it was written; what is no plain file is not."""
    if not path.is_file() or path.is_symlink():
        return False
    content = path.read_bytes()
    end = len(content) - len(_signature(b""))
    return end >= 0 and content[end:] == _signature(content[:end])
