"""The contents of files, read whole, and their digests."""

import contextlib
import hashlib
import mmap
import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from ..errors import DataError

Content = bytes | mmap.mmap
"""Of a file, in memory."""
_PIECE = 1 << 20
_OWN_PAGES = {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if hasattr(mmap, "MAP_ANONYMOUS") else {}


def read_bytes(path: str | Path) -> bytes:
    """Return the content of a file that must not be empty."""
    with _told(path):
        content = Path(path).read_bytes()
    return content or _empty(path)


def read_hashed(path: str | Path) -> tuple[mmap.mmap, Future[str]]:
    """Return the content of a file that must not be empty, and its sha256, which another thread has soon.

    A large file is read in a third of the time where the system has large pages, which are asked for.
    """
    with _told(path), open(path, "rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size or len(_empty(path))
        content = mmap.mmap(-1, size, **_OWN_PAGES)
        if hasattr(mmap, "MADV_HUGEPAGE"):
            with contextlib.suppress(OSError):  # a system may have none
                content.madvise(mmap.MADV_HUGEPAGE)
        view, sha256, pool = memoryview(content), hashlib.sha256(), ThreadPoolExecutor(1)
        try:
            end = 0
            while end < size:
                piece = view[end : end + _PIECE]
                if not (n := file.readinto(piece)):
                    raise DataError(f"{path}: became shorter while it was read; run the command again")
                pool.submit(sha256.update, piece[:n])
                end += n
            return content, pool.submit(sha256.hexdigest)
        finally:
            pool.shutdown(wait=False)


def digest(path: str | Path) -> str:
    """Return the sha256 of a file as hexadecimal text."""
    with _told(path), open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def size_of(path: str | Path) -> int:
    """Return how many bytes a file has."""
    with _told(path):
        return os.stat(path).st_size


def _empty(path: str | Path) -> bytes:
    raise DataError(f"{path}: the file is empty; take the file from the download again", "empty")


@contextlib.contextmanager
def _told(path: str | Path) -> Iterator[None]:
    """Say in one line why a file cannot be read."""
    try:
        yield
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); check the path and its permissions") from error
