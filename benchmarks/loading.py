"""Read every test recording of a group once and print the time and how far resident memory rose above the idle process.

python benchmarks/loading.py --data DIR [--group 80-95]
"""

import argparse
import resource
import time
from pathlib import Path

from beetl_task1.data.files import DataFolder


def main() -> None:
    """Pass over the test set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--group", default="80-95")
    args = parser.parse_args()
    recordings = DataFolder(args.data).recordings(args.group, "test")
    idle, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    total = sum(len(recording.X) for recording in recordings)
    risen = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - idle) / 1024
    print(
        f"{total} epochs of {args.group} in {time.perf_counter() - start:.1f} s; memory rose by {risen:.0f} MB at most"
    )


if __name__ == "__main__":
    main()
