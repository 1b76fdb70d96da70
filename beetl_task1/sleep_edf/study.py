"""The nights of Sleep-EDF's two studies: whose they are, and which place in the competition they take."""

import csv
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from mne.datasets.sleep_physionet import age, temazepam
from mne.datasets.sleep_physionet._utils import AGE_SLEEP_RECORDS, TEMAZEPAM_SLEEP_RECORDS

from ..data.recording import RecordingKey
from ..errors import DataError
from ..hypnograms.edf import read_header
from ..progress import Progress
from ..task import SESSIONS
from .epochs import fault_of
from .splits import BEETL, GROUPS, Seat, Split, group_of, seats_by_age

_FILE = re.compile(r"(?P<name>(SC4|ST7)\d\d[12])\w{2}-(?P<kind>PSG|Hypnogram)\.edf", re.IGNORECASE)
_PLACEBO = "Placebo"
_FIRST = 700
"""Telemetry's subjects are numbered from here on, after those of the cassette study."""


@dataclass(frozen=True)
class StudyNight:
    """One night of a study, with Sleep-EDF's numbers and the age in years.

    Its name is the prefix of its files, such as ``"SC4001"``; the rest differs between signal and scoring. ``drug`` is
    what the person had taken, in the telemetry study.
    """

    name: str
    subject: int
    night: int
    age: int
    sex: str
    drug: str = ""

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
    """Return the 153 nights of the cassette study and the 44 of the telemetry study by name, from mne's tables."""
    nights = [StudyNight(r["fname"][:6], int(r["subject"]), int(r["night"]), int(r["age"]), r["sex"])
              for r in _rows(AGE_SLEEP_RECORDS)]  # fmt: skip
    nights += [StudyNight(r["fname_PSG"][:6], _FIRST + int(r["subject_orig"]), int(r["night nr"]), int(r["age"]),
                          r["sex"], r["drug"]) for r in _rows(TEMAZEPAM_SLEEP_RECORDS)]  # fmt: skip
    return {night.name: night for night in nights}


