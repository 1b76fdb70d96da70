"""The competition data from figshare: file lists, resumed downloads, safe unzipping, the folders laid out."""

from .competition import Downloaded, download
from .figshare import ARTICLES, LABELS, Article
from .layout import missing_files

__all__ = ["ARTICLES", "LABELS", "Article", "Downloaded", "download", "missing_files"]
