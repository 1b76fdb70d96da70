"""The nights of a cohort: files, folders, patterns, or tables; their names and scorings, and their stagers by age."""

import csv
import difflib
import glob
import io
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from ..errors import BeetlError
from ..hypnograms.edf import read_header
from ..hypnograms.formats import is_hypnogram, is_staged_table
from ..hypnograms.tables import decoded
from .stager import Options, Stager, group_for_age

_TABLES, _SHEETS = (".csv", ".tsv"), (".xlsx", ".xls", ".ods")
_RECORDINGS = (".edf", ".bdf", ".gdf", ".vhdr", ".ahdr", ".fif", ".fif.gz", ".set", ".cnt", ".nxe", ".eeg.gz")
_NO_RECORDINGS = re.compile(r"[-_](annot|epo|ave|cov|ica|evoked|fwd|proj|trans)\.fif(\.gz)?$", re.IGNORECASE)
_OPENED_WHOLE = (".mff", ".ds", ".nxe")
"""Folders that are one recording."""
_COLUMNS = {
    "recording": ("recording", "file", "filename", "path", "psg", "edf", "eeg"),
    "hypnogram": ("hypnogram", "hypnogramfile", "scoring", "scored", "scorer"),
    "age": ("age", "ageyears", "alter", "years"),
    "channels": ("channels", "channel", "derivations"),
    "lights_off": ("lightsoff", "lightsout", "lightoff"),
    "lights_on": ("lightson", "lighton"),
    "lights": ("lights",),
}
_EMPTY = ("", "n/a", "na", "nan", "none", "-")
_ENDINGS = re.compile(
    r"[-_ .]*(hypnogram|hypno|scored|scoring|scores?|stages|events|psg|annot(ations)?)$", re.IGNORECASE
)
_SLEEP_EDF = re.compile(r"((?:SC4|ST7)\d{3})\w\w-(?:PSG|Hypnogram)$", re.IGNORECASE)


@dataclass(frozen=True)
class CohortNight:
    """A recording and what is known of its night; None where what holds for all nights holds for it too.

    ``channels``, ``lights_off`` and ``lights_on`` are as in :class:`beetl_task1.staging.stager.Options`; a cell of a
    table has pairs that vote as ``F3-M2,O1-M2 | F4-M1,O2-M1``.
    """

    recording: str | Path
    hypnogram: str | Path | None = None
    age: float | None = None
    channels: tuple[tuple[str, ...], ...] | None = None
    lights_off: str | None = None
    lights_on: str | None = None


class ByAge:
    """Stagers by the age of a night, each loaded once, when a night first needs it.

    Parameters
    ----------
    load : callable
        Returns the stager of a group.
    group, warnings : str or None, sequence of str
        For nights without an age of their own, and what to say of that.
    """

    def __init__(self, load: Callable[[str], Stager], group: str | None = None, warnings: Sequence[str] = ()):
        self.load, self.group, self.warnings = cache(load), group, tuple(warnings)

    def for_night(self, night: CohortNight) -> Stager:
        """Return the stager for the age of a night, with its own channels and lights; no age nor group is an error."""
        group, warnings = self.group, self.warnings
        if night.age is not None:
            group, warning = group_for_age(night.age)
            warnings = (warning,) if warning else ()
        if group is None:
            raise BeetlError(
                f"{night.recording}: expected either --group or --age, or a column age in a table; give one of them, "
                f"for instance --age 70"
            )
        return replace(self.load(group).for_night(night), warnings=warnings)


