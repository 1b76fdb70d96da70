"""Kill long commands with SIGKILL at random moments, and look whether what they leave is old or new, and goes on.

    python tools/kills.py
    python tools/kills.py train submit --kills 20 --seed 1

On a tiny simulated competition. Half of the moments are times, half are steps: before or after the file system is asked
to rename, remove or keep a file. After each kill, every file must be the old one or the new one, byte by byte, and the
command run again must end with the bytes of an undisturbed run. Hidden files of a write that was killed may be left.
"""

import argparse
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from beetl_task1 import task
from beetl_task1.data.recording import RecordingKey
from beetl_task1.models.training import STATES
from beetl_task1.simulate import Slot, tree
from beetl_task1.store import Store
from beetl_task1.writing import LEFT, LOCK

_SUBJECTS = ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (2, 6), (2, 10), (3, 0), (3, 1), (4, 5))
SLOTS = tuple(Slot(task.PARTS[p], RecordingKey(task.PARTS[p].group, subject, 1), 48) for p, subject in _SUBJECTS)
"""Nights of the tiny competition: some of every folder."""
NETWORK = """description = "a network of few passes"
model = "eegnet"

[training]
passes = 3
"""
_SHARED = ("--data=data", "--group=65-79", "--cache=cache", "--jobs=1")
_PLACES = (*_SHARED, "--checkpoints=checkpoints")
_OUT = (*_PLACES, "--submissions=submissions")
_NEW = ("--recipe=features-mean", "--seed=1")
_TRAIN, _PREDICT = ("train", *_PLACES, *_NEW), ("predict", *_OUT, "--recipe=features-mean")
_PACKAGE = ("package", "--data=data", "--group=65-79", "--submissions=submissions", "--recipe=features-mean")
_STAGE = ("stage", "night.edf", "--group=65-79", "--checkpoints=checkpoints", "--recipe=features-mean",
          "--allow-simulated", "--out=staged", "--jobs=1")  # fmt: skip
Words = tuple[str, ...]
OLD: tuple[Words, ...] = (
    ("simulate", "--out=data", "--jobs=1"),
    ("submit", *_OUT, "--recipe=features-mean"),
    _STAGE,
)
"""What was there before."""
CASES: Mapping[str, tuple[tuple[Words, ...], Words]] = {
    "simulate": ((), ("simulate", "--out=made", "--jobs=1", "--seed=1")),
    "train": ((), _TRAIN),
    "train, a network": ((), ("train", *_PLACES, "--recipe=mine.toml")),
    "validate": ((), ("validate", *_PLACES, *_NEW, "--report=report.html")),
    "predict": ((_TRAIN,), _PREDICT),
    "package": ((_TRAIN, _PREDICT), _PACKAGE),
    "submit": ((), ("submit", *_OUT, *_NEW)),
    "stage": ((_TRAIN,), _STAGE),
}
"""By what is killed: the commands that run before it, and the command itself."""
WORK = Path("work")
_TIMES = {"log.csv": re.compile(rb"(?m)^[^,]*,"), "history-seed0.csv": re.compile(rb"(?m)[^,]*,[^,]*$")}
_STEPS = ("replace", "unlink", "fsync")


