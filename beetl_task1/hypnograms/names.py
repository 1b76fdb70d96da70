"""What scorers call the stages: the one table from names to stages."""

import re

UNSCORED = -1
"""In place of a stage, where an epoch is not scored."""
_NAMES = {
    0: ("w", "wake", "awake", "wach"),
    1: ("1", "s1", "n1"),
    2: ("2", "s2", "n2"),
    3: ("3", "s3", "n3"),
    4: ("4", "s4", "n4"),
    5: ("r", "rem"),
    UNSCORED: ("?", "movement time"),
}
_STAGES = {name: stage for stage, names in _NAMES.items() for name in names}
_PREFIX = re.compile(r"^((sleep|stage|stadium|schlafstadium|nrem|non-rem)[\s_:-]*)+")


def stage_of(name: str) -> int:
    """Return the R&K stage that a name means (N3 is S3), or :data:`UNSCORED`."""
    return _STAGES.get(_bare(name), UNSCORED)


def is_known(name: str) -> bool:
    """Whether a name means a stage, or that an epoch is not scored."""
    return _bare(name) in _STAGES


def is_aasm(name: str) -> bool:
    """Whether only the AASM's scheme has a stage of that name."""
    return _bare(name) in {"n1", "n2", "n3"}


def _bare(name: str) -> str:
    return _PREFIX.sub("", name.strip().lower())
