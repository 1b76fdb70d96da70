"""From figshare articles to the competition's folders."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from ..data.files import COMPETITION, DataFolder
from ..errors import BeetlError, DataError, unknown
from ..task import SOURCE_GROUP, TARGET_GROUPS
from .articles import API, ARTICLES, LABELS, Article
from .client import Patient, Progress, Refused, Unreachable, fetch
from .figshare import RemoteFile, list_files
from .layout import DOWNLOADS, is_wanted, missing_files, place, place_labels
from .records import standing, write_record
from .unzip import unzip


@dataclass
class Downloaded:
    """What :func:`download` has done.

    Attributes
    ----------
    out : Path
        The data folder.
    files : dict
        Number of files by article title.
    notes : list of str
        What the user should know, one line each.
    """

    out: Path
    files: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


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
    client : Patient, optional
        Who asks; tests pass one that does not wait.
    progress : callable, optional
        ``progress(bytes there, bytes in all, file name)``.

    Returns
    -------
    Downloaded

    Raises
    ------
    BeetlError
        Something could not be had: what, why, and what to download by hand and where to put it. All articles
        were tried.
    """
    out = Path(out)
    _refuse_other_data(out)
    client = client or Patient()
    done, failures = Downloaded(out), []
    for article in [_article(group) for group in dict.fromkeys(groups)] + [LABELS] * labels:
        try:
            done.files[article.title] = _ArticleJob(article, out, client, progress, done.notes).run(api, keep_archives)
        except BeetlError as error:
            failures.append(error)
    if failures:
        raise type(failures[0])(" | ".join(str(failure) for failure in failures))
    return done


def _article(group: str) -> Article:
    for article in ARTICLES:
        if article.group == group:
            return article
    raise unknown("group", group, [article.group for article in ARTICLES])


def _refuse_other_data(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise DataError(f"{out}: is a file, expected a folder; choose another with --out")
    kind = DataFolder(out).provenance.kind if out.is_dir() else COMPETITION
    if kind != COMPETITION:
        raise DataError(
            f"{out}: holds {kind} data, which must not mix with the competition's; choose another folder with --out"
        )


@dataclass
class _ArticleJob:
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
        placed = standing(self.article, self.out, self._md5s(remote))
        if placed is None:
            files = self._by_hand() if remote is None else self._fetch(remote)
            placed = self._lay_out(files)
            missing = missing_files(self.article, self.out)
            if missing:
                raise DataError(
                    f"figshare article {self.article.number} ({self.article.title}) lacks {len(missing)} "
                    f"of its recordings, first {missing[0]}; put them into "
                    f"{(self.out / missing[0]).parent}, or {self.by_hand}"
                )
            write_record(self.article, self.out, self._md5s(remote), placed)
            if not keep_archives:
                self._tidy(remote or [])
        return len(placed)

    def _list(self, api: str) -> list[RemoteFile] | None:
        """Return what figshare offers; None if it does not say, and what is here may do."""
        try:
            return self._wanted(list_files(self.client, api, self.article))
        except (Refused, Unreachable) as error:
            if standing(self.article, self.out, None) is None and not self._by_hand():
                raise type(error)(f"{error}; {self.by_hand}") from error
            self.notes.append(
                f"{self.article.title}: figshare could not be asked ({error}); used what is there, md5 unchecked"
            )
            return None

    def _wanted(self, remote: list[RemoteFile]) -> list[RemoteFile]:
        wanted = [file for file in remote if is_wanted(self.article, file.name)]
        if not wanted:
            names = ", ".join(file.name for file in remote) or "nothing"
            raise DataError(
                f"figshare article {self.article.number} lacks {self.article.title}: expected a zip, .npy "
                f"or .txt file, got {names}; {self.by_hand}"
            )
        ours = [file for file in wanted if "sleep" in file.name.lower()]  # the motor imagery task has archives too
        return ours or wanted

    def _fetch(self, remote: list[RemoteFile]) -> list[Path]:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._refuse_full_disk(remote)
        try:
            return [
                fetch(
                    self.client,
                    file.url,
                    self.folder / file.name,
                    md5=file.md5,
                    size=file.size or None,
                    progress=self.progress,
                )
                for file in remote
            ]
        except (Refused, Unreachable) as error:
            files = self._by_hand()
            if {file.name for file in files} <= {file.name for file in remote}:
                raise type(error)(f"{error}; {self.by_hand}") from error
            self.notes.append(f"{self.article.title}: {error}; used the files in {self.folder}, md5 unchecked")
            return files

    def _refuse_full_disk(self, remote: list[RemoteFile]) -> None:
        needed = sum(file.size for file in remote if not (self.folder / file.name).exists())
        free = shutil.disk_usage(self.folder).free
        if needed > free:
            raise BeetlError(
                f"{self.folder}: {self.article.title} needs {needed / 1e9:.1f} GB and more to unpack, "
                f"{free / 1e9:.1f} GB are free; choose another --out"
            )

    def _by_hand(self) -> list[Path]:
        if not self.folder.is_dir():
            return []
        return sorted(
            path
            for path in self.folder.iterdir()
            if path.suffix.lower() in (".zip", ".npy", ".txt") and not path.name.startswith(".")
        )

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

    @staticmethod
    def _md5s(remote: list[RemoteFile] | None) -> dict[str, str] | None:
        return None if remote is None else {file.name: file.md5 for file in remote}
