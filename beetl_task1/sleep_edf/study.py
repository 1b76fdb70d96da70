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
from ..task import SESSIONS, SOURCE_GROUP, TARGET_GROUPS, part
from .epochs import fault_of

GROUPS = (SOURCE_GROUP, *TARGET_GROUPS)
_FILE = re.compile(r"(?P<name>(SC4|ST7)\d\d[12])\w{2}-(?P<kind>PSG|Hypnogram)\.edf", re.IGNORECASE)
_TELEMETRY = "ST"
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
        for group in GROUPS:
            youngest, oldest = map(int, group.split("-"))
            if youngest <= self.age <= oldest:
                return group
        return None


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
    folder: str | Path, groups: Iterable[str] = GROUPS, progress: Progress | None = None, *, telemetry: bool = False
) -> None:
    """Fetch the recordings of age groups from PhysioNet with mne's fetcher (8 GB for all); what is there stays.

    They land in ``physionet-sleep-data/`` below the folder; with ``telemetry`` the placebo nights of that study too.

    Raises
    ------
    DataError
        A file could not be fetched.
    """
    groups = set(groups)
    wanted = [night for night in study_nights().values() if night.group in groups]
    of_mne = {n.subject: i for i, n in enumerate(n for n in study_nights().values() if n.drug == "Placebo")}
    subjects = sorted({night.subject for night in wanted if telemetry or not night.drug})
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


def assign_places(
    folder: str | Path, groups: Iterable[str] = GROUPS, *, single_nights: bool = False, telemetry: bool = False
) -> Assignment:
    """Find recordings and give each its place.

    Subjects are numbered from 0 in each group, by Sleep-EDF's number, among those that are there. In the target
    groups the first six (65-79) or five (80-95) are the labelled target, the rest the test set. Signal and scoring
    are paired by the prefix of their names, in upper or lower case. Of a file that is there more than once the whole or
    largest one is taken.

    Parameters
    ----------
    folder, groups
        Searched with all folders below it, for the nights of age groups.
    single_nights : bool
        Also take the three subjects of whom the study itself has one night only. The competition has two of each.
    telemetry : bool
        Also take the placebo nights of the telemetry study, one of each person, after those of the cassette study.

    Raises
    ------
    DataError
        No such folder, or nothing to build in it.
    """
    files, copies = _find(Path(folder))
    by_subject: dict[int, list[StudyNight]] = defaultdict(list)
    found, groups = Assignment(left_out=copies), set(groups)
    if not telemetry:
        others = [files.pop(name) for name in list(files) if name.startswith(_TELEMETRY)]
        found.left_out += [f"{len(others)} nights of the telemetry study; pass --telemetry to take them"] * bool(others)
    for name in sorted(files):
        night = study_nights().get(name)
        if night is not None and night.group not in {None, *groups}:
            continue
        reason = _reason_against(night, files[name], single_nights=single_nights)
        if night is None or reason:
            found.left_out.append(f"{name}: {reason}")
        else:
            by_subject[night.subject].append(night)
    for group in GROUPS:
        subjects = sorted(subject for subject, nights in by_subject.items() if nights[0].group == group)
        for number, subject in enumerate(subjects):
            for night in by_subject[subject]:
                key = RecordingKey(group, number, night.night)
                found.places.append(Place(key, _role(group, number), night, **files[night.name]))
            if subject < _FIRST and len(by_subject[subject]) < _nights_in_study()[subject]:
                found.left_out.append(f"SC4{subject:02d}: one of its two nights is not in {folder}")
    if not found.places:
        why = f" ({'; '.join(found.left_out[:3])})" if found.left_out else ""
        raise DataError(
            f"{folder}: expected pairs such as SC4001E0-PSG.edf and SC4001EC-Hypnogram.edf, got none to "
            f"build{why}; pass --fetch, or download https://physionet.org/content/sleep-edfx/1.0.0/"
        )
    return found


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


def _reason_against(night: StudyNight | None, files: dict[str, Path], *, single_nights: bool) -> str | None:
    if night is None:
        return "not in the tables of the studies, so of unknown age"
    if night.group is None:
        return f"age {night.age} is in no group of the competition"
    if night.drug not in ("", "Placebo"):
        return f"a night with {night.drug.lower()}"
    if len(files) < 2:
        return f"has no {'hypnogram' if 'psg' in files else 'PSG'} beside it"
    if not night.drug and _nights_in_study()[night.subject] < len(SESSIONS) and not single_nights:
        return "the study has one night of this subject only"
    return fault_of(files["psg"], files["hypnogram"])


@cache
def _nights_in_study() -> Counter[int]:
    return Counter(night.subject for night in study_nights().values())


def _role(group: str, number: int) -> str:
    if group == SOURCE_GROUP:
        return "source"
    return "target" if number < len(part(group, "target").subjects) else "test"
