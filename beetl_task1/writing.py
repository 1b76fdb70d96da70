"""Files are written whole: under a temporary name in the same folder, then renamed."""

import contextlib
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any


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
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_text(path: str | Path, text: str) -> None:
    """Write a text file (UTF-8, ``\\n``) whole."""
    with whole_file(path, "w", encoding="utf-8", newline="\n") as file:
        file.write(text)
