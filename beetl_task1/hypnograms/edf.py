"""What the files of EDF and BDF say beside their signals: start, records, units, annotations with their own times."""

import math
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path

import numpy as np

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_ANONYMOUS = date(1985, 1, 1)
"""What the specification has for a date that is not told."""
_MOST_CHANNELS = 2000
_GAP = 0.05
"""s; times of records are written with few digits."""
_ANNOTATIONS = ("EDF Annotations", "BDF Annotations")


@dataclass(frozen=True)
class EdfHeader:
    """The header of an EDF or BDF file, and how many records of it are there.

    Attributes
    ----------
    day, clock, birthday : date, time, date or None
        Start of the recording, each as far as it is told, and the person's birthday.
    n_records, n_there : int
        Records by the header (-1 where it does not say), and whole ones in the file.
    record_seconds : float
        Duration of a record.
    labels, units : tuple of str
        Of the channels, as written.
    per_record : tuple of int
        Samples of each channel in a record.
    discontinuous : bool
        Whether its records may have gaps between them (EDF+D, BDF+D).
    width, header_bytes : int
        Bytes of a sample, and of the header.
    """

    day: date | None
    clock: time | None
    birthday: date | None
    n_records: int
    n_there: int
    record_seconds: float
    labels: tuple[str, ...]
    units: tuple[str, ...]
    per_record: tuple[int, ...]
    discontinuous: bool
    width: int
    header_bytes: int

    @property
    def start(self) -> datetime | None:
        """When the recording began; on 1 January 1985 where only the time of day is told."""
        if self.clock is None:
            return None
        return datetime.combine(self.day or _ANONYMOUS, self.clock, UTC)

    @property
    def cut(self) -> str | None:
        """What is missing of the file, None where nothing is or its header does not say."""
        if self.n_records < 0 or self.n_there >= self.n_records:
            return None
        minutes = [n * self.record_seconds / 60 for n in (self.n_records, self.n_there)]
        return (f"is cut short: its header says {self.n_records} records ({minutes[0]:.1f} min), "
                f"the file holds {self.n_there} ({minutes[1]:.1f} min)")  # fmt: skip

    @property
    def has_signals(self) -> bool:
        """Whether there are channels beside those of annotations."""
        return any(label not in _ANNOTATIONS for label in self.labels)


@dataclass(frozen=True)
class Tal:
    """A time-stamped list of annotations: record, onset and duration in s, and texts."""

    record: int
    onset: float
    duration: float
    texts: tuple[str, ...]


def read_header(path: str | Path) -> EdfHeader | None:
    """Return the header of a file, or None where it is no EDF or BDF, whatever its ending."""
    path = Path(path)
    if not path.is_file():
        return None
    with path.open("rb") as file:
        head = file.read(256)
        if len(head) < 256 or not (head[:8].strip() == b"0" or head[:8] == b"\xffBIOSEMI"):
            return None
        try:
            n = int(head[252:256])
            channels = file.read(256 * n) if 0 < n <= _MOST_CHANNELS else b""
            return _header(head, channels, n, path.stat().st_size)
        except (ValueError, IndexError):
            return None


def _header(head: bytes, channels: bytes, n: int, size: int) -> EdfHeader:
    def column(offset: int, width: int) -> list[str]:
        begin = offset * n
        return [channels[begin + i * width : begin + (i + 1) * width].decode("latin-1").strip() for i in range(n)]

    if len(channels) < 256 * max(n, 1):
        raise ValueError("no channels, or not all of their headers")
    fields = [head[a:b].decode("latin-1").strip() for a, b in ((8, 88), (88, 168), (168, 176), (176, 184))]
    per_record = tuple(int(text) for text in column(216, 8))
    record_seconds = float(head[244:252])
    if min(per_record) < 0 or not sum(per_record) or not 0 <= record_seconds < math.inf:
        raise ValueError("records of no samples or of no length")
    width, header_bytes, reserved = 3 if head[:1] == b"\xff" else 2, int(head[184:192]), head[192:236].decode("latin-1")
    day, clock = _day(fields[1], fields[2]), _clock(fields[3])
    if day is None and clock == time(0):
        clock = None
    return EdfHeader(
        day=day, clock=clock, birthday=_written_day(fields[0].split()[2]) if len(fields[0].split()) > 2 else None,
        n_records=int(head[236:244]), n_there=max(0, size - header_bytes) // max(1, width * sum(per_record)),
        record_seconds=record_seconds, labels=tuple(column(0, 16)), units=tuple(column(96, 8)),
        per_record=per_record, discontinuous=reserved[3:5] == "+D", width=width, header_bytes=header_bytes)  # fmt: skip


