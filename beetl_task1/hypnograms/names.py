"""What scorers call the stages: the one table from names to stages, and names of a user's own."""

import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from ..errors import DataError, unknown

UNSCORED = -1
"""In place of a stage, where an epoch is not scored."""
_NAMES = {
    0: "w wk wa wake wakefulness wakeful awake wach wachheit vigil vigilance eveil veille vigilia veglia sveglio "
       "sveglia despierto acordado wakker waak vaken vaaken vagen vaagen bdeni czuwanie valve vakenhet 0",
    1: "1 n1", 2: "2 n2", 3: "3 n3 sws", 4: "4 n4",
    5: "r rem sr rs remsleep remschlaf mor sp paradoxal paradoxical paradoxicalsleep sommeilparadoxal paradox "
       "suenorem sonorem sonnorem phasicrem tonicrem remsomn traumschlaf remslaap remsovn remsomn 5",
    UNSCORED: "? unscored unscorable notscored notscorable nostage unknown undefined none na nan uns "
              "nichtbewertet -2 9",
}  # fmt: skip
_MARKS = frozenset({
    "m", "mt", "mvt", "movement", "movementtime", "movt", "bewegung", "bewegungszeit", "mouvement",
    "tempsdemouvement", "movimiento", "movimento", "artefact", "artifact", "artefakt", "artefacto", "art", "-1",
    "6",
})  # fmt: skip
"""Movement and artefact: not scored where they stand alone, but a mark where they lie over a stage."""
_STAGES = {name: stage for stage, names in _NAMES.items() for name in names.split()} | dict.fromkeys(_MARKS, UNSCORED)
_PREFIXES = (
    "schlafstadium", "slaapstadium", "somnstadium", "sovnstadium", "sovnstadie", "sleepstage", "non-rem", "non rem",
    "nonrem", "stadium", "estadio", "estagio", "stadio", "stadie", "univaihe", "sleep", "stage", "stade", "phase",
    "etapa", "nrem", "faza", "faze", "fase", "stg", "stad", "st",
)  # fmt: skip
_PREFIX = re.compile(rf"^(?:(?:{'|'.join(_PREFIXES)})(?:[\s_:.\-]+|(?=[\dnrwsi?])|$))+")
_SUFFIX = re.compile(r"(?<=[\w?])[\s_\-]+(?:sleep|stage|schlaf|sommeil|sueno|sonno|epoch)$")
_ROMAN = {"i": "1", "ii": "2", "iii": "3", "iv": "4"}
_LIKE_A_STAGE = re.compile(r"^(?:sleep[\s_:.\-]*)?(?:stage|stade|stadium|schlafstadium|stadio|estadio)\b")

PRESETS: Mapping[str, Mapping[str, str]] = MappingProxyType({
    "yasa": {"0": "W", "1": "N1", "2": "N2", "3": "N3", "4": "R", "-1": "?", "-2": "?"},
    "rk": {"0": "W", "1": "S1", "2": "S2", "3": "S3", "4": "S4", "5": "REM", "6": "?", "9": "?", "-1": "?"},
})  # fmt: skip
"""Numbers of common programs: YASA's 0 to 4, where 4 is REM, and 0 to 5, where 5 is REM."""


def stage_of(name: str) -> int:
    """Return the R&K stage that a name means (N3 is S3), or :data:`UNSCORED`."""
    return _STAGES.get(_bare(name), UNSCORED)


def is_known(name: str) -> bool:
    """Whether a name means a stage, or that an epoch is not scored."""
    return _bare(name) in _STAGES


def is_placed(name: str) -> bool:
    """Whether a name says what an epoch is, so that it replaces what lies under it: a stage, or not scored."""
    return is_known(name) and _bare(name) not in _MARKS


def is_aasm(name: str) -> bool:
    """Whether only the AASM's scheme has a stage of that name."""
    return _bare(name) in {"n1", "n2", "n3"}


def like_a_stage(name: str) -> bool:
    """Whether a name calls itself a stage, known or not."""
    return bool(_LIKE_A_STAGE.match(_plain(name)))


def numbers_with_two_meanings(names: list[str]) -> bool:
    """Whether these are plain numbers that programs use differently: 4 without 5, or none for Wake."""
    numbers = {_bare(name) for name in names if re.fullmatch(r"\s*\d+(?:[.,]0+)?\s*", name)}
    only = all(_bare(name) in numbers or stage_of(name) == UNSCORED for name in names)
    return only and bool(numbers & set("12345")) and ("0" not in numbers or ("4" in numbers and "5" not in numbers))


def read_stage_names(given: str | Path) -> dict[str, str]:
    """Return what a scorer's names mean: a preset, or a file of lines such as ``Leicht = N1``.

    Raises
    ------
    DataError
        Neither a preset nor a file, or a line names no stage.
    """
    if str(given) in PRESETS:
        return dict(PRESETS[str(given)])
    path = Path(given)
    if not path.is_file():
        raise DataError(f"--stage-names: {unknown('preset', str(given), PRESETS)}, or a file of lines such as 'WK = W'")
    found: dict[str, str] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8-sig", errors="replace").splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        parts = [part.strip(" \"'") for part in re.split(r"[=,;\t]", line.strip())]
        if len(parts) != 2 or not parts[0] or not is_known(parts[1]):
            raise DataError(f"{path}: line {number}: expected such as 'WK = W', got {line.strip()!r}; mend the line")
        found[parts[0].casefold()] = parts[1]
    if not found:
        raise DataError(f"{path}: names no stage; expected lines such as 'WK = W'")
    return found


def _plain(name: str) -> str:
    """Return a name in lower case, without accents and spaces around it."""
    letters = unicodedata.normalize("NFKD", name.strip().casefold().replace("ø", "o").replace("å", "a"))
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


def _bare(name: str) -> str:
    text = _SUFFIX.sub("", _PREFIX.sub("", _plain(name)))
    text = re.sub(r"^(-?\d+)[.,]0+$", r"\1", text)
    text = text if re.fullmatch(r"-\d+", text) else re.sub(r"[\s_.:\-]+", "", text)
    text = re.sub(r"^s(?=[0-4]$)|^s(?=i+v?$)", "", text)
    return re.sub(r"^(n?)(i|ii|iii|iv)$", lambda found: found[1] + _ROMAN[found[2]], text)
