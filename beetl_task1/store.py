"""One content-addressed store: what was computed once is kept under the digest of all that decides it.

Features, signals, stages of networks and out-of-fold predictions stand in ``<folder>/<kind>/<key>``. A file is its
content and 32 bytes of sha256 over key and content; one that does not match is as good as missing, so a damaged or
foreign file is computed anew. Several processes may share a folder: files appear whole.
"""

import hashlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from .writing import whole_file

_DIGEST = 32


def sha256(content: bytes) -> str:
    """Return the sha256 of a content, hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def key_of(*parts: Any) -> str:
    """Return the digest of plain values (as JSON holds them), hexadecimal."""
    return sha256(json.dumps(parts, sort_keys=True).encode())


class Store:
    """Contents by kind and key.

    Parameters
    ----------
    folder : path or None
        Made when it is first written to; without one nothing is kept.
    """

    def __init__(self, folder: Path | None):
        self.folder = None if folder is None else Path(folder)

    def path(self, kind: str, key: str) -> Path | None:
        """Return where a content stands, or would."""
        return None if self.folder is None else self.folder / kind / key

    def holds(self, kind: str, key: str) -> bool:
        """Whether a content is there, damaged or not."""
        path = self.path(kind, key)
        return path is not None and path.exists()

    def load(self, kind: str, key: str) -> bytes | None:
        """Return a content, or ``None`` where it is missing or not what was written."""
        path = self.path(kind, key)
        try:
            stored = b"" if path is None else path.read_bytes()
        except OSError:
            return None
        content, digest = stored[:-_DIGEST], stored[-_DIGEST:]
        return content if digest == _digest(key, content) else None

    def save(self, kind: str, key: str, content: bytes) -> None:
        """Keep a content."""
        path = self.path(kind, key)
        if path is not None:
            with whole_file(path) as file:
                file.write(content)
                file.write(_digest(key, content))

    def drop(self, kind: str, key: str) -> None:
        """Forget a content."""
        path = self.path(kind, key)
        if path is not None:
            path.unlink(missing_ok=True)

    def array(self, kind: str, key: str, make: Callable[[], np.ndarray], *, mapped: bool = False) -> np.ndarray:
        """Return an array, made and kept where it is missing.

        Parameters
        ----------
        kind, key : str
            Where it is kept.
        make : callable
            Returns the array.
        mapped : bool
            Map the file into memory instead of reading it; it must not be written to, and its digest is not checked.
        """
        found = self._mapped(kind, key) if mapped else _array(self.load(kind, key))
        if found is not None:
            return found
        made = make()
        self.save(kind, key, npy(made))
        found = self._mapped(kind, key) if mapped else None
        return made if found is None else found

    def _mapped(self, kind: str, key: str) -> np.ndarray | None:
        path = self.path(kind, key)
        try:
            return None if path is None else np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError):
            return None


def npy(array: np.ndarray) -> bytes:
    """Return an array as the bytes of a ``.npy`` file, whose writing can tell why it fails, as numpy's own cannot."""
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def _array(content: bytes | None) -> np.ndarray | None:
    return None if content is None else np.load(io.BytesIO(content), allow_pickle=False)


def _digest(key: str, content: bytes) -> bytes:
    return hashlib.sha256(key.encode() + content).digest()
