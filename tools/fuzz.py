"""Read inputs that nobody would write, and count those that are read, refused in one line, or find a fault.

    python tools/fuzz.py pickles --inputs 1000000
    python tools/fuzz.py zips answers labels --inputs 20000
    python tools/fuzz.py pickles --seed 3 --only 4711

An input is made of its target, the seed and its number alone, so that `--only` makes it again. They are read in
children with 1 GB of memory to spare; one that works for more than 5 s is ended, and the next begins behind it. A
fault is an error that is not ours or not in one line, a second of work or 100 MB for one input, a child that dies, or
anything written beside the input.
"""

import argparse
import contextlib
import mmap
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from pathlib import Path

from fuzz_targets import TARGETS, Target

from beetl_task1.errors import BeetlError

ROOM = 1_000_000_000
"""Bytes of address space beyond what a child begins with."""
LONGEST, SLOW, LARGE = 5.0, 1.0, 100.0
"""Seconds after which a child is ended; seconds and MB from which an input is a fault."""
_LISTED = 5


def main() -> None:
    """Fuzz what is asked for, and exit with 1 where a fault was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*", choices=[*TARGETS, []], help="all by default")
    parser.add_argument("--inputs", type=int, default=2000, help="for each target")
    parser.add_argument("--seconds", type=float, default=900, help="after which no further input of a target is tried")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, help="read this input here, without limits, and show what comes of it")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    faults = 0
    for name in args.targets or TARGETS:
        target = TARGETS[name]()
        if args.only is not None:
            again(name, target, args.seed, args.only)
            continue
        start, (counts, found) = time.monotonic(), fuzz(name, target, args)
        told = ", ".join(f"{count:,} {what}" for what, count in sorted(counts.items()))
        rate = sum(counts.values()) / (time.monotonic() - start)
        print(f"{name}: {sum(counts.values()):,} inputs ({rate:,.0f} a second): {told or 'nothing'}", flush=True)
        for what, numbers in found.items():
            print(f"  {what}: {len(numbers)}, such as --only {', '.join(map(str, numbers[:_LISTED]))}", flush=True)
        faults += len(found)
    sys.exit(1 if faults else 0)


def again(name: str, target: Target, seed: int, number: int) -> None:
    """Show one input and what its reader says."""
    file_name, content = target.make(random.Random(f"{name}-{seed}-{number}"))
    print(f"{file_name}: {content!r}")
    with tempfile.TemporaryDirectory() as folder:
        print(target.read(Path(folder), file_name, content))


def fuzz(name: str, target: Target, args: argparse.Namespace) -> tuple[Counter[str], dict[str, list[int]]]:
    """Run children over all inputs; one that dies is followed by another, which goes on behind its input."""
    counts: Counter[str] = Counter()
    found: dict[str, list[int]] = {}
    number, end = 0, time.monotonic() + args.seconds
    while number < args.inputs and time.monotonic() < end:
        with tempfile.TemporaryDirectory() as folder, mmap.mmap(-1, 8) as at, open(Path(folder, "log"), "w+b") as log:
            at[:] = number.to_bytes(8, "little")
            child = os.fork()
            if child == 0:
                _child(name, target, args, end, (at, log, Path(folder, "files")))
            status = os.waitpid(child, 0)[1]
            number = int.from_bytes(at[:], "little")
            log.seek(0)
            for line in log.read().decode().splitlines():
                what, _, n = line.rpartition("\t")
                if n.startswith("x"):
                    counts[what] += int(n[1:])
                else:
                    found.setdefault(what, []).append(int(n))
            if status:
                found.setdefault(f"child ended by {os.WTERMSIG(status)}", []).append(number)
                counts["faults"] += 1
                number += 1
    return counts, found


def _child(name: str, target: Target, args: argparse.Namespace, end: float, shared: tuple) -> None:
    at, log, folder = shared
    with open("/proc/self/statm", encoding="ascii") as file:
        taken = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + ROOM,) * 2)
    sink = os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, 2)
    counts: Counter[str] = Counter()

    def tell() -> None:
        log.write("".join(f"{what}\tx{count}\n" for what, count in counts.items()).encode())
        log.flush()
        counts.clear()

    for number in range(int.from_bytes(at[:], "little"), args.inputs):
        at[:] = number.to_bytes(8, "little")
        if number % 100 == 0:
            tell()
            if time.monotonic() > end:
                os._exit(0)
        signal.setitimer(signal.ITIMER_PROF, LONGEST)
        signal.setitimer(signal.ITIMER_REAL, 20 * LONGEST)
        what = one(target, random.Random(f"{name}-{args.seed}-{number}"), folder)
        if what not in ("read", "refused"):
            log.write(f"{what}\t{number}\n".encode())
            what = "faults"
        counts[what] += 1
    at[:] = args.inputs.to_bytes(8, "little")
    tell()
    os._exit(0)


def one(target: Target, rng: random.Random, folder: Path) -> str:
    """Return what came of one input."""
    return outcome(target, *target.make(rng), folder)


def outcome(target: Target, name: str, content: bytes, folder: Path) -> str:
    """Return what came of a file: read or refused, or what is wrong with that."""
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir()
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    what = "read"
    try:
        with contextlib.redirect_stdout(None):
            target.read(folder, name, content)
    except BeetlError as error:
        what = "refused" if len(str(error).splitlines()) == 1 else "an error of several lines"
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__} in {Path(place.filename).name}:{place.lineno}"
    beside = {path.name for path in folder.iterdir()} - {name, "out"}
    risen = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    if time.process_time() - start > SLOW or risen > LARGE:
        return "took long" if risen < LARGE else "took much memory"
    return f"wrote {beside}" if beside else what


if __name__ == "__main__":
    main()
