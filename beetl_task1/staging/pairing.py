"""Which recording a scoring is of, by their names."""

import re
from collections.abc import Sequence
from pathlib import Path

from ..errors import BeetlError

_ENDINGS = re.compile(
    r"[-_ .]*(hypnogram|hypno|scored|scoring|scores?|stages|events|psg|annot(ations)?)$", re.IGNORECASE
)
_SLEEP_EDF = re.compile(r"((?:SC4|ST7)\d{3})\w\w-(?:PSG|Hypnogram)$", re.IGNORECASE)


def night_name(path: str | Path) -> str:
    """Return what a recording and its scorings have in common in their names; their folder's where that is nothing."""
    name = Path(path).name.removesuffix(".gz").rsplit(".", 1)[0]
    study = _SLEEP_EDF.match(name)
    return study[1].upper() if study else _ENDINGS.sub("", name) or Path(path).resolve().parent.name


def named(files: Sequence[Path]) -> dict[str, Path]:
    """Return files by the names of their nights; where a name is there twice, with that of the folder before it.

    Raises
    ------
    BeetlError
        Two files have one name even so.
    """
    names = [night_name(path) for path in files]
    names = [
        f"{path.resolve().parent.name}_{name}" if names.count(name) > 1 else name
        for path, name in zip(files, names, strict=True)
    ]
    for name in names:
        if names.count(name) > 1:
            first, second, *_ = (path for path, other in zip(files, names, strict=True) if other == name)
            raise BeetlError(f"{first} and {second}: are both of {name}; leave one of them out, or rename it")
    return dict(zip(names, files, strict=True))


def paired(recordings: Sequence[Path], scorings: Sequence[Path]) -> list[Path | None]:
    """Return the scoring of each recording: that of its name; of several, the one in a folder of the same name.

    Raises
    ------
    BeetlError
        A scoring could be of several recordings, or the other way round.
    """
    found: list[Path | None] = []
    for recording in recordings:
        alike = [path for path in scorings if night_name(path) == night_name(recording)]
        beside = [path for path in alike if path.resolve().parent.name == recording.resolve().parent.name]
        twins = sum(night_name(other) == night_name(recording) for other in recordings) > 1
        chosen = beside if twins or len(alike) > 1 else alike
        if len(chosen) > 1 or (len(alike) > 1 and not chosen):
            names = " and ".join(map(str, (chosen or alike)[:2]))
            raise BeetlError(f"{recording}: {names} may both be its scoring; name it in a table of recordings")
        found += chosen[:1] or [None]
    return found