def _day(recording: str, short: str) -> date | None:
    """Return the day of the start, None where it is not told or stands for an anonymous one."""
    parts = recording.split()
    day = _written_day(parts[1]) if len(parts) > 1 and parts[0].lower() == "startdate" else None
    found = re.fullmatch(r"(\d{1,2})\D(\d{1,2})\D(\d\d)", short)
    if day is None and found:
        d, m, y = map(int, found.groups())
        day = _date(y + (2000 if y < 85 else 1900), m, d)
    return None if day == _ANONYMOUS else day


def _written_day(text: str) -> date | None:
    """Return the date of a text such as 02-MAR-1951."""
    found = re.fullmatch(r"(\d{1,2})-([A-Z]{3})-(\d{4})", text.upper())
    if not found or found[2] not in _MONTHS:
        return None
    return _date(int(found[3]), _MONTHS.index(found[2]) + 1, int(found[1]))


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _clock(text: str) -> time | None:
    found = re.fullmatch(r"(\d{1,2})\D(\d{1,2})(?:\D(\d{1,2}))?", text)
    if found is None:
        return None
    hour, minute, second = (int(part or 0) for part in found.groups())
    try:
        return time(hour, minute, second)
    except ValueError:
        return None


def read_tals(path: str | Path, header: EdfHeader) -> list[Tal]:
    """Return the annotations of a file in order; times are from the start that the header tells.

    Texts are UTF-8, or Latin-1 where they cannot be. The first list of a record may have no text: it tells the time of
    the record.
    """
    per_record = np.array(header.per_record, dtype=int)
    where = [i for i, label in enumerate(header.labels) if label in _ANNOTATIONS]
    offsets = np.r_[0, np.cumsum(per_record)] * header.width
    size = int(offsets[-1])
    if not where or not header.n_there:
        return []
    content = np.memmap(path, dtype=np.uint8, mode="r", offset=header.header_bytes)
    return [
        tal
        for record in range(header.n_there)
        for i in where
        for tal in _tals(record, bytes(content[record * size + offsets[i] : record * size + offsets[i + 1]]))
    ]


def _tals(record: int, content: bytes) -> list[Tal]:
    found = []
    for piece in content.split(b"\x00"):
        stamp, *texts = piece.split(b"\x14")
        match = re.fullmatch(rb"([+-]\d+(?:\.\d*)?)(?:\x15(\d+(?:\.\d*)?))?", stamp.strip())
        if match and texts:
            words = tuple(_text(text).split("@@")[0] for text in texts if text.strip())
            found.append(Tal(record, float(match[1]), float(match[2] or 0), words))
    return found


def _text(content: bytes) -> str:
    try:
        return content.decode("utf-8").strip()
    except UnicodeDecodeError:
        return content.decode("latin-1").strip()


def record_onsets(path: str | Path, header: EdfHeader) -> np.ndarray | None:
    """Return when each record of a file with gaps begins, (n_records,) in s from the header's start; else None."""
    if not header.discontinuous:
        return None
    first: dict[int, float] = {}
    for tal in read_tals(path, header):
        first.setdefault(tal.record, tal.onset)
    if len(first) < header.n_there:
        return None
    return np.array([first[record] for record in range(header.n_there)])


def record_gaps(onsets: np.ndarray, header: EdfHeader) -> np.ndarray:
    """Return which records do not follow the one before at once; onsets are as of :func:`record_onsets`."""
    return np.flatnonzero(np.abs(np.diff(onsets) - header.record_seconds) > _GAP) + 1
