"""What the organisers have put on figshare, and figshare's API as far as downloads need it."""

import re
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pooch

from ..errors import BeetlError
from ..progress import Progress
from ..task import N_CHANS, N_TIMES, PARTS, SOURCE_GROUP, Part
from .client import Patient, Refused

API = "https://api.figshare.com/v2"
TUTORIAL = "tutorial"
EPOCH_BYTES = N_CHANS * N_TIMES * 8
SMALLEST_LIMIT = 2 * 1024**3
"""Bytes that any article may unpack to, however small its recordings are."""
_PLAIN_NAME = re.compile(r"[^./\\:\x00-\x1f][^/\\:\x00-\x1f]*")


@dataclass(frozen=True)
class Article:
    """One figshare article."""

    number: int
    group: str
    """Age group of its recordings, or ``"tutorial"``."""
    title: str
    """What it holds, for messages."""
    labels: bool = False
    """Whether it holds a plain list of labels instead of recordings."""

    @property
    def page(self) -> str:
        """Address where a browser finds the article."""
        return f"https://figshare.com/articles/dataset/_/{self.number}"

    @property
    def parts(self) -> tuple[Part, ...]:
        """The competition's folders that the article fills (none for the tutorial and for labels)."""
        return () if self.labels else tuple(part for part in PARTS if part.group == self.group)

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


class RemoteFile(msgspec.Struct, frozen=True):
    """A file of an article, as figshare lists it."""

    name: str = ""
    url: str = msgspec.field(default="", name="download_url")
    size: int = 0
    """Bytes; 0 where figshare does not say."""
    computed_md5: str | None = None
    supplied_md5: str | None = None
    is_link_only: bool | None = None

    @property
    def md5(self) -> str:
        """The md5 that the file must have, in small letters."""
        return (self.computed_md5 or self.supplied_md5 or "").lower()


def list_files(client: Patient, api: str, article: Article) -> list[RemoteFile]:
    """Return the files of an article; ``Refused`` where figshare does not show it, or shows no files."""
    url = f"{api.rstrip('/')}/articles/{article.number}/files?page_size=1000"
    try:
        listed = msgspec.convert(client.json(url), list[RemoteFile])
    except msgspec.ValidationError as error:
        raise BeetlError(f"{url}: expected a list of files, got another answer ({error}); try again later") from error
    if not listed:
        raise Refused(f"{url}: the article lists no files")
    files = [file for file in listed if not file.is_link_only]
    for file in files:  # what a server sends names files on this machine
        if not _PLAIN_NAME.fullmatch(file.name):
            raise BeetlError(f"{url}: the file name {file.name!r} is not a plain name; nothing was downloaded")
        if not re.fullmatch("[0-9a-f]{32}", file.md5):
            raise BeetlError(f"{url}: {file.name} has no md5 to check (got {file.md5!r}); try again later")
        if not file.url.startswith(("https://", "http://")):
            raise BeetlError(f"{url}: {file.name} has no address to download from (got {file.url!r}); try again later")
    return files


def fetch(client: Patient, file: RemoteFile, folder: Path, progress: Progress | None = None) -> Path:
    """Download one file; it appears in the folder whole and checked. With its md5 there, nothing is downloaded.

    ``progress`` is told the bytes there, the bytes in all and the file's name. Raises as :meth:`Patient.json`, and a
    ``BeetlError`` where the file arrives twice with another md5.
    """
    path, part = folder / file.name, folder / f".{file.name}.{file.md5[:12]}.part"
    if path.exists() and pooch.file_hash(path, alg="md5") == file.md5:
        return path
    for _ in range(2):  # the second time from its first byte on: halves of different files may have been joined
        client.save(file.url, part, file.size, lambda done: progress and progress(done, file.size or done, file.name))
        if pooch.file_hash(part, alg="md5") == file.md5:
            return part.replace(path)
        part.unlink()
    what = f"{file.url}: expected md5 {file.md5}, got another one twice"
    raise BeetlError(f"{what}; try again later, or download it by hand to {path}")
