"""figshare's API, as far as downloads need it."""

import re
from dataclasses import dataclass

from ..errors import BeetlError
from .articles import Article
from .client import Patient, Refused

_MD5 = re.compile(r"[0-9a-f]{32}")
_MAX_PAGE = 1000


@dataclass(frozen=True)
class RemoteFile:
    """A file of an article.

    Attributes
    ----------
    name : str
        Plain file name, without folders.
    url : str
        Where to download it.
    size : int
        Bytes; 0 where figshare does not say.
    md5 : str
        The md5 that figshare has computed.
    """

    name: str
    url: str
    size: int
    md5: str


def list_files(client: Patient, api: str, article: Article) -> list[RemoteFile]:
    """Return the files of an article.

    Raises
    ------
    Refused
        figshare does not show the article, or shows no files.
    BeetlError
        The answer is not a list of files.
    """
    url = f"{api.rstrip('/')}/articles/{article.number}/files?page_size={_MAX_PAGE}"
    answer = client.json(url)
    if not isinstance(answer, list):
        raise BeetlError(f"{url}: expected a list of files, got {type(answer).__name__}; try again later")
    if not answer:
        raise Refused(f"{url}: the article lists no files")
    return [_remote_file(url, entry) for entry in answer if not _is_link(entry)]


def _is_link(entry: object) -> bool:
    return isinstance(entry, dict) and bool(entry.get("is_link_only"))


def _remote_file(url: str, entry: object) -> RemoteFile:
    """Check one entry of the list; what a server sends names files on this machine."""
    if not isinstance(entry, dict):
        raise BeetlError(f"{url}: expected file entries, got {type(entry).__name__}; try again later")
    name = str(entry.get("name") or "")
    if name in ("", ".", "..") or re.search(r"[/\\:\x00-\x1f]", name) or name.startswith("."):
        raise BeetlError(f"{url}: the file name {name!r} is not a plain name; nothing was downloaded")
    md5 = str(entry.get("computed_md5") or entry.get("supplied_md5") or "").lower()
    if not _MD5.fullmatch(md5):
        raise BeetlError(f"{url}: {name} has no md5 to check (got {md5!r}); try again later")
    address = str(entry.get("download_url") or "")
    if not address.startswith(("https://", "http://")):
        raise BeetlError(f"{url}: {name} has no address to download from (got {address!r}); try again later")
    return RemoteFile(name, address, int(entry.get("size") or 0), md5)
