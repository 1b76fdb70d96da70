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
from ..task import SESSIONS, SOURCE_GROUP, TARGET_GROUPS, part
from .epochs import fault_of

GROUPS = (SOURCE_GROUP, *TARGET_GROUPS)
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
    """Return the study's 153 nights by name, as listed in mne's copy of PhysioNet's table."""
    with open(AGE_SLEEP_RECORDS, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    nights = [StudyNight(r["fname"][:6], int(r["subject"]), int(r["night"]), int(r["age"]), r["sex"]) for r in rows]
    return {night.name: night for night in nights}


def fetch(folder: str | Path, groups: Iterable[str] = GROUPS, progress: Progress | None = None) -> None:
    """Fetch the recordings of age groups from PhysioNet with mne's fetcher (8 GB for all); what is there stays.

    They land in ``physionet-sleep-data/`` below the folder.

    Raises
    ------
    DataError
        A file could not be fetched.
    """
    groups = set(groups)
    subjects = sorted({night.subject for night in study_nights().values() if night.group in groups})
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


def assign_places(folder: str | Path, groups: Iterable[str] = GROUPS, *, single_nights: bool = False) -> Assignment:
    """Find recordings and give each its place.

    Subjects are numbered from 0 in each group, by Sleep-EDF's number, among those that are there. In the target
    groups the first six (65-79) or five (80-95) are the labelled target, the rest the test set. Signal and scoring
    are paired by the prefix of their names.

    Parameters
    ----------
    folder, groups
        Searched with all folders below it, for the nights of age groups.
    single_nights : bool
        Also take the three subjects of whom the study itself has one night only. The competition has two of each.

    Raises
    ------
    DataError
        No such folder, nothing to build in it, or a night there twice.
    """
    files = _find(Path(folder))
    by_subject: dict[int, list[StudyNight]] = defaultdict(list)
    found, groups = Assignment(), set(groups)
    for name in sorted(files):
        night = study_nights().get(name)
        if night is not None and night.group not in {None, *groups}:
            continue
        reason = _reason_against(night, files[name], single_nights)
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
            if len(by_subject[subject]) < _nights_in_study()[subject]:
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


def _reason_against(night: StudyNight | None, files: dict[str, Path], single_nights: bool) -> str | None:
    if night is None:
        return "not in the table of the sleep-cassette study, so of unknown age"
    if night.group is None:
        return f"age {night.age} is in no group of the competition"
    if len(files) < 2:
        return f"has no {'hypnogram' if 'psg' in files else 'PSG'} beside it"
    if _nights_in_study()[night.subject] < len(SESSIONS) and not single_nights:
        return "the study has one night of this subject only"
    return fault_of(files["psg"], files["hypnogram"])


@cache
def _nights_in_study() -> Counter[int]:
    return Counter(night.subject for night in study_nights().values())


def _role(group: str, number: int) -> str:
    if group == SOURCE_GROUP:
        return "source"
    return "target" if number < len(part(group, "target").subjects) else "test"
