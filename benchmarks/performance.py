"""How fast and how large commands are beside other ways to do the same, as a table of ratios measured in one run.

    python benchmarks/performance.py --data DATA [--jobs 2] [--checkpoints DIR] [--only loading start ...] [--table]

``DATA`` is a simulated tree of any size; what is asked is for a full one (`beetl-task1 simulate --size full`) on quiet
cores. Each piece runs in processes of its own. Seconds are of whole processes where it says so, else of the piece.
Memory is the peak above the process with its imports done (Linux only). Without ``--checkpoints`` the default is
trained first. ``--table`` writes the table into docs/performance.md.
"""

import argparse
import contextlib
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import performance_pieces as pieces

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
ROUNDS = 5
IN_TURN = 3
Row = tuple[str, str, str, str, str]


def piece(name: str, *arguments: object) -> dict:
    """Run a piece in a process of its own; return what it says, and the seconds of the whole process."""
    command = [sys.executable, pieces.__file__, name, *map(str, arguments)]
    began = time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return {"whole": time.perf_counter() - began} | json.loads(done.stdout.splitlines()[-1])


def command(*words: object) -> float:
    """Return the seconds of a whole command of beetl-task1."""
    began = time.perf_counter()
    code = "from beetl_task1.cli import main; main()"
    subprocess.run([sys.executable, "-c", code, *map(str, words)], stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


def row(what: str, ours: float, other: float, unit: str, asked: str) -> Row:
    return what, f"{ours:,.3g} {unit}", f"{other:,.3g} {unit}", f"**{ours / other:.2f}**", asked


def predict(args) -> list[Row]:
    """The default's `predict`, features and all, against the start kit's way; in turn, the fastest of each."""
    both = [
        (
            piece("predict", args.data, args.group, args.checkpoints, args.jobs),
            piece("kit", args.data, args.group, args.jobs),
        )
        for _ in range(IN_TURN)
    ]
    ours, kit = (min(runs, key=lambda run: run["whole"]) for runs in zip(*both, strict=True))
    title = f"`predict` of {kit['epochs']:,} epochs"
    heavy = ", ".join(ours["heavy"]) or "none"
    return [
        row(f"{title}, whole process; beside the kit's way", ours["whole"], kit["whole"], "s", "at most 0.35"),
        row(f"{title}, memory; beside the kit's way", ours["mb"], kit["mb"], "MB", "at most 0.20"),
        (f"`predict` imports, of {', '.join(pieces.HEAVY)}", heavy, "", "", "neither mne nor torch"),
    ]


def loading(args) -> list[Row]:
    """The streaming pass with its checks against bare pickles; as throughput."""
    said = piece("loading", args.data, args.group)
    return [
        row(
            f"loading, MB a second; beside {name}",
            said["ours"],
            rate,
            "MB/s",
            "at least 0.80" if "finite" in name else "",
        )
        for name, rate in said["others"].items()
    ]


def features(args) -> list[Row]:
    """Features a second, one by one, against band powers of mne and of YASA."""
    said = [piece("features", args.data, args.group, threads) for threads in sorted({1, args.jobs})]
    return [
        row(
            f"features an epoch and a second, {one['threads']} threads; beside {name}",
            one["ours"],
            rate,
            "/s",
            "at least 1",
        )
        for one in said
        for name, rate in one["others"].items()
    ]


def start(args) -> list[Row]:
    """`--help` against the import of click."""
    bare = min(timed([sys.executable, "-c", "import click"]) for _ in range(ROUNDS))
    code = "from beetl_task1.cli import main; main()"
    ours = min(timed([sys.executable, "-c", code, "--help"]) for _ in range(ROUNDS))
    return [row("`--help`, whole process; beside `import click`", 1000 * ours, 1000 * bare, "ms", "at most 2")]


def timed(words: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(words, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


def stage(args) -> list[Row]:
    """A night of 8 h from its EDF to everything that is written."""
    night = args.work / "night.edf"
    piece("night", args.group, night)
    taken = command("stage", night, "--group", args.group, "--checkpoints", args.checkpoints, "--allow-simulated",
                    "--jobs", args.jobs, "--out", args.work / "staged")  # fmt: skip
    return [("`stage` of a night of 8 h, whole process", f"{taken:.1f} s", "", "", "at most 15 s")]


def growth(args) -> list[Row]:
    """Seconds a night and peak memory at 2, 4 and 8 times the nights, beside those at once the nights."""
    rows = []
    for name in ("simulate", "features", "predict", "train", "validate"):
        given = (args.size, args.group, args.checkpoints, args.jobs)
        said = [piece("growth", name, args.work / f"{n}", n * args.nights, *given) for n in (1, 2, 4, 8)]
        first = said[0]
        times = " / ".join(
            f"{one['seconds'] / one['epochs'] / (first['seconds'] / first['epochs']):.2f}" for one in said[1:]
        )
        memory = " / ".join(f"{one['mb'] / max(first['mb'], 1):.2f}" for one in said[1:])
        nights = f"{args.nights} nights" + (", and 22 of the target" if name in ("train", "validate") else "")
        rows.append((f"{name}, s an epoch at 2 / 4 / 8 times {nights}", f"{said[-1]['seconds']:.1f} s at last",
                     f"{first['seconds']:.1f} s at first", f"**{times}**", "about 1"))  # fmt: skip
        rows.append((f"{name}, memory at 2 / 4 / 8 times {nights}", f"{said[-1]['mb']:.0f} MB at last",
                     f"{first['mb']:.0f} MB at first", f"**{memory}**", "about 1"))  # fmt: skip
    return rows


def where(args) -> list[str]:
    """Return lines of a table for each command: the functions in which it spends its time, one thread."""
    lines = []
    for name in ("predict", "simulate", "train", "validate"):
        said = piece("where", name, args.data, args.group, args.checkpoints)
        lines += ["", f"| `{name}`, one thread: own time of | share |", "|---|---|",
                  *(f"| {function} | {share:.0%} |" for function, share in said["functions"])]  # fmt: skip
    return lines


PIECES = {one.__name__: one for one in (predict, loading, features, start, stage, growth)}


def filled(page: str, table: str) -> str:
    """Return a page with the table between its marks."""
    marked = re.compile(r"(<!-- performance -->\n).*?(<!-- end of performance -->)", re.DOTALL)
    if not marked.search(page):
        sys.exit(f"{PAGE}: no <!-- performance --> and <!-- end of performance -->")
    return marked.sub(lambda found: f"{found[1]}{table}\n{found[2]}", page)


def main() -> None:
    """Run the pieces, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a simulated tree")
    parser.add_argument("--group", default="80-95")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--checkpoints", type=Path, help="where `default` is trained for the group")
    parser.add_argument("--nights", type=int, default=2, help="of growth, once")
    parser.add_argument("--size", default="full", choices=["demo", "full"], help="of the nights of growth")
    parser.add_argument("--only", nargs="+", choices=[*PIECES, "where"], default=[*PIECES, "where"])
    parser.add_argument("--table", action="store_true")
    args = parser.parse_args()
    args.data = args.data.absolute()
    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(BrokenPipeError):
        args.work = Path(folder)
        if args.checkpoints is None and set(args.only) & {"predict", "stage", "growth", "where"}:
            args.checkpoints = args.work / "checkpoints"
            command("train", "--data", args.data, "--group", args.group, "--checkpoints", args.checkpoints,
                    "--cache", args.work / "cache", "--jobs", args.jobs)  # fmt: skip
        lines = ["| what | ours | beside | ratio | asked |", "|---|---|---|---|---|"]
        for name in args.only:
            if name in PIECES:
                lines += [f"| {' | '.join(cells)} |" for cells in PIECES[name](args)]
        if "where" in args.only:
            lines += where(args)
    head = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, `--jobs {args.jobs}`"
    table = "\n".join([f"{head}, {time.strftime('%Y-%m-%d')}.", "", *lines])
    print(table)
    if args.table:
        PAGE.write_text(filled(PAGE.read_text(encoding="utf-8"), table), encoding="utf-8")


if __name__ == "__main__":
    main()
