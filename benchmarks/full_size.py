"""Run the whole road at full size and print wall time and peak memory of each command as a table.

    python benchmarks/full_size.py --out /tmp/full [--size full] [--seed 0] [--jobs 2]

The data are simulated below --out (8.4 GB for full). Peak memory is that of the command's largest process.
"""

import argparse
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

GROUPS = ("65-79", "80-95")


def measure(arguments: list[str]) -> tuple[float, float, str]:
    """Return seconds, peak memory in GB and the output of a command of beetl-task1."""
    command = [sys.executable, "-c", "from beetl_task1.cli import main; main()", *arguments]
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"beetl-task1 {' '.join(arguments)} failed")
    return time.perf_counter() - start, usage.ru_maxrss / 2**20, output


def main() -> None:
    """Run each step and print a row for it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--size", default="full")
    parser.add_argument("--seed", default="0")
    parser.add_argument("--jobs", default=str(os.cpu_count()))
    args = parser.parse_args()
    places = {"data": "data", "checkpoints": "checkpoints", "submissions": "submissions", "cache": "cache"}
    os.environ.update({f"BEETL_{k.upper()}": str(args.out / v) for k, v in places.items()} | {"BEETL_JOBS": args.jobs})
    steps = [["simulate", "--out", str(args.out / "data"), "--size", args.size, "--seed", args.seed]]
    for group in GROUPS:
        steps += [["train", "--group", group], ["submit", "--group", group]]
        answer, truth = args.out / f"submissions/default-{group}/answer.zip", args.out / f"data/truth/{group}.txt"
        steps.append(["score", str(answer), "--truth", str(truth)])
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, --jobs {args.jobs}\n")
    print("| command | wall time | peak memory |\n|---|---|---|", flush=True)
    outputs = []
    for step in steps:
        seconds, memory, output = measure(step)
        print(f"| `{' '.join(step[:3])}` | {seconds / 60:.1f} min | {memory:.2f} GB |", flush=True)
        outputs.append(output)
    print("\n" + "\n".join(outputs))


if __name__ == "__main__":
    main()
