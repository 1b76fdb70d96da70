"""HTTP that is patient: waits and tries again and carries on where a transfer broke off."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import InvalidHeader
from urllib3.util import Retry

from .. import __version__
from ..errors import BeetlError

TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})
LONGEST_WAIT = 120.0
CHUNK = 1 << 16
CONNECT = 5.0
"""Seconds after which an address that says nothing counts as out of reach."""
T = TypeVar("T")
_HOPELESS = (requests.exceptions.MissingSchema, requests.exceptions.InvalidSchema, requests.exceptions.InvalidURL)


class Refused(BeetlError):
    """The server will not give it, today or tomorrow: fetch it by hand."""


class Unreachable(BeetlError):
    """The server could not be reached, or gave errors, until patience ran out."""


class _BrokenOff(requests.RequestException):
    """A transfer that ended early: worth another attempt."""


class _Waits(Retry):
    """Waits 1, 2, 4, ... seconds or as long as the server asks for, two minutes at most."""

    def get_backoff_time(self) -> float:
        return _wait(len(self.history))

    def parse_retry_after(self, retry_after: str) -> float:
        try:
            return min(super().parse_retry_after(retry_after), LONGEST_WAIT)
        except InvalidHeader:
            return 0.0


class Patient:
    """Asks a server, waits and asks again, until ``attempts`` brought nothing; ``timeout`` seconds of silence fail.

    Until any server was ``reached``, patience would only hide that there is no network: connecting is tried twice, and
    later requests fail at once.
    """

    def __init__(self, attempts: int = 6, timeout: float = 60.0):
        self.attempts, self.timeout = attempts, timeout
        self._session = requests.Session()
        self._session.headers.update({"User-Agent": f"beetl-task1/{__version__}", "Accept-Encoding": "identity"})
        self.reached, self._lost = False, False
        self._be_patient(connect=min(1, attempts - 1))

    def _be_patient(self, connect: int) -> None:
        retries = _Waits(
            self.attempts - 1, connect=connect, other=connect, status_forcelist=TRANSIENT, raise_on_status=False
        )
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, HTTPAdapter(max_retries=retries))

    def json(self, url: str) -> Any:
        """Return the parsed answer of a GET.

        Raises
        ------
        Refused
            The server answers with a status that waiting does not mend (401, 403, 404, ...).
        Unreachable
            No answer, or only errors (429, 500, ...), after all attempts.
        """
        return self._resume(url, lambda: self._open(url).json(), lambda: 0)

    def save(self, url: str, path: Path, size: int, advance: Callable[[int], object]) -> None:
        """Write a file of ``size`` bytes (0 if unknown), continuing after those that ``path`` already holds.

        Raises as :meth:`json`; the partial file stays, and the next call continues it. ``advance`` is told the bytes.
        """
        self._resume(url, lambda: self._continue(url, path, size, advance), lambda: _bytes(path))

    def _resume(self, url: str, action: Callable[[], T], there: Callable[[], int]) -> T:
        """Return what ``action`` does; where its answer breaks off, try again as long as more bytes get ``there``."""
        failures, furthest = 0, there()
        while True:
            try:
                return action()
            except requests.RequestException as error:
                failures, furthest = 1 if there() > furthest else failures + 1, max(there(), furthest)
                if failures >= self.attempts:
                    raise self._unreachable(url, error) from error
                time.sleep(_wait(failures))

    def _open(self, url: str, start: int = 0) -> requests.Response:
        headers = {"Range": f"bytes={start}-"} if start else {}
        if self._lost:
            raise self._no_network(url)
        try:
            timeout = (min(CONNECT, self.timeout), self.timeout)
            response = self._session.get(url, stream=True, timeout=timeout, headers=headers)
        except _HOPELESS as error:
            raise Unreachable(f"{url}: not an address of the web; expected http(s)://...") from error
        except requests.ConnectionError as error:
            self._lost = not self.reached
            raise (self._no_network(url) if self._lost else self._unreachable(url, error)) from error
        except requests.RequestException as error:
            raise self._unreachable(url, error) from error
        if not self.reached:
            self.reached = True
            self._be_patient(connect=self.attempts - 1)
        if response.status_code in (200, 206, 416):  # 202 is figshare's robot check, with an empty body
            return response
        response.close()
        if response.status_code in TRANSIENT:
            raise self._unreachable(url, _BrokenOff(f"status {response.status_code}"))
        raise Refused(f"{url}: refused with status {response.status_code}")

    def _continue(self, url: str, path: Path, size: int, advance: Callable[[int], object]) -> None:
        start = _bytes(path)
        if size and start == size:
            return
        with self._open(url, start) as response:
            if response.status_code == 200:
                start = 0
            elif not response.headers.get("Content-Range", "").replace(" ", "").startswith(f"bytes{start}-"):
                path.unlink(missing_ok=True)
                raise _BrokenOff(f"cannot continue at byte {start}")
            with open(path, "ab" if start else "wb") as file:
                for chunk in response.iter_content(CHUNK):
                    file.write(chunk)
                    start += len(chunk)
                    advance(start)
        if size and start < size:
            raise _BrokenOff(f"broke off at byte {start} of {size}")

    def _no_network(self, url: str) -> Unreachable:
        why = f"no usable answer (no connection) after {min(2, self.attempts)} attempts"
        return Unreachable(f"{url}: {why}; check the network and try again, what has arrived is kept")

    def _unreachable(self, url: str, error: Exception) -> Unreachable:
        why = str(error) if isinstance(error, _BrokenOff) else f"no usable answer ({type(error).__name__})"
        return Unreachable(f"{url}: {why} after {self.attempts} attempts; try again later, what has arrived is kept")


def _wait(failures: int) -> float:
    return min(2.0 ** (failures - 1), LONGEST_WAIT)


def _bytes(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
