"""Runs something in a child with little time and memory, so that what asks for gigabytes fails, not the machine."""

import os
import resource
import time
from collections.abc import Callable

SECONDS, MEGABYTES = 2, 100
_ROOM = 1_000_000_000
"""Bytes of address space beyond what is taken already."""


def cheap(function: Callable[[], object]) -> str:
    """Return what came of a call in a child: "ended", or why it was dear or died."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        try:
            os.write(writing, _measured(function).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        told = pipe.read()
    status = os.waitpid(child, 0)[1]
    return told or f"died ({status}): took more than {SECONDS} s, or crashed"


def _measured(function: Callable[[], object]) -> str:
    with open("/proc/self/statm", encoding="ascii") as file:
        taken = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + _ROOM,) * 2)
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS + 1,) * 2)
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    try:
        function()
    except Exception as error:
        return f"raised {error!r}"
    seconds = time.process_time() - start
    risen = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    return "ended" if seconds < SECONDS and risen < MEGABYTES else f"took {seconds:.1f} s and {risen:.0f} MB"
