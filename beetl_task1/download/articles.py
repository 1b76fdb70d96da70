"""What the organisers have put on figshare."""

from dataclasses import dataclass

from ..task import N_CHANS, N_TIMES, PARTS, SOURCE_GROUP, Part

API = "https://api.figshare.com/v2"
TUTORIAL = "tutorial"
TUTORIAL_FOLDER = "SleepTutorial"

EPOCH_BYTES = N_CHANS * N_TIMES * 8
SMALLEST_LIMIT = 2 * 1024**3
"""Bytes that any article may unpack to, however small its recordings are."""


@dataclass(frozen=True)
class Article:
    """One figshare article.

    Attributes
    ----------
    number : int
        The article's number on figshare.
    group : str
        Age group of its recordings, or ``"tutorial"``.
    title : str
        What it holds, for messages.
    labels : bool
        Whether it holds a plain list of labels instead of recordings.
    """

    number: int
    group: str
    title: str
    labels: bool = False

    @property
    def page(self) -> str:
        """Address where a browser finds the article."""
        return f"https://figshare.com/articles/dataset/_/{self.number}"

    @property
    def parts(self) -> tuple[Part, ...]:
        """The competition's folders that the article fills (none for the tutorial and for labels)."""
        return () if self.labels else tuple(part for part in PARTS if part.group == self.group)

    @property
    def folders(self) -> tuple[str, ...]:
        """The folders that the article's recordings go to."""
        return tuple(part.folder for part in self.parts) or (TUTORIAL_FOLDER,)

    @property
    def unpacked_limit(self) -> int:
        """Bytes to which the article may unpack: half as much again as its recordings take."""
        return max(SMALLEST_LIMIT, sum(part.n_epochs for part in self.parts) * EPOCH_BYTES * 3 // 2)


ARTICLES = (
    Article(14839659, SOURCE_GROUP, "SleepSource"),
    Article(14839653, "65-79", "LeaderboardSleep"),
    Article(16586225, "80-95", "finalSleep"),
    Article(14779407, TUTORIAL, "the tutorial's recordings"),
)
LABELS = Article(21602622, "80-95", "the final phase's true labels (final_sleep_label.txt)", labels=True)
