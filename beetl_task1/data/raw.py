"""Recordings in any format that mne reads, opened with what its reader warns of."""

import re
import shutil
import tempfile
import warnings
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mne
from mne.io import BaseRaw

from ..hypnograms.edf import EdfHeader, read_header

_SAID_ELSEWHERE = (
    "Number of records from the header", "not unique", "Invalid measurement date", "different highpass filters",
    "different lowpass filters", "Highpass cutoff frequency", "Omitted", "Limited", "expanding outside",
    "annotation(s) that were outside", "does not conform to MNE naming", "Encountered invalid byte",
)  # fmt: skip
"""Of mne's warnings, those that are told in other words, or say nothing about the signal."""
_LONGEST = 160


@dataclass(frozen=True)
class Opened:
    """A recording whose signal is not read yet, its header where it is EDF or BDF, and what its reader warns of."""

    raw: BaseRaw
    header: EdfHeader | None
    warnings: tuple[str, ...]


def open_raw(path: Path, include: Sequence[str] = ()) -> Opened:
    """Open a recording; EDF and BDF are known by their content, and read whatever the encoding of their texts.

    Parameters
    ----------
    include : sequence of str
        Of an EDF, BDF or GDF file only these channels, by the names that mne gives them.

    Raises
    ------
    Exception
        Whatever a reader of mne raises.
    """
    header = read_header(path)
    options: dict[str, Any] = {}
    if include:
        labels = header.labels if header else ()
        options["include"] = [name if name in labels or not labels else re.sub(r"-\d+$", "", name) for name in include]
    readable, folder = _with_known_ending(path, header)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            raw = mne.io.read_raw(readable, preload=False, verbose="WARNING", **options)
        except Exception as error:
            if header is None or ("latin1" not in str(error) and not isinstance(error, UnicodeDecodeError)):
                raise
            raw = mne.io.read_raw(readable, preload=False, verbose="WARNING", encoding="latin1", **options)
    if folder is not None:
        weakref.finalize(raw, folder.cleanup)
    return Opened(raw, header, reader_warnings(caught))


def reader_warnings(caught: Sequence[warnings.WarningMessage]) -> tuple[str, ...]:
    """Return what warnings of mne say, one line each, without those that are told elsewhere."""
    lines = [" ".join(str(one.message).split())[:_LONGEST] for one in caught if issubclass(one.category, Warning)]
    kept = [line for line in lines if not any(known in line for known in _SAID_ELSEWHERE)]
    return tuple(dict.fromkeys(f"reader: {line}" for line in kept))


def doubled(names: Sequence[str]) -> dict[str, list[str]]:
    """Return the labels that a file has more than once, and the names that mne gives them: with -0, -1 and so on."""
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(re.sub(r"-\d+$", "", name), []).append(name)
    return {label: same for label, same in found.items() if len(same) > 1 and label not in names}


def _with_known_ending(path: Path, header: EdfHeader | None) -> tuple[Path, Any]:
    """Return a path that mne takes for what the file is, such as for an EDF that is called .rec."""
    wanted = path.suffix if header is None else ".edf" if header.width == 2 else ".bdf"
    if path.suffix.lower() == wanted.lower():
        return path, None
    folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
    readable = Path(folder.name) / f"{path.stem}{wanted}"
    try:
        readable.symlink_to(path.resolve())
    except OSError:
        shutil.copy(path, readable)
    return readable, folder