def find_nights(
    given: Sequence[str | Path], hypnograms: Sequence[str | Path] = ()
) -> tuple[list[CohortNight], list[str]]:
    """Return the nights that were asked for, each once, in order, and what a user should know of that.

    Parameters
    ----------
    given : sequence of path
        Recordings; folders, searched for recordings with all folders below; patterns such as ``"data/*.edf"``; and
        tables (CSV or TSV), a row per night, with a column ``recording`` and any of ``age``, ``lights_off``,
        ``lights_on``, ``channels``, ``hypnogram``. Paths in a table count from its folder.
    hypnograms : sequence of path
        None, or a scorer's for each night, in their order; or a folder or pattern of files that are called as the
        recordings are, but for endings such as ``-hypnogram``.

    Raises
    ------
    BeetlError
        Nothing is there, a table cannot be read, or the hypnograms are missing or not as many as the nights.
    """
    nights: list[CohortNight] = []
    notes: list[str] = []
    for path in (path for one in given for path in _expanded(one)):
        rows, said = _read_table(path) if _is_table(path) else ([CohortNight(path)], [])
        nights, notes = nights + rows, notes + said
    nights = list(dict.fromkeys(nights))
    scored = expanded(hypnograms[0], is_hypnogram, is_staged_table) if len(hypnograms) == 1 else None
    if scored is not None:
        partners = paired([Path(night.recording) for night in nights], scored)
        nights = [replace(n, hypnogram=n.hypnogram or path) for n, path in zip(nights, partners, strict=True)]
        if lacking := sum(night.hypnogram is None for night in nights):
            notes.append(f"{hypnograms[0]}: {lacking} of {len(nights)} nights have no scoring of their name")
    elif hypnograms:
        if len(hypnograms) != len(nights):
            raise BeetlError(
                f"expected one --hypnogram for each of {len(nights)} recordings, got {len(hypnograms)}; "
                f"repeat it in the order of the recordings"
            )
        for missing in (path for path in hypnograms if not Path(path).is_file()):
            raise BeetlError(f"--hypnogram {missing}: no such file; give one that is there")
        nights = [replace(night, hypnogram=path) for night, path in zip(nights, hypnograms, strict=True)]
    return nights, notes


def expanded(given: str | Path, *kinds: Callable[[Path], bool]) -> list[Path] | None:
    """Return what a pattern or a folder holds of the first kind that is there, sorted; None where it is neither.

    None of any kind is an error.
    """
    path = Path(given)
    if path.is_dir():
        files = [one for one in sorted(path.rglob("*")) if "/." not in f"/{one.relative_to(path).as_posix()}"]
    elif not path.exists() and glob.has_magic(str(given)):
        files = [Path(one) for one in sorted(glob.glob(str(given), recursive=True))]
    else:
        return None
    for wanted in kinds:
        if found := [one for one in files if wanted(one)]:
            return found
    raise BeetlError(f"{given}: nothing of that kind is there; name files, a folder or a pattern that has some")


def _expanded(given: str | Path) -> list[Path]:
    wanted = _is_table if _is_table(Path(given)) else _is_recording
    return (Path(given).suffix.lower() not in _OPENED_WHOLE and expanded(given, wanted)) or [Path(given)]


def _is_table(path: Path) -> bool:
    return path.suffix.lower() in (*_TABLES, *_SHEETS)


def _is_recording(path: Path) -> bool:
    """Whether a file holds signals, by its content where it is EDF or BDF, else by its ending."""
    name = path.name.lower()
    if path.is_dir():
        return name.endswith(_OPENED_WHOLE)
    header = read_header(path)
    if header is not None:
        return header.has_signals
    return name.endswith(_RECORDINGS) and not _NO_RECORDINGS.search(name)


def _read_table(path: Path) -> tuple[list[CohortNight], list[str]]:
    """Return the nights of a table, and what to say of columns that mean nothing here."""
    if not path.is_file():
        raise BeetlError(f"{path}: no such file; give a table of recordings, recordings, or a folder of them")
    if path.suffix.lower() in _SHEETS:
        raise BeetlError(f"{path}: expected a table as CSV or TSV, got a spreadsheet; save it as CSV")
    lines = ["" if line[:4] == "sep=" else line for line in decoded(path.read_bytes()).splitlines()]
    delimiter = max("\t;,", key=next((line for line in lines if line.strip()), "").count)
    reader = csv.reader(io.StringIO("\n".join(lines)), delimiter=delimiter)
    try:
        (_, header), *rows = [(reader.line_num, row) for row in reader if any(map(str.strip, row))] or [(1, [])]
    except csv.Error as error:
        raise BeetlError(f"{path}: cannot be read as a table ({error}); write a row for each recording") from error
    columns: dict[str | None, list[str]] = {}
    meanings = {name: meaning for meaning, names in _COLUMNS.items() for name in names}
    meant = [meanings.get(re.sub(r"[^a-z]", "", name.lower())) for name in header]
    for meaning, name in zip(meant, header, strict=True):
        columns.setdefault(meaning, []).append(name)
    unused = [name for name in columns.pop(None, []) if name.strip()]
    if "recording" not in columns:
        raise BeetlError(f"{path}: expected a column recording, got {', '.join(header) or 'nothing'}; name one so")
    for meaning, same in columns.items():
        if len(same) > 1:
            raise BeetlError(f"{path}: the columns {', '.join(same)} all mean {meaning}; leave one of them")
    nights = []
    for number, row in rows:
        cells = zip(meant, map(str.strip, row), strict=False)
        try:
            nights.append(_night(path.parent, {m: cell for m, cell in cells if m and cell.lower() not in _EMPTY}))
        except BeetlError as error:
            raise BeetlError(f"{path}: row {number}: {error}") from error
    if not nights:
        raise BeetlError(f"{path}: names no recording; write one in each row")
    near = [difflib.get_close_matches(name.lower(), _COLUMNS, n=1, cutoff=0.7) for name in unused]
    return nights, [f"{path}: the column {name!r} is not used" + (f"; did you mean {meant[0]!r}?" if meant else "")
                    for name, meant in zip(unused, near, strict=True)]  # fmt: skip


