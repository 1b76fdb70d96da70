"""Time and memory of `build` on nights of 22 h with seven channels at 100 Hz.

    python benchmarks/build.py --nights 20 --jobs 2

Memory is the sum over all processes of `build`, shared pages counted once each (PSS), sampled four times a second
(Linux only). The EDF files are one night under many names, so the disk's cache serves much of the reading.
"""

import argparse
import datetime
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import edfio
import numpy as np

from beetl_task1.sleep_edf.study import study_nights

HOURS, SFREQ = 22, 100
STAGES = "W" * 960 + "1223344332255" * 74 + "W" * 720
NAMES = ("EEG Fpz-Cz", "EEG Pz-Oz", "EOG horizontal", "Resp oro-nasal", "EMG submental", "Temp rectal", "Event marker")


def main() -> None:
    """Write the files, build in another process, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nights", type=int, default=20)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--folder", help="where to put some 3 GB; a temporary folder by default")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        write_study(Path(folder) / "edf", args.nights)
        start = time.perf_counter()
        peak = run_build(
            "--sleep-edf", f"{folder}/edf", "--out", f"{folder}/out", "--jobs", str(args.jobs), "--split", "everybody"
        )
        seconds = time.perf_counter() - start
    print(
        f"build: {args.nights} nights of {HOURS} h, {len(NAMES)} channels at {SFREQ} Hz, {args.jobs} jobs: "
        f"{seconds:.1f} s, peak {peak / 2**20:.0f} MiB over all processes"
    )


def write_study(folder: Path, nights: int) -> None:
    """Write one night and copy it under the names of as many."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    signals = [
        edfio.EdfSignal(
            rng.normal(0, 20, HOURS * 3600 * SFREQ),
            SFREQ,
            label=name,
            physical_dimension="uV",
            physical_range=(-200, 200),
        )
        for name in NAMES
    ]
    start = {"recording": edfio.Recording(startdate=datetime.date(1989, 4, 24)), "starttime": datetime.time(16, 13)}
    edfio.Edf(signals, data_record_duration=30, **start).write(folder / "psg")
    runs = [edfio.EdfAnnotation(30 * i, 30, f"Sleep stage {stage.replace('5', 'R')}") for i, stage in enumerate(STAGES)]
    edfio.Edf([], annotations=runs, **start).write(folder / "hypnogram")
    names = [name for name, night in sorted(study_nights().items()) if night.group == "25-64"]
    for name in names[:nights]:
        shutil.copy(folder / "psg", folder / f"{name}E0-PSG.edf")
        shutil.copy(folder / "hypnogram", folder / f"{name}EC-Hypnogram.edf")


def run_build(*options: str) -> int:
    """Run the command; return the peak memory in bytes."""
    command = [sys.executable, "-c", "from beetl_task1.cli.build import build; build()", *options]
    process, peak = subprocess.Popen(command, stdout=subprocess.DEVNULL), 0
    while process.poll() is None:
        peak = max(peak, sum(_pss(pid) for pid in _family(process.pid)))
        time.sleep(0.25)
    if process.returncode:
        raise SystemExit("build failed")
    return peak


def _family(pid: int) -> list[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [pid, *(member for child in children for member in _family(int(child)))]


def _pss(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)


if __name__ == "__main__":
    main()