def _rows(table: str) -> list[dict[str, str]]:
    with open(table, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


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
    of_mne = {n.subject: i for i, n in enumerate(n for n in study_nights().values() if n.drug == _PLACEBO)}
    subjects = sorted({night.subject for night in study_nights().values() if _group(night, split) in set(groups)})
    Path(folder).mkdir(parents=True, exist_ok=True)
    for done, subject in enumerate(subjects, start=1):
        try:
            if subject < _FIRST:
                age.fetch_data(
                    [subject], recording=list(SESSIONS), path=str(folder), on_missing="ignore", verbose="ERROR"
                )
            else:
                temazepam.fetch_data([of_mne[subject]], path=str(folder), verbose="ERROR")
        except Exception as error:  # pooch, requests and urllib3 raise many kinds
            raise DataError(
                f"Sleep-EDF subject {subject} could not be fetched ({error}); run this again, or download "
                f"https://physionet.org/content/sleep-edfx/1.0.0/ by hand into {folder}"
            ) from error
        if progress:
            progress(done, len(subjects), f"SC4{subject:02d}" if subject < _FIRST else f"ST{subject}")


def assign_places(folder: str | Path, groups: Iterable[str] = GROUPS, *, split: Split = "beetl") -> Assignment:
    """Find recordings and give each its place.

    Signal and scoring are paired by the prefix of their names, in upper or lower case. Of a file that is there more
    than once the whole or largest one is taken.

    Parameters
    ----------
    folder, groups
        Searched with all folders below it, for the nights of groups.
    split : {"beetl", "ages", "everybody"}
        ``beetl``: the competition's own people under the numbers that they are thought to have had
        (:class:`beetl_task1.task.Part`). The others: whoever is there, by
        :func:`beetl_task1.sleep_edf.splits.seats_by_age`; ``everybody`` also takes the three people of whom the study
        has one night only, and the placebo nights of the telemetry study, one of each person.

    Raises
    ------
    DataError
        No such folder, or nothing to build in it.
    """
    files, copies = _find(Path(folder))
    found, taken = Assignment(left_out=copies), list[StudyNight]()
    groups = [group for group in GROUPS if group in set(groups)]
    if split != "everybody":
        others = [files.pop(name) for name in list(files) if name.startswith("ST")]
        text = f"{len(others)} nights of the telemetry study; add --split everybody to take its placebo nights"
        found.left_out += [text] * bool(others)
    for name in sorted(files):
        night = study_nights().get(name)
        if night is not None and _group(night, split) not in {None, *groups}:
            continue
        reason = _reason_against(night, files[name], split)
        if night is None or reason:
            found.left_out.append(f"{name}: {reason}")
        else:
            taken.append(night)
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
    found.left_out += _missing(seats, taken, groups, folder)
    return found


def _group(night: StudyNight, split: Split) -> str | None:
    if split == "beetl":
        return BEETL[night.subject].group if night.subject in BEETL else None
    return night.group if split == "everybody" or not night.drug else None


def _missing(seats: dict[int, Seat], taken: list[StudyNight], groups: list[str], folder: str | Path) -> list[str]:
    """Name the nights of seated people that are not there."""
    there = Counter(night.subject for night in taken)
    lines = []
    for person, seat in sorted(seats.items()):
        if seat.group in groups and not there[person]:
            lines.append(
                f"SC4{person:02d}: {seat.group} {seat.role} s{seat.number} of the competition is not in {folder}"
            )
        elif person < _FIRST and 0 < there[person] < _nights_in_study()[person]:
            lines.append(f"SC4{person:02d}: one of its two nights is not in {folder}")
    return lines


def all_pairs(folder: str | Path) -> dict[str, dict[str, Path]]:
    """Return the ``psg`` and the ``hypnogram`` of every night below a folder that has both, by its name."""
    return {name: files for name, files in _find(Path(folder))[0].items() if len(files) == 2}


def _find(folder: Path) -> tuple[dict[str, dict[str, Path]], list[str]]:
    """Return ``{"SC4001": {"psg": path, "hypnogram": path}}`` of what a folder holds, and a line for each copy left."""
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; --sleep-edf names the one that holds SC4001E0-PSG.edf and so on")
    there: dict[tuple[str, str], list[Path]] = defaultdict(list)
    for path in folder.rglob("*"):
        match = _FILE.fullmatch(path.name)
        if match and path.is_file():
            there[match["name"].upper(), match["kind"].lower()].append(path)
    files: dict[str, dict[str, Path]] = defaultdict(dict)
    copies = []
    for (name, kind), paths in sorted(there.items()):
        files[name][kind], *others = sorted(paths, key=_worth)
        copies += [f"{name}: the copy {other} of its {kind}; {files[name][kind]} is taken" for other in others]
    return files, copies


def _worth(path: Path) -> tuple[bool, int, Path]:
    """Return what sorts copies of a file: whole ones first, then the largest."""
    header = read_header(path)
    return header is None or bool(header.cut), -path.stat().st_size, path


def _reason_against(night: StudyNight | None, files: dict[str, Path], split: Split) -> str | None:
    if night is None:
        return "not in the tables of the studies, so of unknown age"
    if split == "beetl" and night.subject not in BEETL:
        return "not one of the competition's people"
    if night.group is None and split != "beetl":
        return f"age {night.age} is in no group of the competition"
    if night.drug not in ("", _PLACEBO):
        return f"a night with {night.drug.lower()}"
    if len(files) < 2:
        return f"has no {'hypnogram' if 'psg' in files else 'PSG'} beside it"
    if not night.drug and _nights_in_study()[night.subject] < len(SESSIONS) and split != "everybody":
        return "the study has one night of this subject only"
    return fault_of(files["psg"], files["hypnogram"])


@cache
def _nights_in_study() -> Counter[int]:
    return Counter(night.subject for night in study_nights().values())
