"""Unzip what came from elsewhere: nothing lands outside the folder, nothing grows beyond a limit."""

import re
import shutil
import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from ..errors import DataError

MAX_ENTRIES = 5000
_CHUNK = 1 << 20


def unzip(archive: Path, out: Path, *, limit: int) -> list[Path]:
    """Unpack a zip, and zips inside it once.

    Parameters
    ----------
    archive : Path
        The zip.
    out : Path
        An empty folder, made if missing.
    limit : int
        Bytes that everything together may unpack to.

    Returns
    -------
    list of Path
        The files, in the order of the archive.

    Raises
    ------
    DataError
        No zip, damaged, encrypted, a name that leads outside, a link, a name twice, too many files, more bytes
        than the limit, or nested more than once. All names and sizes are checked before a byte is written, and
        the bytes are counted again while writing, since an archive may lie about them.
    """
    files = []
    for path in _unpack(archive, out, limit):
        if path.suffix.lower() != ".zip":
            files.append(path)
            continue
        room = limit - sum(file.stat().st_size for file in files)
        inner = _unpack(path, path.with_name(path.stem + ".unzipped"), room)
        path.unlink()
        deeper = [file.name for file in inner if file.suffix.lower() == ".zip"]
        if deeper:
            raise DataError(
                f"{archive.name}: zips nested more than once ({path.name} holds {deeper[0]}); unpack it by hand"
            )
        files += inner
    return files


def _unpack(archive: Path, out: Path, limit: int) -> list[Path]:
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = _checked(archive.name, opened.infolist(), limit)
            if sum(entry.file_size for entry in entries) > shutil.disk_usage(out.parent).free:
                raise DataError(f"{archive.name}: no room to unpack it in {out.parent}; free some space")
            return _extract(archive.name, opened, entries, out, limit)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise DataError(f"{archive.name}: not a readable zip ({error}); download it again") from error
    except OSError as error:
        raise DataError(
            f"{archive.name}: could not be unpacked into {out} ({error.strerror or error}); make room or "
            f"unpack it by hand"
        ) from error


def _checked(name: str, entries: list[zipfile.ZipInfo], limit: int) -> list[zipfile.ZipInfo]:
    """Return the entries that are files, after looking at every one."""
    if len(entries) > MAX_ENTRIES:
        raise DataError(f"{name}: {len(entries)} entries, at most {MAX_ENTRIES} expected; not unpacked")
    files = [entry for entry in entries if not entry.is_dir()]
    seen = set()
    for entry in entries:
        _refuse_outside(name, entry.orig_filename)
        if stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise DataError(f"{name}: {entry.filename!r} is a link or device, not a file; not unpacked")
        if entry.flag_bits & 0x1:
            raise DataError(f"{name}: {entry.filename!r} is encrypted; unpack it by hand")
    for entry in files:
        key = str(PurePosixPath(entry.filename)).lower()
        if key in seen:
            raise DataError(f"{name}: {entry.filename!r} is in it twice; not unpacked")
        seen.add(key)
    total = sum(entry.file_size for entry in files)
    if total > limit:
        raise DataError(f"{name}: unpacks to {total:,} bytes, at most {limit:,} expected; not unpacked")
    return files


def _refuse_outside(name: str, entry: str) -> None:
    """Refuse absolute names, drives, parents, and what another system reads as one of these."""
    parts = re.split(r"[/\\]", entry)
    if entry.startswith(("/", "\\")) or ".." in parts or re.match(r"[A-Za-z]:", entry) or "\x00" in entry:
        raise DataError(f"{name}: {entry!r} leads outside the folder; not unpacked")


def _extract(name: str, opened: zipfile.ZipFile, entries: list[zipfile.ZipInfo], out: Path, limit: int) -> list[Path]:
    paths, room = [], limit
    for entry in entries:
        path = out.joinpath(*PurePosixPath(entry.filename.replace("\\", "/")).parts)
        if not path.resolve().is_relative_to(out.resolve()):
            raise DataError(f"{name}: {entry.filename!r} leads outside the folder; not unpacked")
        path.parent.mkdir(parents=True, exist_ok=True)
        with opened.open(entry) as source, open(path, "wb") as target:
            while chunk := source.read(_CHUNK):
                room -= len(chunk)
                if room < 0:
                    raise DataError(f"{name}: unpacks to more than {limit:,} bytes, not what it says; not unpacked")
                target.write(chunk)
        paths.append(path)
    return paths