def _night(folder: Path, cells: dict[str, str]) -> CohortNight:
    if "recording" not in cells:
        raise BeetlError("names no recording; fill or remove it")
    values: dict[str, Any] = {name: cells[name] for name in ("lights_off", "lights_on") if name in cells}
    if "lights" in cells:
        both = [time.strip() for time in re.split(r"\s*(?:[-;,\u2013]|to)\s*", cells["lights"])]
        if len(both) != 2:
            raise BeetlError(f"lights {cells['lights']!r}: expected both times, such as 23:10-07:00")
        values |= {"lights_off": both[0], "lights_on": both[1]}
    Options(**values)  # checks the times
    if "age" in cells:
        try:
            values["age"] = float(cells["age"].replace(",", "."))
        except ValueError as error:
            raise BeetlError(f"age {cells['age']!r}: expected years such as 70") from error
        group_for_age(values["age"])
    if "channels" in cells:
        pairs = cells["channels"].split("|")
        values["channels"] = tuple(tuple(name.strip() for name in re.split("[,;]", pair)) for pair in pairs)
    if "hypnogram" in cells:
        values["hypnogram"] = _from(folder, cells["hypnogram"])
    return CohortNight(_from(folder, cells["recording"]), **values)


def _from(folder: Path, name: str) -> Path:
    """Return a path that counts from a folder, unless it is there as it stands only."""
    path = Path(name).expanduser()
    return path if path.is_absolute() or (path.exists() and not (folder / path).exists()) else folder / path


def bare_name(path: str | Path) -> str:
    """Return the name of a file without its ending."""
    return Path(path).name.removesuffix(".gz").rsplit(".", 1)[0]


def apart(paths: Sequence[Path], names: Sequence[str]) -> list[str]:
    """Return names of files, with the name of the file's folder in front where two are alike."""
    return [
        f"{path.resolve().parent.name}_{name}" if names.count(name) > 1 else name
        for path, name in zip(paths, names, strict=True)
    ]


def night_name(path: str | Path) -> str:
    """Return what a recording and its scorings have in common in their names; their folder's where that is nothing."""
    name = bare_name(path)
    study = _SLEEP_EDF.match(name)
    return study[1].upper() if study else _ENDINGS.sub("", name) or Path(path).resolve().parent.name


def named(files: Sequence[Path]) -> dict[str, Path]:
    """Return files by the names of their nights; where a name is there twice, with that of the folder before it.

    A name that is there twice even so is an error.
    """
    found: dict[str, Path] = {}
    for name, path in zip(apart(files, [night_name(path) for path in files]), files, strict=True):
        if name in found:
            raise BeetlError(f"{found[name]} and {path}: are both of {name}; leave one of them out, or rename it")
        found[name] = path
    return found


def paired(recordings: Sequence[Path], scorings: Sequence[Path]) -> list[Path | None]:
    """Return the scoring of each recording: that of its name; of several, the one in a folder of the same name.

    A scoring that may be of two even so is an error.
    """
    found: list[Path | None] = []
    names, of_name = [night_name(recording) for recording in recordings], dict[str, list[Path]]()
    for path in scorings:
        of_name.setdefault(night_name(path), []).append(path)
    times = Counter(names)
    for recording, name in zip(recordings, names, strict=True):
        alike = of_name.get(name, [])
        beside = [path for path in alike if path.resolve().parent.name == recording.resolve().parent.name]
        chosen = beside if times[name] > 1 or len(alike) > 1 else alike
        if len(chosen) > 1 or (len(alike) > 1 and not chosen):
            both = " and ".join(map(str, (chosen or alike)[:2]))
            raise BeetlError(f"{recording}: {both} may both be its scoring; name it in a table of recordings")
        found += chosen[:1] or [None]
    return found
