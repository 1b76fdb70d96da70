"""The nights of Sleep-EDF's sleep-cassette study: whose they are, and which place in the competition they take."""

import csv
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from mne.datasets.sleep_physionet import age
from mne.datasets.sleep_physionet._utils import AGE_SLEEP_RECORDS

from ..data.recording import RecordingKey
from ..errors import DataError
from ..progress import Progress
from ..task import SESSIONS
from .epochs import fault_of
from .splits import BEETL, GROUPS, Seat, Split, group_of, seats_by_age

_FILE = re.compile(r"(?P<name>SC4\d\d[12])\w{2}-(?P<kind>PSG|Hypnogram)\.edf")


@dataclass(frozen=True)
class StudyNight:
    """One night of the study, with Sleep-EDF's numbers and the age in years.

    Its name is the prefix of its files, such as ``"SC4001"``; the rest differs between signal and scoring.
    """

    name: str
    subject: int
    night: int
    age: int
    sex: str

    @property
    def group(self) -> str | None:
        """The competition's group of the age, or None."""
        return group_of(self.age)


@dataclass(frozen=True)
class Place:
    """A night's place in the rebuilt competition: identity, role, files."""

    key: RecordingKey
    role: str
    night: StudyNight
    psg: Path
    hypnogram: Path


@dataclass
class Assignment:
    """Which night goes where, by group, subject and session; and what is left out and why, one line each."""

    places: list[Place] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


@cache
def study_nights() -> dict[str, StudyNight]:
    """Return the study's 153 nights by name, as listed in mne's copy of PhysioNet's table."""
    with open(AGE_SLEEP_RECORDS, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    nights = [StudyNight(r["fname"][:6], int(r["subject"]), int(r["night"]), int(r["age"]), r["sex"]) for r in rows]
    return {night.name: night for night in nights}


def fetch(
    folder: str | Path, groups: Iterable[str] = GROUPS, progress: Progress | None = None, split: Split = "beetl"
) -> None:
    """Fetch the recordings of groups from PhysioNet with mne's fetcher (8 GB for all); what is there stays.

    Who is in a group, the split says. They land in ``physionet-sleep-data/`` below the folder.

    Raises
    ------
    DataError
        A file could not be fetched.
    """
    subjects = sorted({night.subject for night in study_nights().values() if _group(night, split) in set(groups)})
    Path(folder).mkdir(parents=True, exist_ok=True)
    for done, subject in enumerate(subjects, start=1):
        try:
            age.fetch_data([subject], recording=list(SESSIONS), path=str(folder), on_missing="ignore", verbose="ERROR")
        except Exception as error:  # pooch, requests and urllib3 raise many kinds
            raise DataError(
                f"Sleep-EDF subject {subject} could not be fetched ({error}); run this again, or download "
                f"https://physionet.org/content/sleep-edfx/1.0.0/ by hand into {folder}"
            ) from error
        if progress:
            progress(done, len(subjects), f"SC4{subject:02d}")


def assign_places(folder: str | Path, groups: Iterable[str] = GROUPS, *, split: Split = "beetl") -> Assignment:
    """Find recordings and give each its place.

    Signal and scoring are paired by the prefix of their names.

    Parameters
    ----------
    folder, groups
        Searched with all folders below it, for the nights of groups.
    split : {"beetl", "ages", "everybody"}
        ``beetl``: the competition's own people under the numbers that they are thought to have had
        (:class:`beetl_task1.task.Part`). The others: whoever is there, by
        :func:`beetl_task1.sleep_edf.splits.seats_by_age`; ``everybody`` also takes the three people of whom the study
        has one night only.

    Raises
    ------
    DataError
        No such folder, nothing to build in it, or a night there twice.
    """
    files = _find(Path(folder))
    found, taken, groups = Assignment(), list[StudyNight](), [group for group in GROUPS if group in set(groups)]
    for name in sorted(files):
        night = study_nights().get(name)
        if night is not None and _group(night, split) not in {None, *groups}:
            continue
        reason = _reason_against(night, files[name], split)
        if night is None or reason:
            found.left_out.append(f"{name}: {reason}")
        else:
            taken.append(night)
    people = sorted({night.subject for night in taken})
    seats = BEETL if split == "beetl" else seats_by_age({night.subject: night.age for night in taken}, groups)
    for night in taken:
        seat = seats[night.subject]
        key = RecordingKey(seat.group, seat.number, night.night)
        found.places.append(Place(key, seat.role, night, **files[night.name]))
    found.places.sort(key=lambda place: (GROUPS.index(place.key.group), place.key))
    if not found.places:
        why = f" ({'; '.join(found.left_out[:3])})" if found.left_out else ""
        raise DataError(
            f"{folder}: expected pairs such as SC4001E0-PSG.edf and SC4001EC-Hypnogram.edf, got none to "
            f"build{why}; pass --fetch, or download https://physionet.org/content/sleep-edfx/1.0.0/"
        )
    found.left_out += _missing(seats, people, taken, groups, folder)
    return found


def _group(night: StudyNight, split: Split) -> str | None:
    if split != "beetl":
        return night.group
    return BEETL[night.subject].group if night.subject in BEETL else None


def _missing(
    seats: dict[int, Seat], people: list[int], taken: list[StudyNight], groups: list[str], folder: str | Path
) -> list[str]:
    """Name the nights of seated people that are not there."""
    there = Counter(night.subject for night in taken)
    lines = []
    for person, seat in sorted(seats.items()):
        if seat.group in groups and person not in people:
            lines.append(
                f"SC4{person:02d}: {seat.group} {seat.role} s{seat.number} of the competition is not in {folder}"
            )
        elif there[person] and there[person] < _nights_in_study()[person]:
            lines.append(f"SC4{person:02d}: one of its two nights is not in {folder}")
    return lines


def all_pairs(folder: str | Path) -> dict[str, dict[str, Path]]:
    """Return the ``psg`` and the ``hypnogram`` of every night below a folder that has both, by its name."""
    return {name: files for name, files in _find(Path(folder)).items() if len(files) == 2}


def _find(folder: Path) -> dict[str, dict[str, Path]]:
    """Return ``{"SC4001": {"psg": path, "hypnogram": path}}`` of what lies below a folder."""
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; --sleep-edf names the one that holds SC4001E0-PSG.edf and so on")
    files: dict[str, dict[str, Path]] = defaultdict(dict)
    for path in sorted(folder.rglob("*.edf")):
        match = _FILE.fullmatch(path.name)
        if match is None or not path.is_file():
            continue
        name, kind = match["name"], match["kind"].lower()
        if kind in files[name]:
            raise DataError(f"{name}: its {kind} is there twice, {files[name][kind]} and {path}; remove one")
        files[name][kind] = path
    return files


def _reason_against(night: StudyNight | None, files: dict[str, Path], split: Split) -> str | None:
    if night is None:
        return "not in the table of the sleep-cassette study, so of unknown age"
    if _group(night, split) is None:
        by_age = f"age {night.age} is in no group of the competition"
        return by_age if split != "beetl" else "not one of the competition's people"
    if len(files) < 2:
        return f"has no {'hypnogram' if 'psg' in files else 'PSG'} beside it"
    if _nights_in_study()[night.subject] < len(SESSIONS) and split != "everybody":
        return "the study has one night of this subject only"
    return fault_of(files["psg"], files["hypnogram"])


@cache
def _nights_in_study() -> Counter[int]:
    return Counter(night.subject for night in study_nights().values())
