"""Unzip what came from elsewhere: nothing lands outside the folder, nothing grows beyond a limit."""

import re
import shutil
import stat
import zipfile
from pathlib import Path, PurePosixPath

from ..data.zips import DAMAGED, open_zip
from ..errors import DataError

MAX_ENTRIES = 5000


def unzip(archive: Path, out: Path, *, limit: int) -> list[Path]:
    """Unpack a zip, and zips inside it once, into an empty folder; return the files, in the order of the archive.

    Everything together may unpack to ``limit`` bytes.

    Raises
    ------
    DataError
        No zip, damaged, encrypted, a name that leads outside, a link, a name twice, too many files, more bytes
        than the limit, or nested more than once. All names and sizes are checked before a byte is written; where an
        archive lies about a size, zipfile gives no more bytes than that, and fails.
    """
    files: list[Path] = []
    for path in _unpack(archive, out, limit):
        if path.suffix.lower() != ".zip":
            files.append(path)
            continue
        room = limit - sum(file.stat().st_size for file in files)
        inner = _unpack(path, path.with_name(path.stem + ".unzipped"), room)
        path.unlink()
        deeper = [file.name for file in inner if file.suffix.lower() == ".zip"]
        if deeper:
            what = f"zips nested more than once ({path.name} holds {deeper[0]})"
            raise DataError(f"{archive.name}: {what}; unpack it by hand")
        files += inner
    return files


def _unpack(archive: Path, out: Path, limit: int) -> list[Path]:
    name = archive.name
    try:
        with open_zip(archive) as opened:
            entries = _checked(name, opened.infolist(), limit)
            if sum(entry.file_size for entry in entries) > shutil.disk_usage(out.parent).free:
                raise DataError(f"{name}: no room to unpack it in {out.parent}; free some space")
            for entry in entries:
                entry.filename = entry.filename.replace("\\", "/")
            return [Path(opened.extract(entry, out)) for entry in entries]
    except OSError as error:
        what = f"{name}: could not be unpacked into {out} ({error.strerror or error})"
        raise DataError(f"{what}; make room or unpack it by hand") from error
    except DAMAGED as error:
        raise DataError(f"{name}: not a readable zip ({error}); download it again") from error


def _checked(name: str, entries: list[zipfile.ZipInfo], limit: int) -> list[zipfile.ZipInfo]:
    """Return the entries that are files, after looking at every one."""
    if len(entries) > MAX_ENTRIES:
        raise DataError(f"{name}: {len(entries)} entries, at most {MAX_ENTRIES} expected; not unpacked")
    for entry in entries:
        if _leads_outside(entry.orig_filename):
            raise DataError(f"{name}: {entry.orig_filename!r} leads outside the folder; not unpacked")
        if stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise DataError(f"{name}: {entry.filename!r} is a link or device, not a file; not unpacked")
        if entry.flag_bits & 0x1:
            raise DataError(f"{name}: {entry.filename!r} is encrypted; unpack it by hand")
    files, seen = [entry for entry in entries if not entry.is_dir()], set()
    for entry in files:
        key = str(PurePosixPath(entry.filename)).lower()
        if key in seen:
            raise DataError(f"{name}: {entry.filename!r} is in it twice; not unpacked")
        seen.add(key)
    total = sum(entry.file_size for entry in files)
    if total > limit:
        raise DataError(f"{name}: unpacks to {total:,} bytes, at most {limit:,} expected; not unpacked")
    return files


def _leads_outside(entry: str) -> bool:
    """Whether a name is absolute, has a drive or a parent, or is read as one of these by another system."""
    parents = ".." in re.split(r"[/\\]", entry)
    return parents or re.match(r"[/\\]|[A-Za-z]:", entry) is not None or "\x00" in entry
