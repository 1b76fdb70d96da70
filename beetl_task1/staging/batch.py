"""Many nights: the loop that stages them, their files, which touch nobody else's, and the summary that grows."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from ..errors import BeetlError
from ..progress import Progress
from ..store import key_of, sha256
from ..typed import json_of
from ..writing import alone, write_bytes, write_rows, write_text
from .cohort import ByAge, CohortNight, apart, bare_name
from .staged import CONTENTS, DISCLAIMER, StagedNight, account_of
from .stager import Stager

_ENDINGS = (".csv", "-hypnogram.edf", ".png")
ALSO = {"svg": (".svg",), "pdf": (".pdf",), "bids": ("_events.tsv", "_events.json")}
"""What is written where it is asked for, and its endings."""
_WRITTEN = (".csv", ".png", ".json", ".svg", ".pdf")
_LAST = ("warnings", "failed")
AGREEMENTS = ("agreement", "agreement_around_sleep")


@dataclass
class StagedNights:
    """What :func:`stage_all` has done: the table of all nights, and what is known by the names of their files.

    ``accounts`` are as :func:`beetl_task1.staging.staged.account_of` gives them, ``kept`` the nights that an earlier
    staging with the same weights and settings had done, ``failures`` why others could not be staged.
    """

    summary: Path
    accounts: dict[str, dict[str, Any]] = field(default_factory=dict)
    kept: list[str] = field(default_factory=list)
    failures: dict[str, BeetlError] = field(default_factory=dict)


def stage_all(
    stagers: Stager | ByAge,
    nights: Sequence[CohortNight | str | Path],
    out: str | Path,
    progress: Progress | None = None,
    *,
    resume: bool = True,
    also: Sequence[str] = (),
) -> StagedNights:
    """Stage nights, one in memory at a time, and write what is known of each, and a summary that grows night by night.

    A night that cannot be staged does not keep the others from being staged.

    Parameters
    ----------
    stagers : Stager or ByAge
        Gives each night its stager.
    nights : sequence of CohortNight or path
        See :func:`beetl_task1.staging.cohort.find_nights`.
    out : path
        Folder of what is written; see :func:`beetl_task1.staging.batch.NightFiles`, and ``summary.csv``, where nights
        of earlier stagings stay; those that failed have the reason in its column ``failed``.
    progress : Progress, optional
        Called after each recording.
    resume : bool
        Leave nights as they are that were staged before with the same weights and settings.
    also : sequence of {"svg", "pdf", "bids"}
        What is written beside.

    Raises
    ------
    BeetlError
        Two recordings would be written under one name, a night has neither age nor group, or a file is there that an
        earlier staging of them did not write.
    """
    found = [night if isinstance(night, CohortNight) else CohortNight(night) for night in nights]
    files = [NightFiles(Path(out), name, also) for name in output_names([night.recording for night in found], out)]
    for one, night in zip(files, found, strict=True):
        one.check_free(night.recording)
    staged = StagedNights(Path(out) / "summary.csv")
    check_summary(staged.summary)
    own = [stagers.for_night(night) for night in found]
    for done, (one, night, stager) in enumerate(zip(files, found, own, strict=True), start=1):
        try:
            key = night_key(stager.key, night.recording, night.hypnogram)
            account = one.kept(key) if resume else None
            if account is not None:
                staged.kept.append(one.name)
            staged.accounts[one.name] = account or one.write(stager.stage(night.recording, night.hypnogram), key)
            write_summary(staged.summary, one.name, staged.accounts[one.name])
        except BeetlError as error:
            staged.failures[one.name] = error
            write_summary(staged.summary, one.name, {}, str(error))
        if progress:
            progress(done, len(found), one.name)
    return staged


@dataclass(frozen=True)
class NightFiles:
    """The files of one night in a folder, under one name.

    ``<name>.csv`` (epoch, onset in s, stage, six probabilities, confidence, clock, mark), ``<name>-hypnogram.edf``
    (EDF+ annotations), ``<name>.png``, and ``<name>.json``, the account (statistics, warnings, agreement, what made
    it); and what ``also`` asks for, keys of :data:`ALSO`: the figure in other forms, ``<name>_events.tsv`` of BIDS.
    """

    out: Path
    name: str
    also: Sequence[str] = ()

    def _state(self) -> tuple[Path, dict[str, Any], dict[str, Path]]:
        """Return the path of the account, what is in it, and the other files, asked for or there before."""
        place, asked = self.out / f"{self.name}.json", (*_ENDINGS, *(end for one in self.also for end in ALSO[one]))
        account, bids = _read_account(place), self.name.removesuffix("_eeg")
        paths = {end: self.out / f"{bids if end[0] == '_' else self.name}{end}" for end in CONTENTS}
        known = {end: path for end, path in paths.items() if end in asked or path.name in account["files"]}
        return place, account, known

    def check_free(self, recording: str | Path) -> None:
        """Raise unless the night can be written without touching what is not of an earlier staging of it."""
        place, account, paths = self._state()
        files, before = account["files"], account.get("path")
        others = [path for path in paths.values() if path.exists() and _digest(path) not in files.get(path.name, [])]
        if others or (place.exists() and not files):
            raise BeetlError(
                f"{[*others, place][0]}: is there and not as an earlier `stage` wrote it; it is left alone: choose "
                f"another folder, such as --out {self.out / 'staged'}"
            )
        if before and Path(before).exists() and Path(before).resolve() != Path(recording).resolve():
            name = self.out / self.name
            raise BeetlError(f"{name}: is of another recording, {before}; choose another folder with --out")

    def kept(self, key: str | None) -> dict[str, Any] | None:
        """Return the account of a staging under the same key, all files of which are there; else None."""
        _, account, paths = self._state()
        whole = all(_digest(path) == account["files"].get(path.name, [""])[0] for path in paths.values())
        return account if key and whole and account.get("key") == key else None

    def write(self, night: StagedNight, key: str | None = None) -> dict[str, Any]:
        """Write a night, and return its account; the folder is made if missing; see :meth:`check_free`."""
        contents = {path: CONTENTS[ending](night) for ending, path in self._state()[2].items()}
        with alone(self.out):
            self.check_free(night.name)
            place, earlier, _ = self._state()  # a staging that was killed leaves files of the one before
            both = {path.name: [sha256(new), *earlier["files"].get(path.name, [])] for path, new in contents.items()}
            files = {name: list(dict.fromkeys(digests))[:2] for name, digests in both.items()}
            path = str(Path(night.name).resolve()) if Path(night.name).exists() else None
            account = account_of(night) | {"path": path, "key": key, "files": files}
            write_text(place, json.dumps(account, indent=1) + "\n")
            for file, content in contents.items():
                write_bytes(file, content)
        return account


def output_names(recordings: Sequence[str | Path], out: str | Path) -> list[str]:
    """Return a name for each recording's files: that of an earlier staging into the folder, or the recording's own.

    Where two are alike, the name of the recording's folder stands in front. Two that are alike even so are an error.
    """
    paths = [Path(recording) for recording in recordings]
    accounts = {_read_account(account).get("path"): account.stem for account in Path(out).glob("*.json")}
    own = zip(paths, apart(paths, [bare_name(path) for path in paths]), strict=True)
    names = [accounts.get(str(path.resolve()), name) for path, name in own]
    twins = [name for name in names if names.count(name) > 1]
    if twins:
        raise BeetlError(f"two recordings would both be written as {twins[0]}; stage them into two folders with --out")
    return names


def night_key(stager: str | None, recording: str | Path, hypnogram: str | Path | None = None) -> str | None:
    """Return the digest of all that decides what is staged: stager, state of the files, scoring; None for no file.

    A recording is taken for unchanged while its size and its time are, and those of files of its name beside it.
    """
    path = Path(recording).resolve()
    if stager is None or not path.exists():
        return None
    stem = path.name.split(".")[0]
    own = [one for one in sorted(path.parent.iterdir()) if one == path or one.stem == stem]
    states = [[one.name, one.stat().st_size, one.stat().st_mtime_ns] for one in own if one.suffix not in _WRITTEN]
    return key_of(stager, str(path), states, _digest(Path(hypnogram)) if hypnogram else None)


def check_summary(path: str | Path) -> list[dict[str, str]]:
    """Return the rows of an earlier summary, none where there is no such file; anything else is an error."""
    path = Path(path)
    if not path.exists():
        return []
    try:
        rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))
    except (OSError, UnicodeDecodeError, csv.Error):
        rows = []
    if not rows or not {"recording", "warnings"} <= set(rows[0]):
        raise BeetlError(
            f"{path}: is there and not a summary of `stage`; it is left alone: choose another folder, such as "
            f"--out {path.parent / 'staged'}"
        )
    return rows


def write_summary(path: Path, name: str, account: Mapping[str, Any], failed: str = "") -> None:
    """Write the line of a night into the summary, by name: statistics, agreement, confidence, warnings, failure.

    Other nights stay, and the numbers of a night that fails now but did not before.
    """
    with alone(Path(path).parent):
        rows = {row["recording"]: row for row in check_summary(path)}
        if failed:
            rows[name] = {"recording": name} | rows.get(name, {}) | {"failed": failed}
        else:
            rows[name] = {"recording": name} | _numbers(account) | {"warnings": "; ".join(account["warnings"])}
        columns = [column for column in dict.fromkeys(chain(*rows.values())) if column not in _LAST]
        write_rows(path, [*columns, *_LAST], rows.values())


def _read_account(path: Path) -> dict[str, Any]:
    """Return the account of a night that an earlier staging wrote, or one of no files."""
    try:
        content = json_of(path.read_bytes())
    except (OSError, ValueError):
        content = None
    ours = isinstance(content, dict) and content.get("note") == DISCLAIMER and isinstance(content.get("files"), dict)
    return content if ours else {"files": {}}


def _digest(path: Path) -> str | None:
    return sha256(path.read_bytes()) if path.is_file() else None


def _numbers(account: Mapping[str, Any]) -> dict[str, str]:
    """Return statistics and agreement of an account as a table has them; empty where there is none."""
    numbers = {
        name: "" if value is None else f"{value:.4g}" if name.startswith("percent") else f"{value:g}"
        for name, value in account["statistics"].items()
    }
    numbers["confidence"] = f"{account['confidence']:.4f}"
    numbers["unlike_training"] = str(account["unlike_training"]).lower()
    for name in AGREEMENTS:
        for measure in ("accuracy", "kappa") if name in account else ():
            value = account[name][measure]
            numbers[measure + name.removeprefix("agreement")] = "" if value is None else f"{value:.4f}"
    return numbers
