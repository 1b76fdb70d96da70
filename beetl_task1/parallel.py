"""The same work on the cores of this machine, by joblib, or on a Dask cluster, by its own client.

joblib's Dask backend is left aside: it waits for ever for a task whose workers all died, and keeps big arguments on
single workers, with which they are lost.
"""

import contextlib
import ctypes
import itertools
import os
import sys
import traceback
import uuid
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from joblib import Parallel, delayed

from .errors import BeetlError, ClusterError

if TYPE_CHECKING:
    from distributed import Client

Result = TypeVar("Result")
_CLIENT: ContextVar["Client | None"] = ContextVar("client", default=None)
WINDOW = 1000
"""Calls that the scheduler holds at a time."""
MOST = 4
"""Models that are fitted at a time on one machine."""
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
START = "start one with: dask scheduler --port 8786, and on each machine: dask worker HOST:8786 --nthreads 1"


def at_once(jobs: int) -> int:
    """Return how many models to fit at a time on this machine: each holds a table of its own (1 GB at full size).

    On a cluster that is for its workers to say, and 1 here.
    """
    return 1 if elsewhere() else max(1, min(jobs, MOST))


def elsewhere() -> bool:
    """Whether work goes to a cluster."""
    return _CLIENT.get() is not None


@contextlib.contextmanager
def cluster(address: str) -> Iterator[None]:
    """Send what :func:`each` is given to a Dask cluster while the block runs.

    Every worker must see data, cache and checkpoints under the paths that they have here.

    Parameters
    ----------
    address : str
        Of the scheduler, such as ``"tcp://node1:8786"``.

    Raises
    ------
    BeetlError
        If Dask is not installed, or no scheduler answers.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise BeetlError("a Dask cluster needs an extra: pip install 'beetl-task1[cluster]'") from error
    try:
        client = Client(address, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise ClusterError(f"no Dask scheduler answers at {address}; {START}") from error
    token = _CLIENT.set(client)
    try:
        yield
    finally:
        _CLIENT.reset(token)
        client.close()


def each(
    function: Callable[..., Result],
    arguments: Iterable[tuple[Any, ...]],
    jobs: int = 1,
    *,
    threads: bool = False,
    ordered: bool = True,
    sent: bool = True,
) -> Iterator[Result]:
    """Call a function with each tuple of arguments, and yield what it returns as it comes.

    Parameters
    ----------
    function : callable
        Of a module, since it is named to the process that runs it. It may run twice: a worker may die at its end.
    arguments : iterable of tuple
        Made when they are needed.
    jobs : int
        Calls at a time on this machine; a cluster has as many as its workers have threads.
    threads : bool
        Whether threads do the work on this machine, not processes.
    ordered : bool
        Whether results come in the order of the arguments.
    sent : bool
        Whether a cluster takes the calls; else they are for this machine, always.

    Raises
    ------
    BeetlError
        If the cluster is gone, or a call killed each worker that took it.
    """
    client = _CLIENT.get()
    if client is not None and sent:
        return _sent(client, function, arguments, ordered)
    if threads and jobs != 1:
        _keep_freed()
    elif jobs != 1:  # a worker that has grown is replaced between two calls, of which nobody need know
        warnings.filterwarnings("ignore", message="A worker stopped while some jobs were given")
    return _here(function, arguments, jobs, threads, ordered)


def _here(
    function: Callable[..., Result], arguments: Iterable[tuple[Any, ...]], jobs: int, threads: bool, ordered: bool
) -> Iterator[Result]:
    """Call on this machine; where a call fails, those that run come to their end first, and no other begins.

    joblib would kill their processes, and the end of the command their threads, in the middle of a write.
    """
    failed: list[Exception] = []
    found = Parallel(
        n_jobs=jobs,
        prefer="threads" if threads else None,
        pre_dispatch="n_jobs",
        return_as="generator" if ordered else "generator_unordered",
    )(delayed(_tried)(function, each) for each in itertools.takewhile(lambda _: not failed, arguments))
    for result, error, where in found:
        if error is not None:
            failed.append(error)
            if error.__traceback__ is None:  # lost on the way out of a process
                error.add_note(where)
        elif not failed:
            yield cast(Result, result)
    if failed:
        raise failed[0]


def _tried(function: Callable[..., Result], arguments: tuple[Any, ...]) -> tuple[Result | None, Exception | None, str]:
    try:
        return function(*arguments), None, ""
    except Exception as error:
        return None, error, traceback.format_exc()


def _keep_freed() -> None:
    """Have glibc keep up to 256 MB of what is freed: threads that get new pages for each array wait for one another."""
    mallopt: Any = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, 32 << 20)
        mallopt(_TRIM_THRESHOLD, 256 << 20)


def check_shared(folder: Path | None) -> None:
    """Refuse a folder that is not the same one for the workers; nothing is asked without a cluster."""
    client = _CLIENT.get()
    if client is None or folder is None:
        return
    token = Path(folder).absolute() / f".shared-{uuid.uuid4().hex}"
    token.parent.mkdir(parents=True, exist_ok=True)
    token.touch()
    try:
        blind = sorted(worker for worker, sees in client.run(os.path.exists, str(token)).items() if not sees)
    finally:
        token.unlink()
    if blind:
        more = f" and {len(blind) - 1} more" if len(blind) > 1 else ""
        which = f"{folder}: not the same folder for the worker {blind[0]}{more}"
        raise BeetlError(f"{which}; name with --cache one that all machines share")


def _sent(
    client: "Client", function: Callable[..., Result], arguments: Iterable[tuple[Any, ...]], ordered: bool
) -> Iterator[Result]:
    """Submit calls, more of them than there are workers, which may join, and fetch each result when it is there."""
    from distributed import as_completed

    here, calls = os.getcwd(), enumerate(arguments)
    futures: dict[Any, int] = {}
    held: dict[int, Result] = {}
    coming = as_completed([], loop=client.loop, with_results=True)

    def submit(most: int) -> None:
        for place, each in itertools.islice(calls, most):
            future = client.submit(_there, here, function, *each, pure=False)
            futures[future] = place
            coming.add(future)

    following = 0
    try:
        with _told_in_one_line(function.__name__):
            submit(WINDOW)
            for future, result in coming:
                if future.cancelled():  # as all are without a scheduler
                    raise ClusterError("the Dask scheduler is gone; what was finished is kept: run the command again")
                place = futures.pop(future)
                held[place if ordered else following] = result
                future.release()
                submit(1)
                while following in held:
                    yield held.pop(following)
                    following += 1
    finally:
        client.cancel(list(futures))


@contextlib.contextmanager
def _told_in_one_line(name: str) -> Iterator[None]:
    """Tell of workers that die of a call, or cannot read it."""
    from distributed.scheduler import KilledWorker

    try:
        yield
    except KilledWorker as error:
        raise BeetlError(f"{name} killed 4 workers: too little memory? See the logs of the workers") from error
    except RuntimeError as error:
        if "deserialization" not in str(error):
            raise
        what = "a worker does not understand the work; install this beetl-task1 and its libraries there"
        raise BeetlError(what) from error


def _there(folder: str, function: Callable[..., Result], *arguments: Any) -> Result:
    """Call a function on a worker, in the folder of the command, so that paths mean the same."""
    try:
        os.chdir(folder)
    except OSError as error:
        raise BeetlError(
            f"{folder}: not there on a worker; start the command and the workers in a shared folder"
        ) from error
    return function(*arguments)
