"""Speed and memory of the features: epochs a second on one core, then a pass over nights in files with several jobs.

OMP_NUM_THREADS=1 python benchmarks/features.py --epochs 25000 --jobs 2
"""

import argparse
import pickle
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from beetl_task1.data.recording import Recording, RecordingKey
from beetl_task1.features import extract, feature_names, features_of, night_features
from beetl_task1.store import Store

NIGHT = 1073


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=25_000, help="epochs of the pass over files")
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()
    one_core()
    with tempfile.TemporaryDirectory() as folder:
        one_pass(Path(folder), args.epochs, args.jobs)


def signals(n_epochs: int, seed: int = 0) -> np.ndarray:
    """Return brownish noise in volts."""
    steps = np.random.default_rng(seed).standard_normal((n_epochs, 2, 3000), dtype=np.float32)
    return np.cumsum(steps, axis=-1) * np.exp(-np.arange(3000) % 100 / 50).astype(np.float32) * 3e-6


def one_core() -> None:
    """Print the rate of one thread, in processor time, so that other work on the machine hardly counts."""
    X = signals(512)
    extract(X[:64])
    rates = []
    for _ in range(5):
        start = time.process_time()
        extract(X)
        rates.append(len(X) / (time.process_time() - start))
    print(f"{len(feature_names())} features; one core: {np.median(rates):,.0f} epochs/s (median of 5)")


def one_pass(folder: Path, n_epochs: int, jobs: int) -> None:
    """Print time and memory of a pass over files as the competition has them, then of one from the cache.

    The nights are one file under many names, so the disk's cache serves most of the reading.
    """
    file = folder / "X.npy"
    file.write_bytes(pickle.dumps(signals(NIGHT).astype(np.float64), protocol=4))
    counts = range(-(-n_epochs // NIGHT))
    for title in ("from files", "from the cache"):
        nights = [Recording(RecordingKey("80-95", i, 1), file) for i in counts]
        store = Store(folder / "cache" if title != "from files" else None)
        night_features(nights[0], store)
        idle = resident_mb()
        with Peak() as peak:
            start = time.perf_counter()
            features_of(nights, store, jobs)
            seconds = time.perf_counter() - start
        print(
            f"{title}, {jobs} jobs: {len(nights) * NIGHT:,} epochs in {seconds:.1f} s "
            f"({len(nights) * NIGHT / seconds:,.0f}/s), {peak.highest - idle:.0f} MB above {idle:.0f} MB idle"
        )


class Peak:
    """Watches the resident memory of this process while a block runs."""

    def __enter__(self) -> "Peak":
        self.highest, self._done = resident_mb(), threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *error) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(0.005):
            self.highest = max(self.highest, resident_mb())


def resident_mb() -> float:
    """Return the resident memory of this process in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


if __name__ == "__main__":
    main()
