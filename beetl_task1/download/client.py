"""HTTP that is patient: waits and tries again, carries on where a transfer broke off, and checks the md5."""

import logging
import os
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from pathlib import Path

import pooch
import requests

from .. import __version__
from ..errors import BeetlError

TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})
LONGEST_WAIT = 120.0
CHUNK = 1 << 16

_HOPELESS = (requests.exceptions.MissingSchema, requests.exceptions.InvalidSchema, requests.exceptions.InvalidURL)

Progress = Callable[[int, int, str], None]


class Refused(BeetlError):
    """The server will not give it, today or tomorrow: fetch it by hand."""


class Unreachable(BeetlError):
    """The server could not be reached, or gave errors, until patience ran out."""


class Patient:
    """Asks a server, waits and asks again.

    Parameters
    ----------
    attempts : int
        Times to try without any progress before giving up.
    timeout : float
        Seconds of silence that count as a failure.
    sleep : callable
        Called with the seconds to wait; tests replace it.
    """

    def __init__(self, attempts: int = 6, timeout: float = 60.0, sleep: Callable[[float], None] = time.sleep):
        self.attempts = attempts
        self.timeout = timeout
        self.sleep = sleep
        self._session = requests.Session()
        self._session.headers.update({"User-Agent": f"beetl-task1/{__version__}", "Accept-Encoding": "identity"})

    def json(self, url: str) -> object:
        """Return the parsed answer of a GET.

        Raises
        ------
        Refused
            The server answers with a status that waiting does not mend (401, 403, 404, ...).
        Unreachable
            No answer, or only errors (429, 500, ...), after all attempts.
        """
        return self._try(url, lambda: self._open(url, stream=False).json())

    def save(self, url: str, path: Path, size: int | None, advance: Callable[[int], None]) -> None:
        """Write a file, continuing after the bytes that ``path`` already holds.

        Parameters
        ----------
        url : str
            Where the file is.
        path : Path
            The partial file; it stays when this fails, and the next call continues it.
        size : int or None
            Bytes that the whole file has, where known.
        advance : callable
            Called with the number of bytes that are there.

        Raises
        ------
        Refused, Unreachable
            As for :meth:`json`.
        """
        self._try(url, lambda: self._continue(url, path, size, advance), lambda: _bytes(path))

    def _try(self, url: str, action: Callable, progress: Callable[[], int] = lambda: 0):
        """Run ``action`` until it works; an attempt that moved ``progress`` on does not count."""
        failures, furthest = 0, progress()
        while True:
            try:
                return action()
            except _HOPELESS as error:
                raise Unreachable(f"{url}: not an address of the web; expected http(s)://...") from error
            except (requests.RequestException, _Again) as error:
                now = progress()
                failures, furthest = (1 if now > furthest else failures + 1), max(now, furthest)
                if failures >= self.attempts:
                    raise Unreachable(
                        f"{url}: {_why(error)} after {failures} attempts; try again later, what has arrived is kept"
                    ) from error
                self.sleep(_wait(error, failures))

    def _open(self, url: str, *, stream: bool, start: int = 0) -> requests.Response:
        headers = {"Range": f"bytes={start}-"} if start else {}
        response = self._session.get(url, stream=stream, timeout=self.timeout, headers=headers)
        if response.status_code in TRANSIENT:
            response.close()
            raise _Again(f"status {response.status_code}", response.headers.get("Retry-After"))
        if response.status_code not in (200, 206, 416):  # 202 is figshare's robot check, with an empty body
            response.close()
            raise Refused(f"{url}: refused with status {response.status_code}")
        return response

    def _continue(self, url: str, path: Path, size: int | None, advance: Callable[[int], None]) -> None:
        start = _bytes(path)
        if size and start == size:
            return
        with self._open(url, stream=True, start=start) as response:
            if response.status_code == 416 or not _continues(response, start):
                _forget(path)
                if response.status_code != 200:
                    raise _Again(f"cannot continue at byte {start}")
                start = 0
            with open(path, "ab") as file:
                for chunk in response.iter_content(CHUNK):
                    file.write(chunk)
                    start += len(chunk)
                    advance(start)
        if size and start < size:
            raise _Again(f"broke off at byte {start} of {size}")


def fetch(
    client: Patient, url: str, path: Path, *, md5: str, size: int | None, progress: Progress | None = None
) -> Path:
    """Download one file through :func:`pooch.retrieve`, which checks the md5 and puts it in place whole.

    Parameters
    ----------
    client : Patient
        Who asks.
    url : str
        Where the file is.
    path : Path
        Where it shall stand. If it stands there with this md5, nothing is downloaded.
    md5 : str
        The md5 that the file must have.
    size : int or None
        Its bytes, where known.
    progress : callable, optional
        ``progress(bytes there, bytes in all, file name)``.

    Raises
    ------
    Refused, Unreachable
        See :class:`Patient`.
    BeetlError
        The file arrives twice with another md5.
    """
    part = path.with_name(f".{path.name}.{md5[:12]}.part")

    def downloader(url: str, output: str, _pooch: object) -> None:
        client.save(url, part, size, lambda done: progress and progress(done, size or done, path.name))
        os.replace(part, output)

    mismatch = None
    for _ in range(2):  # the second from its first byte on, lest two halves of different files were joined
        try:
            with _quiet_pooch():
                pooch.retrieve(url, f"md5:{md5}", fname=path.name, path=path.parent, downloader=downloader)
            return path
        except ValueError as error:
            mismatch = error
    raise BeetlError(
        f"{url}: expected md5 {md5}, got another one twice; try again later, or download it by hand to {path}"
    ) from mismatch


class _Again(Exception):
    """Worth another attempt."""

    def __init__(self, why: str, retry_after: str | None = None):
        super().__init__(why)
        self.retry_after = retry_after


class _quiet_pooch:
    """Silence pooch's own messages for a while."""

    def __enter__(self):
        self._level = pooch.get_logger().level
        pooch.get_logger().setLevel(logging.CRITICAL)

    def __exit__(self, *_):
        pooch.get_logger().setLevel(self._level)


def _continues(response: requests.Response, start: int) -> bool:
    """Whether the body begins at byte ``start``."""
    if response.status_code == 200:
        return start == 0
    return response.headers.get("Content-Range", "").replace(" ", "").startswith(f"bytes{start}-")


def _wait(error: Exception, failures: int) -> float:
    asked = _seconds(getattr(error, "retry_after", None))
    return min(LONGEST_WAIT, max(asked, 2.0 ** (failures - 1)))


def _seconds(retry_after: str | None) -> float:
    """Return the seconds that a Retry-After header asks for (a number or a date); 0 if it says nothing."""
    if not retry_after:
        return 0.0
    try:
        return max(0.0, float(retry_after))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(retry_after).timestamp() - time.time())
    except (TypeError, ValueError):
        return 0.0


def _why(error: Exception) -> str:
    return str(error) if isinstance(error, _Again) else f"no usable answer ({type(error).__name__})"


def _bytes(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _forget(path: Path) -> None:
    path.unlink(missing_ok=True)
