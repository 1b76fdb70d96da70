"""From figshare articles to the competition's folders."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from ..data.files import COMPETITION, DataFolder
from ..errors import BeetlError, DataError, unknown
from ..progress import Progress
from ..task import SOURCE_GROUP, TARGET_GROUPS
from .client import Patient, Refused, Unreachable
from .figshare import API, ARTICLES, LABELS, Article, RemoteFile, fetch, list_files
from .layout import DOWNLOADS, in_place, missing_files, place, place_labels, write_record
from .unzip import unzip


@dataclass
class Downloaded:
    """What :func:`download` has done."""

    files: dict[str, int] = field(default_factory=dict)
    """Number of files by article title."""
    notes: list[str] = field(default_factory=list)
    """What the user should know, one line each."""


def download(
    out: str | Path,
    groups: Sequence[str] = (SOURCE_GROUP, *TARGET_GROUPS),
    *,
    labels: bool = False,
    keep_archives: bool = False,
    api: str = API,
    client: Patient | None = None,
    progress: Progress | None = None,
) -> Downloaded:
    """Download the competition's recordings and lay out its folders.

    What is already complete is left alone; what broke off is continued. One article that cannot be had does not
    keep the others from coming.

    Parameters
    ----------
    out : path
        The data folder; made if missing.
    groups : sequence of str
        Age groups, and ``"tutorial"``.
    labels : bool
        Also fetch the final phase's true labels, to ``truth/80-95.txt``. They are for scoring only.
    keep_archives : bool
        Keep the zips after unpacking.
    api : str
        Where figshare's API answers.
    progress : callable, optional
        Called with the bytes there, the bytes in all and the file's name.

    Raises
    ------
    BeetlError
        Something could not be had: what, why, and what to download by hand and where to put it. All articles
        were tried.
    """
    out = Path(out)
    _refuse_other_data(out)
    client = client or Patient()
    known = {article.group: article for article in ARTICLES}
    stranger = next((group for group in groups if group not in known), None)
    if stranger is not None:
        raise unknown("group", stranger, known)
    done, failures = Downloaded(), []
    for article in [known[group] for group in dict.fromkeys(groups)] + [LABELS] * labels:
        try:
            done.files[article.title] = _Job(article, out, client, progress, done.notes).run(api, keep_archives)
        except BeetlError as error:
            failures.append(error)
    if failures and not client.reached and isinstance(failures[0], Unreachable):
        more = f" (so for {len(failures) - 1} more articles)" if len(failures) > 1 else ""
        raise Unreachable(f"{failures[0]}{more}")
    if failures:
        raise type(failures[0])(" | ".join(map(str, failures)))
    return done


def _refuse_other_data(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise DataError(f"{out}: is a file, expected a folder; choose another with --out")
    kind = DataFolder(out).provenance.kind if out.is_dir() else COMPETITION
    if kind != COMPETITION:
        what = f"{out}: holds {kind} data, which must not mix with the competition's"
        raise DataError(f"{what}; choose another folder with --out")


@dataclass
class _Job:
    """The way of one article to the data folder."""

    article: Article
    out: Path
    client: Patient
    progress: Progress | None
    notes: list[str]

    @property
    def folder(self) -> Path:
        return self.out / DOWNLOADS / str(self.article.number)

    @property
    def by_hand(self) -> str:
        return f"download {self.article.page} by hand and put its files into {self.folder}, then run this again"

    def run(self, api: str, keep_archives: bool) -> int:
        """Return the number of files that are in place at the end."""
        remote = self._list(api)
        md5s = None if remote is None else {file.name: file.md5 for file in remote}
        placed = in_place(self.article, self.out, md5s)
        if placed is None:
            placed = self._lay_out(self._there() if remote is None else self._fetch(remote))
            missing = missing_files(self.article, self.out)
            if missing:
                what = f"figshare article {self.article.number} ({self.article.title}) lacks {len(missing)}"
                where = f"put them into {(self.out / missing[0]).parent}, or {self.by_hand}"
                raise DataError(f"{what} of its recordings, first {missing[0]}; {where}", "missing")
            write_record(self.article, self.out, md5s, placed)
            if not keep_archives:
                self._tidy(remote or [])
        return len(placed)

    def _list(self, api: str) -> list[RemoteFile] | None:
        """Return what figshare offers; None if it does not say, and what is here may do."""
        try:
            return self._wanted(list_files(self.client, api, self.article))
        except (Refused, Unreachable) as error:
            if in_place(self.article, self.out, None) is None and not self._there():
                raise type(error)(f"{error}; {self.by_hand}") from error
            note = f"figshare could not be asked ({error}); used what is there, md5 unchecked"
            self.notes.append(f"{self.article.title}: {note}")
            return None

    def _wanted(self, remote: list[RemoteFile]) -> list[RemoteFile]:
        endings = ".txt" if self.article.labels else (".zip", ".npy")
        found = [file for file in remote if file.name.lower().endswith(endings)]
        ours = [file for file in found if "sleep" in file.name.lower()]  # the motor imagery task has archives too
        if ours or (found and not self.article.labels):
            return ours or found
        names = ", ".join(file.name for file in remote) or "nothing"
        what = f"figshare article {self.article.number} lacks {self.article.title}: expected a zip, .npy or .txt file"
        raise DataError(f"{what}, got {names}; {self.by_hand}", "missing")

    def _fetch(self, remote: list[RemoteFile]) -> list[Path]:
        self.folder.mkdir(parents=True, exist_ok=True)
        needed = sum(file.size for file in remote if not (self.folder / file.name).exists())
        free = shutil.disk_usage(self.folder).free
        if needed > free:
            what = f"{self.folder}: {self.article.title} needs {needed / 1e9:.1f} GB and more to unpack"
            raise BeetlError(f"{what}, {free / 1e9:.1f} GB are free; choose another --out")
        try:
            return [fetch(self.client, file, self.folder, self.progress) for file in remote]
        except (Refused, Unreachable) as error:
            files = self._there()
            if {file.name for file in files} <= {file.name for file in remote}:
                raise type(error)(f"{error}; {self.by_hand}") from error
            self.notes.append(f"{self.article.title}: {error}; used the files in {self.folder}, md5 unchecked")
            return files

    def _there(self) -> list[Path]:
        """Return the files that were fetched, or put there by hand."""
        return sorted(path for path in self.folder.glob("[!.]*") if path.suffix.lower() in (".zip", ".npy", ".txt"))

    def _lay_out(self, files: list[Path]) -> dict[str, int]:
        if self.article.labels:
            return place_labels(files, self.article, self.out, self.notes)
        loose = [(PurePath(path.name), path) for path in files if path.suffix.lower() != ".zip"]
        work = self.out / DOWNLOADS / f".unpacking-{self.article.number}"
        shutil.rmtree(work, ignore_errors=True)
        try:
            for archive in (path for path in files if path.suffix.lower() == ".zip"):
                target = work / archive.stem
                target.mkdir(parents=True, exist_ok=True)
                unpacked = unzip(archive, target, limit=self.article.unpacked_limit)
                loose += [(path.relative_to(target), path) for path in unpacked]
            return place(loose, self.article, self.out)
        finally:
            shutil.rmtree(work, ignore_errors=True)

    def _tidy(self, remote: list[RemoteFile]) -> None:
        """Remove the archives that figshare can give again; others were put there by hand and stay."""
        for file in remote:
            (self.folder / file.name).unlink(missing_ok=True)
        if self.folder.is_dir() and not any(self.folder.iterdir()):
            self.folder.rmdir()
