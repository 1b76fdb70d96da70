"""Which Sleep-EDF recordings there are, how old their subjects were, and which place in the competition they take."""

import csv
import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from ..data.recording import RecordingKey
from ..errors import DataError
from ..task import SESSIONS, SOURCE_GROUP, TARGET_GROUPS, part

_NAME = re.compile(r"(?P<record>SC4(?P<subject>\d\d)(?P<night>[12]))\w{2}-(?P<kind>PSG|Hypnogram)\.edf")


@dataclass(frozen=True)
class Record:
    """One night of the sleep-cassette study.

    Attributes
    ----------
    name : str
        Its prefix, for instance ``"SC4001"``; the last letters of the file names differ between signal and scoring.
    subject, night : int
        Sleep-EDF's numbers.
    age : int
        Years.
    sex : str
    """

    name: str
    subject: int
    night: int
    age: int
    sex: str


@dataclass(frozen=True)
class Place:
    """A night's place in the rebuilt competition: identity, role, files."""

    key: RecordingKey
    role: str
    record: Record
    psg: Path
    hypnogram: Path


@dataclass
class Plan:
    """Which night goes where.

    Attributes
    ----------
    places : list of Place
        By group, subject and session.
    left_out : list of str
        What does not take part and why, one line each.
    """

    places: list[Place] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


@cache
def known_records() -> dict[str, Record]:
    """Return the study's 153 nights by name, as listed in mne's copy of PhysioNet's table."""
    from mne.datasets.sleep_physionet._utils import AGE_SLEEP_RECORDS

    records = {}
    with open(AGE_SLEEP_RECORDS, encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            name = row["fname"][:6]
            records[name] = Record(name, int(row["subject"]), int(row["night"]), int(row["age"]), row["sex"])
    return records


def fetch(
    folder: str | Path,
    groups: Iterable[str] = (SOURCE_GROUP, *TARGET_GROUPS),
    progress: Callable[[int, int, str], None] | None = None,
) -> None:
    """Fetch the recordings of age groups from PhysioNet with mne's fetcher (8 GB for all); what is there stays.

    Parameters
    ----------
    folder : path
        They land in ``physionet-sleep-data/`` below it.
    groups : iterable of str
        Age groups.
    progress : callable, optional
        ``progress(subjects done, subjects in all, name)``.

    Raises
    ------
    DataError
        A file could not be fetched.
    """
    from mne.datasets.sleep_physionet.age import fetch_data

    groups = set(groups)
    subjects = sorted({record.subject for record in known_records().values() if group_of(record.age) in groups})
    Path(folder).mkdir(parents=True, exist_ok=True)
    for done, subject in enumerate(subjects, start=1):
        try:
            fetch_data([subject], recording=list(SESSIONS), path=str(folder), on_missing="ignore", verbose="ERROR")
        except Exception as error:  # pooch, requests and urllib3 raise many kinds
            raise DataError(
                f"Sleep-EDF subject {subject} could not be fetched ({error}); run this again, or download "
                f"https://physionet.org/content/sleep-edfx/1.0.0/ by hand into {folder}"
            ) from error
        if progress:
            progress(done, len(subjects), f"SC4{subject:02d}")


def group_of(age: int) -> str | None:
    """Return the competition's group of an age in years, or None."""
    for group in (SOURCE_GROUP, *TARGET_GROUPS):
        youngest, oldest = map(int, group.split("-"))
        if youngest <= age <= oldest:
            return group
    return None


def plan(
    folder: str | Path, groups: Iterable[str] = (SOURCE_GROUP, *TARGET_GROUPS), *, single_nights: bool = False
) -> Plan:
    """Find recordings and give each its place.

    Subjects are numbered from 0 in each group, by Sleep-EDF's number, among those that are there. In the target
    groups the first six (65-79) or five (80-95) are the labelled target, the rest the test set. Signal and scoring
    are paired by the record's prefix.

    Parameters
    ----------
    folder : path
        Searched with all folders below it.
    groups : iterable of str
        Age groups to build.
    single_nights : bool
        Also take the three subjects of whom the study itself has one night only. The competition has two of each.

    Returns
    -------
    Plan

    Raises
    ------
    DataError
        No such folder, nothing to build in it, or a record there twice.
    """
    files = _find(Path(folder))
    nights_of, found, groups = defaultdict(list), Plan(), set(groups)
    for name in sorted(files):
        record = known_records().get(name)
        if record and group_of(record.age) not in {None, *groups}:
            continue
        reason = _reason_against(record, files[name], single_nights)
        if reason:
            found.left_out.append(f"{name}: {reason}")
        else:
            nights_of[record.subject].append(record)
    for group in (SOURCE_GROUP, *TARGET_GROUPS):
        subjects = sorted(subject for subject, nights in nights_of.items() if group_of(nights[0].age) == group)
        for number, subject in enumerate(subjects):
            found.places += [
                Place(
                    RecordingKey(group, number, record.night),
                    _role(group, number),
                    record,
                    files[record.name]["psg"],
                    files[record.name]["hypnogram"],
                )
                for record in nights_of[subject]
            ]
            if len(nights_of[subject]) < _nights_in_study(subject):
                found.left_out.append(f"SC4{subject:02d}: one of its two nights is not in {folder}")
    if not found.places:
        why = f" ({'; '.join(found.left_out[:3])})" if found.left_out else ""
        raise DataError(
            f"{folder}: expected pairs such as SC4001E0-PSG.edf and SC4001EC-Hypnogram.edf, got none to "
            f"build{why}; pass --fetch, or download https://physionet.org/content/sleep-edfx/1.0.0/"
        )
    return found


def _find(folder: Path) -> dict[str, dict[str, Path]]:
    """Return ``{"SC4001": {"psg": path, "hypnogram": path}}`` of what lies below a folder."""
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; --sleep-edf names the one that holds SC4001E0-PSG.edf and so on")
    files = defaultdict(dict)
    for path in sorted(folder.rglob("*")):
        match = _NAME.fullmatch(path.name)
        if match is None or not path.is_file():
            continue
        record, kind = match["record"], match["kind"].lower()
        if kind in files[record]:
            raise DataError(f"{record}: its {kind} is there twice, {files[record][kind]} and {path}; remove one")
        files[record][kind] = path
    return files


def _reason_against(record: Record | None, kinds: dict[str, Path], single_nights: bool) -> str | None:
    if record is None:
        return "not in the table of the sleep-cassette study, so of unknown age"
    if group_of(record.age) is None:
        return f"age {record.age} is in no group of the competition"
    if len(kinds) < 2:
        return f"has no {'hypnogram' if 'psg' in kinds else 'PSG'} beside it"
    if _nights_in_study(record.subject) < len(SESSIONS) and not single_nights:
        return "the study has one night of this subject only"
    return None


@cache
def _nights_in_study(subject: int) -> int:
    return sum(record.subject == subject for record in known_records().values())


def _role(group: str, number: int) -> str:
    if group == SOURCE_GROUP:
        return "source"
    return "target" if number < len(part(group, "target").subjects) else "test"
