"""The files of staged nights, which touch nobody else's, and the summary that grows with them."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from ..errors import BeetlError
from ..store import key_of, sha256
from ..typed import json_of
from ..writing import alone, whole_file, write_text
from .contents import DISCLAIMER, account_of, content_of
from .pairing import apart, bare_name
from .reading import PathOrRaw
from .staged import StagedNight

_ENDINGS = (".csv", "-hypnogram.edf", ".png", ".json")
ALSO = {"svg": (".svg",), "pdf": (".pdf",), "bids": ("_events.tsv", "_events.json")}
"""What is written where it is asked for, and its endings."""
_WRITTEN = (".csv", ".png", ".json", ".svg", ".pdf")
_LAST = ("warnings", "failed")
AGREEMENTS = ("agreement", "agreement_around_sleep")


def output_names(recordings: Sequence[str | Path], out: str | Path) -> list[str]:
    """Return a name for each recording's files: that of an earlier staging into the folder, or the recording's own.

    Where two are alike, the name of the recording's folder stands in front.

    Raises
    ------
    BeetlError
        Two are alike even so.
    """
    paths = [Path(recording) for recording in recordings]
    names = apart(paths, [bare_name(path) for path in paths])
    accounts = {account.stem: _read_account(account).get("path") for account in Path(out).glob("*.json")}
    known = {path: name for name, path in accounts.items() if path}
    names = [known.get(str(path.resolve()), name) for path, name in zip(paths, names, strict=True)]
    twins = [name for name in names if names.count(name) > 1]
    if twins:
        raise BeetlError(f"two recordings would both be written as {twins[0]}; stage them into two folders with --out")
    return names


def check_free(out: str | Path, name: str, recording: PathOrRaw, also: Sequence[str] = ()) -> None:
    """Raise unless a night can be written into a folder without touching what is not of an earlier staging of it.

    ``also`` are keys of :data:`ALSO`.

    Raises
    ------
    BeetlError
        A file of that name is there that the stager did not write, or that was changed since, or of another recording.
    """
    account = _read_account(Path(out) / f"{name}.json")
    written = account.get("files", {})
    for ending, path in _paths(out, name, also).items():
        own = (ending == ".json" and bool(written)) or _digest(path) in written.get(path.name, [])
        if path.exists() and not own:
            raise BeetlError(
                f"{path}: is there and not as an earlier `stage` wrote it; it is left alone: choose another folder, "
                f"such as --out {Path(out) / 'staged'}"
            )
    earlier = account.get("path")
    if earlier and isinstance(recording, str | Path) and Path(earlier).exists() and not _same(earlier, recording):
        raise BeetlError(f"{Path(out) / name}: is of another recording, {earlier}; choose another folder with --out")


def night_key(stager: str | None, recording: PathOrRaw, hypnogram: str | Path | None = None) -> str | None:
    """Return the digest of all that decides what is staged: stager, state of the files, scoring; None for no file.

    A recording is taken for unchanged while its size and its time are, and those of files of its name beside it.
    """
    if stager is None or not isinstance(recording, str | Path) or not Path(recording).exists():
        return None
    path = Path(recording).resolve()
    stem = path.name.split(".")[0]
    own = [one for one in sorted(path.parent.iterdir()) if one == path or one.stem == stem]
    states = [[one.name, one.stat().st_size, one.stat().st_mtime_ns] for one in own if one.suffix not in _WRITTEN]
    return key_of(stager, str(path), states, _digest(Path(hypnogram)) if hypnogram else None)


def earlier_account(out: str | Path, name: str, key: str | None, also: Sequence[str] = ()) -> dict[str, Any] | None:
    """Return the account of a night that was staged under the same key before, all files of which are still there."""
    account, paths = _read_account(Path(out) / f"{name}.json"), _paths(out, name, also)
    files = account.get("files", {})
    whole = all(_digest(path) == files.get(path.name, [""])[0] for end, path in paths.items() if end != ".json")
    return account if key and whole and account.get("key") == key else None


def _paths(out: str | Path, name: str, also: Sequence[str]) -> dict[str, Path]:
    """Return the files of a night by their endings: with what is asked for, and what was before."""
    endings = [*_ENDINGS, *(ending for one in also for ending in ALSO[one])]
    bids = name.removesuffix("_eeg")
    earlier = _read_account(Path(out) / f"{name}.json").get("files", {})
    endings += [end for ends in ALSO.values() for end in ends if {f"{name}{end}", f"{bids}{end}"} & set(earlier)]
    return {end: Path(out) / f"{bids if end[0] == '_' else name}{end}" for end in dict.fromkeys(endings)}


def write_night(
    night: StagedNight, out: str | Path, name: str, key: str | None = None, also: Sequence[str] = ()
) -> dict[str, Any]:
    """Write what is known of a night into a folder, which is made if missing; see :func:`check_free`.

    ``<name>.csv`` (epoch, onset in s, stage, six probabilities, confidence, clock, mark), ``<name>-hypnogram.edf``
    (EDF+ annotations), ``<name>.png``, and ``<name>.json`` (statistics, warnings, agreement, what made it), which is
    returned; the figure as SVG and PDF and ``<name>_events.tsv`` of BIDS with its sidecar where ``also`` asks for them.

    Raises
    ------
    BeetlError
        What is there was not written by an earlier staging of this recording.
    """
    paths = _paths(out, name, also)
    contents = {ending: content_of(night, ending) for ending in paths if ending != ".json"}
    with alone(out):
        check_free(out, name, night.name, also)
        return _write(night, paths, contents, key)


def _write(
    night: StagedNight, paths: Mapping[str, Path], contents: Mapping[str, bytes], key: str | None
) -> dict[str, Any]:
    earlier = _read_account(paths[".json"]).get("files", {})  # a staging that was killed leaves files of the one before
    files = {
        paths[ending].name: [
            now := sha256(content),
            *(digest for digest in earlier.get(paths[ending].name, []) if digest != now),
        ][:2]
        for ending, content in contents.items()
    }
    path = str(Path(night.name).resolve()) if Path(night.name).exists() else None
    account = account_of(night) | {"path": path, "key": key, "files": files}
    text = json.dumps(account, indent=1) + "\n"
    written = {paths[".json"]: text.encode()} | {paths[ending]: content for ending, content in contents.items()}
    for file, content in written.items():  # the account first
        with whole_file(file) as opened:
            opened.write(content)
    return account


def check_summary(path: str | Path) -> list[dict[str, str]]:
    """Return the rows of an earlier summary, none where there is no such file.

    Raises
    ------
    BeetlError
        The file is something else.
    """
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

    Raises
    ------
    BeetlError
        The file is there and no summary.
    """
    with alone(Path(path).parent):
        rows = {row["recording"]: row for row in check_summary(path)}
        if failed:
            rows[name] = {"recording": name} | rows.get(name, {}) | {"failed": failed}
        else:
            rows[name] = {"recording": name} | _numbers(account) | {"warnings": "; ".join(account["warnings"])}
        columns = [column for column in dict.fromkeys(column for row in rows.values() for column in row)
                   if column not in _LAST]  # fmt: skip
        table = pd.DataFrame(list(rows.values()), columns=[*columns, *_LAST], dtype=str)
        write_text(path, table.to_csv(index=False, lineterminator="\n", na_rep=""))


def _read_account(path: Path) -> dict[str, Any]:
    """Return the account of a night that an earlier staging wrote, or nothing."""
    try:
        content = json_of(path.read_bytes())
    except (OSError, ValueError):
        return {}
    ours = isinstance(content, dict) and content.get("note") == DISCLAIMER and isinstance(content.get("files"), dict)
    return content if ours else {}


def _digest(path: Path) -> str | None:
    return sha256(path.read_bytes()) if path.is_file() else None


def _same(one: str | Path, other: str | Path) -> bool:
    return Path(one).resolve() == Path(other).resolve()


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
