"""The frozen facts of BEETL Task 1: stages, signals and one table of the competition's folders."""

from dataclasses import dataclass

STAGES = ("W", "S1", "S2", "S3", "S4", "REM")
"""Rechtschaffen & Kales stages; a label is the index into this tuple."""

CHANNELS = ("Fpz-Cz", "Pz-Oz")
SFREQ = 100.0
"""Sampling rate in Hz."""
EPOCH_SECONDS = 30
N_CHANS = len(CHANNELS)
N_TIMES = int(SFREQ * EPOCH_SECONDS)
N_OUTPUTS = len(STAGES)
SESSIONS = (1, 2)

SOURCE_GROUP = "25-64"
TARGET_GROUPS = ("65-79", "80-95")
"""Age groups that are scored."""
LARGEST_SEED = 2**32 - 1


@dataclass(frozen=True)
class Part:
    """One folder of the competition.

    Attributes
    ----------
    group : str
        Age group of its subjects, for instance ``"65-79"``.
    role : str
        ``"source"``, ``"target"`` (labelled) or ``"test"`` (labels hidden).
    folder : str
        Path below the data folder, as unzipped from figshare.
    loader_folder : str or None
        Path as the public loader package lays it, where it knows the part.
    prefixes : tuple of str
        File-name prefixes that are accepted; the first is the one to write.
    subjects : range
        Subject numbers. They restart in each group.
    n_epochs : int
        Epochs over all recordings.
    has_header : bool
        Whether the folder holds ``headerInfo.npy``.
    people : tuple of int
        Who the subjects are, in their order: the numbers in Sleep-EDF (33 for ``SC4331E0``), worked out from counts
        that organisers and entrants printed. Only the order of the final phase's test set is sure; that of the other
        test set fits predictions that others published, and the rest are in the order of their numbers.
    margin : int
        Minutes that a night was cropped to, before the onset of sleep and after the onset of its last bout.
    """

    group: str
    role: str
    folder: str
    loader_folder: str | None
    prefixes: tuple[str, ...]
    subjects: range
    n_epochs: int
    has_header: bool
    people: tuple[int, ...]
    margin: int

    @property
    def labelled(self) -> bool:
        """Whether the recordings come with labels."""
        return self.role != "test"


_SOURCE_PEOPLE = (*range(13), *range(14, 33), 34, 35, 37, 38, 80, 81, 82)
_FINAL_PREFIXES = ("testing_", "leaderboard_", "training_", "target_")

PARTS = (
    Part(
        "25-64",
        "source",
        "SleepSource",
        "MNE-beetlsleepsource-data",
        ("training_",),
        range(0, 39),
        90_545,
        True,
        _SOURCE_PEOPLE,
        30,
    ),
    Part(
        "65-79",
        "target",
        "LeaderboardSleep/sleep_target",
        "MNE-beetlsleepleaderboard-data/sleep_target",
        ("leaderboard_",),
        range(0, 6),
        15_442,
        True,
        (33, 40, 42, 44, 47, 54),
        30,
    ),
    Part(
        "65-79",
        "test",
        "LeaderboardSleep/testing",
        "MNE-beetlsleepleaderboard-data/testing",
        ("leaderboard_",),
        range(6, 18),
        25_748,
        False,
        (51, 55, 58, 41, 53, 49, 43, 57, 46, 56, 50, 45),
        30,
    ),
    Part(
        "80-95",
        "target",
        "finalSleep/sleep_target",
        None,
        _FINAL_PREFIXES,
        range(0, 5),
        16_568,
        False,
        (60, 65, 71, 74, 75),
        20,
    ),
    Part(
        "80-95",
        "test",
        "finalSleep/testing",
        None,
        _FINAL_PREFIXES,
        range(5, 14),
        25_756,
        False,
        (70, 62, 61, 77, 64, 67, 72, 63, 66),
        20,
    ),
)
"""Every folder of the competition, in the order of the ages."""


def part(group: str, role: str) -> Part:
    """Return the competition's folder of a group and role.

    Raises
    ------
    KeyError
        If there is no such pair; user input is checked by the command line.
    """
    for candidate in PARTS:
        if (candidate.group, candidate.role) == (group, role):
            return candidate
    raise KeyError((group, role))
