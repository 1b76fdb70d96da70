"""What an earlier download has left, so that a second one need not come."""

import json
from pathlib import Path

from ..writing import write_text
from .articles import Article
from .layout import DOWNLOADS, missing_files


def write_record(article: Article, out: Path, md5s: dict[str, str] | None, placed: dict[str, int]) -> None:
    """Note that an article is complete.

    Parameters
    ----------
    article : Article
        Which.
    out : Path
        The data folder.
    md5s : dict or None
        The md5 of figshare's files by name, where known.
    placed : dict
        Bytes by path below ``out``.
    """
    record = {"article": article.number, "md5": md5s, "placed": placed}
    write_text(_path(article, out), json.dumps(record, indent=1) + "\n")


def standing(article: Article, out: Path, md5s: dict[str, str] | None) -> dict[str, int] | None:
    """Return the files (bytes by path) if the article is complete, else None.

    With a record, its files must stand in their sizes and figshare must still have the same; without one, which is
    so for data unpacked by hand, every recording must be there.
    """
    try:
        record = json.loads(_path(article, out).read_text(encoding="utf-8"))
        placed = {str(name): int(size) for name, size in record["placed"].items()}
    except FileNotFoundError:
        return None if article.labels or missing_files(article, out) else _present(article, out)
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return None
    whole = all((out / name).is_file() and (out / name).stat().st_size == size for name, size in placed.items())
    same = md5s is None or record.get("md5") in (None, md5s)
    return placed if placed and whole and same else None


def _path(article: Article, out: Path) -> Path:
    return out / DOWNLOADS / f"{article.number}.json"


def _present(article: Article, out: Path) -> dict[str, int]:
    return {
        path.relative_to(out).as_posix(): path.stat().st_size
        for folder in article.folders
        for path in sorted((out / folder).glob("*.npy"))
    }
