"""Simulated nights for the pins, measured once and kept under a hash of what the simulator gives."""

import functools
import hashlib
import itertools
import tempfile
from pathlib import Path

import numpy as np
from real_nights import WEAK_BANDS
from scipy.signal import butter, sosfiltfilt
from weak_features import weak_features

from beetl_task1.data.recording import RecordingKey
from beetl_task1.simulate import simulate_night, spectrum
from beetl_task1.simulate.borders import LEVELS
from beetl_task1.simulate.subject import AGES

N_EPOCHS = 1085
"""Length of a young night, the mean of the real ones."""
SLOW_WAVE = 75.0
"""Microvolts from peak to peak: Rechtschaffen & Kales's criterion of S3 and S4."""


@functools.cache
def fingerprint() -> str:
    """Hash of a few short nights, which changes with anything that changes what the simulator gives."""
    digest = hashlib.sha256()
    for group, level in itertools.product(AGES, LEVELS):
        night = simulate_night(RecordingKey(group, 1, 1), seed=7, n_epochs=64, border_evidence=level)
        for array in (night.X, night.y, night.course):
            digest.update(array.tobytes())
    return digest.hexdigest()[:16]


def cached(name: str, make) -> dict[str, np.ndarray]:
    """Return the arrays of ``make()``, from the cache if the simulator has not changed since."""
    path = Path(tempfile.gettempdir()) / "beetl-task1-realism" / fingerprint() / f"{name}.npz"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, **make())
    with np.load(path) as data:
        return dict(data)


def young(subject: int, session: int, seed: int, n_epochs: int = N_EPOCHS, **options):
    """One night of a simulated young sleeper, 25 to 34 years old."""
    key = RecordingKey("25-64", subject, session)
    return simulate_night(key, seed=seed, age=25 + subject % 10, n_epochs=n_epochs, **options)


def young_features(seed: int, n_subjects: int = 10) -> tuple[dict, dict, dict]:
    """Return the 18 weak features, six stages and subject of two nights each of young sleepers."""

    def make():
        arrays = {}
        for subject in range(n_subjects):
            for session in (1, 2):
                night = young(subject, session, seed)
                arrays[f"s{subject:02d}r{session}_X"] = weak_features(night.X)
                arrays[f"s{subject:02d}r{session}_y"] = night.y
        return arrays

    data = cached(f"young-{seed}-{n_subjects}", make)
    records = sorted(k[:-2] for k in data if k.endswith("_X"))
    return ({r: data[f"{r}_X"] for r in records}, {r: data[f"{r}_y"] for r in records}, {r: r[1:3] for r in records})


def young_powers(seed: int, n_subjects: int = 20, labels: str = "y") -> tuple[dict, dict, dict]:
    """Return the log powers (bands, drift), six stages and subject of two nights each of young sleepers.

    ``labels`` are ``"y"``, the stages as scored, or ``"true"``.
    """

    def make():
        arrays = {}
        for subject in range(n_subjects):
            for session in (1, 2):
                night = young(subject, session, seed)
                arrays[f"s{subject:02d}r{session}_z"] = powers(night.X)
                arrays[f"s{subject:02d}r{session}_y"] = night.y
                arrays[f"s{subject:02d}r{session}_true"] = night.true
        return arrays

    data = cached(f"band-powers-{seed}-{n_subjects}", make)
    records = sorted(k[:-2] for k in data if k.endswith("_z"))
    stages = {r: data[f"{r}_{labels}"] for r in records}
    return {r: data[f"{r}_z"] for r in records}, stages, {r: r[1:3] for r in records}


def powers(X: np.ndarray) -> np.ndarray:
    """Return ten log band powers and the log drift of either channel, (n_epochs, 12)."""
    first, second = (spectrum.band_powers(np.ascontiguousarray(X[:, c] * 1e6), WEAK_BANDS) for c in range(2))
    return np.column_stack([first[:, 1:], second[:, 1:], first[:, 0], second[:, 0]])


def slow_wave_share(x: np.ndarray) -> np.ndarray:
    """Share of each epoch under waves of 0.5-2 Hz above 75 uV from peak to peak.

    Parameters
    ----------
    x : (n_epochs, 3000)
        One channel in volts.
    """
    low = sosfiltfilt(butter(3, 4, fs=100, output="sos"), x * 1e6, axis=1)
    return np.array([_share(epoch) for epoch in low])


def _share(x: np.ndarray) -> float:
    """Negative half wave and the positive one after it, 0.5 to 2 s together."""
    down = np.flatnonzero((x[:-1] >= 0) & (x[1:] < 0))
    covered = 0
    for start, end in itertools.pairwise(down):
        if 50 <= end - start <= 200 and np.ptp(x[start:end]) > SLOW_WAVE:
            covered += end - start
    return covered / len(x)
