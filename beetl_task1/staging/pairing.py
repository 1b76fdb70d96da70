"""Which recording a scoring is of, by their names."""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from ..errors import BeetlError

_ENDINGS = re.compile(
    r"[-_ .]*(hypnogram|hypno|scored|scoring|scores?|stages|events|psg|annot(ations)?)$", re.IGNORECASE
)
_SLEEP_EDF = re.compile(r"((?:SC4|ST7)\d{3})\w\w-(?:PSG|Hypnogram)$", re.IGNORECASE)


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
