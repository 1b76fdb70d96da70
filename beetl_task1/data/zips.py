"""Zips from elsewhere, whoever reads them: which are opened, and what damaged ones raise."""

import struct
import zipfile
import zlib
from pathlib import Path
from typing import IO

DAMAGED = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, ValueError, LookupError, ArithmeticError,
    NotImplementedError, RuntimeError, MemoryError,
)  # fmt: skip
"""What zipfile raises on a damaged, encrypted or foreign archive."""


def open_zip(file: str | Path | IO[bytes]) -> zipfile.ZipFile:
    """Open a zip whose entries are stored or deflated: other methods take as much memory as a header asks for.

    Raises
    ------
    zipfile.BadZipFile
        Or another of :data:`DAMAGED`.
    """
    archive = zipfile.ZipFile(file)
    strange = [e for e in archive.infolist() if e.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)]
    if strange:
        archive.close()
        raise zipfile.BadZipFile(f"{strange[0].filename!r} is compressed by method {strange[0].compress_type}")
    return archive