def main() -> None:
    """Kill what is asked for, and exit with 1 where something was torn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", choices=[*CASES, []], help="all by default")
    parser.add_argument("--kills", type=int, default=50, help="of each command")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    faults = 0
    with tempfile.TemporaryDirectory() as temporary:
        os.chdir(temporary)
        begin()
        for name in args.cases or CASES:
            rng = random.Random(f"{name}-{args.seed}")
            faults += case(name, rng, args.kills)
        os.chdir("/")
    sys.exit(1 if faults else 0)


def begin() -> None:
    """Make what was there before, in the folder `old`, with what all commands import in memory."""
    import braindecode.models  # noqa: F401
    import matplotlib.backends.backend_agg  # noqa: F401

    from beetl_task1 import api  # noqa: F401
    from beetl_task1.cli import options, recipes, simulate, stage, submissions  # noqa: F401
    from beetl_task1.models import registry  # noqa: F401
    from beetl_task1.staging import figure  # noqa: F401

    tree.slots = lambda size, seed: SLOTS  # type: ignore[assignment]
    WORK.mkdir()
    (WORK / "mine.toml").write_text(NETWORK)
    write_edf(WORK / "night.edf")
    for words in OLD:
        ended(words)
    WORK.rename("old")


def write_edf(path: Path) -> None:
    """Write half an hour of two channels as EDF."""
    import edfio
    import numpy as np

    from beetl_task1.simulate import simulate_night

    X = simulate_night(RecordingKey("65-79", 3, 1), n_epochs=60, seed=0).X
    signals = [
        edfio.EdfSignal(np.concatenate(X[:, i]) * 1e6, task.SFREQ, label=f"EEG {name}", physical_dimension="uV")
        for i, name in enumerate(("Fpz-Cz", "Pz-Oz"))
    ]
    edfio.Edf(signals, data_record_duration=30).write(path)


def case(name: str, rng: random.Random, kills: int) -> int:
    """Kill one command again and again; print what came of it and return how often something was torn."""
    before, words = CASES[name]
    restore("old")
    for each in before:
        ended(each)
    old = contents()
    shutil.copytree(WORK, "before")
    start = time.monotonic()
    steps = ended(words)
    seconds, new = time.monotonic() - start, contents()
    killed, found = 0, list[str]()
    for number in range(kills):
        restore("before")
        step = rng.randrange(steps) if number % 2 else None
        killed += disturbed(words, rng.uniform(0, seconds), step)
        torn = [path for path, content in contents().items() if content not in (b"", old.get(path), new.get(path))]
        what = f"torn {', '.join(torn)}" if torn else went_on(words, new)
        found += [f"kill {number}: {what}"] if what else []
    shutil.rmtree("before")
    told = f"{kills} kills, {killed} of them before the end ({seconds:.1f} s, {steps // 2} steps)"
    print("\n  ".join([f"{name}: {told}; {len(found)} faults", *found[:5]]), flush=True)
    return len(found)


def went_on(words: Words, new: Mapping[str, bytes]) -> str:
    """Run a command after one that was killed; return how it ends otherwise than undisturbed, if it does."""
    try:
        ended(words)
    except subprocess.SubprocessError as error:
        return f"does not go on: {error}"
    return ", ".join(sorted({path for path, _ in contents().items() ^ new.items()}))


def restore(kept: str) -> None:
    """Put a folder that was kept in the place where commands run, which is always the same."""
    shutil.rmtree(WORK, ignore_errors=True)
    shutil.copytree(kept, WORK)


def contents() -> dict[str, bytes]:
    """Return all files but locks and what a killed write leaves, without the times in them.

    Files of the cache end with a digest of all before it; whatever is not whole is as good as missing there, and what a
    training that was killed left to go on with is neither old nor new.
    """
    found = {}
    for path in WORK.rglob("*"):
        place = path.relative_to(WORK)
        if path.is_file() and path.name != LOCK and not LEFT.fullmatch(path.name):
            content = path.read_bytes()
            if place.parts[0] == "cache":
                whole = Store(WORK / "cache").load(*place.parts[1:])
                content = content if whole is None else b"" if place.parts[1] == STATES else whole
            found[str(place)] = _TIMES.get(path.name, re.compile(rb'(?<="seconds": )[\d.]+')).sub(b"", content)
    return found


def ended(words: Words) -> int:
    """Run a command to its end in a child, and return how many steps it took."""
    with tempfile.TemporaryFile() as told:
        child = _begun(words, lambda steps: os.pwrite(told.fileno(), str(steps + 1).encode(), 0))
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        told.seek(0)
        text = told.read().decode()
    if status:
        raise subprocess.CalledProcessError(status, words)
    return int(text or 1)


def disturbed(words: Words, seconds: float, step: int | None) -> bool:
    """Kill a command after a time, or before (even) or after (odd) a step; return whether it was still running."""
    wait = None if step is None else _killer(step)
    child = _begun(words, wait or (lambda steps: None))
    if wait is None:
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def _killer(step: int) -> Callable[[int], None]:
    def at(steps: int) -> None:
        if steps == step:
            os.kill(os.getpid(), signal.SIGKILL)

    return at


def _begun(words: Words, at: Callable[[int], Any]) -> int:
    """Run a command in a child, which calls ``at`` with a number before and after each step."""
    child = os.fork()
    if child:
        return child
    sink = os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, 1)
    os.dup2(sink, 2)
    os.chdir(WORK)
    numbers = iter(range(10**9))

    def counted(function: Callable[..., Any]) -> Callable[..., Any]:
        def step(*args: Any, **kwargs: Any) -> Any:
            at(next(numbers))
            result = function(*args, **kwargs)
            at(next(numbers))
            return result

        return step

    for name in _STEPS:
        setattr(os, name, counted(getattr(os, name)))
    _run(words)
    return 0


def _run(words: Sequence[str]) -> None:
    from beetl_task1.cli import main as run

    sys.argv = ["beetl-task1", *words]
    try:
        run()
    except SystemExit as error:
        os._exit(int(error.code or 0))
    os._exit(0)


if __name__ == "__main__":
    main()
