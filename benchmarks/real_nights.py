"""The optional real recordings that the simulator is pinned to: hypnograms, features, minutes of signal.

They are looked for in ``--real DIR``, in ``$BEETL_REAL`` or in ``../shared/data`` beside the repository.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.io import wavfile

from beetl_task1 import task

WEAK_BANDS = ((0.5, 4.0), (4.0, 8.0), (8.0, 13.0), (13.0, 30.0), (30.0, 50.0))
"""Bands of the 18 features, in Hz."""
STAGE_CHARS = "W1234R"
FLOOR = 1e-10
WAKE_CROP = 60
"""Epochs of Wake kept before the first and after the last epoch of sleep (30 min)."""
OLDEST_WAKE_CROP = 40
SECONDS_SCALE = (0.04699 / 16, 0.04843 / 16)
"""Microvolts of Fpz-Cz and Pz-Oz a step of the stored 16 bits, of which the lowest four are empty."""
_POWER = np.array([0, 1, 2, 3, 4, 9, 10, 11, 12, 13])
_VARIANCE = np.array([7, 16])
_MOBILITY = np.array([8, 17])


def default_folder() -> Path:
    """Return where the real recordings are looked for."""
    return Path(os.environ.get("BEETL_REAL", Path(__file__).resolve().parents[2] / "shared" / "data"))


def hypnograms(folder: Path) -> dict[str, np.ndarray]:
    """Return the real nights of ``sleep_edf_20_hypnograms.txt``, Wake cropped, as stages 0-5 (-1 unscored)."""
    nights = {}
    for line in (folder / "sleep_edf_20_hypnograms.txt").read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            record, stages = line.split()
            night = np.array([STAGE_CHARS.find(c) for c in stages])
            asleep = np.flatnonzero(night > 0)
            nights[record] = night[max(0, asleep[0] - WAKE_CROP) : asleep[-1] + WAKE_CROP + 1]
    return nights


def aged_hypnograms(folder: Path) -> dict[str, tuple[int, np.ndarray]]:
    """Return age and night of ``sleep_edf_78/hypnograms.txt``, cropped as the competition did, scored epochs alone.

    A night ends 30 min (from 80 on: 20) after the onset of the last bout of sleep.
    """
    nights = {}
    for line in (folder / "sleep_edf_78" / "hypnograms.txt").read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            record, age, _, _, stages = line.split()
            night = np.array([STAGE_CHARS.find(c) for c in stages])
            asleep, bouts = np.flatnonzero(night > 0), np.flatnonzero(np.diff(night, prepend=-2))
            side = WAKE_CROP if int(age) < 80 else OLDEST_WAKE_CROP
            last = bouts[bouts <= asleep[-1]][-1]
            night = night[max(0, asleep[0] - side) : last + side]
            nights[record] = int(age), night[night >= 0]
    return nights


def aged_whole_hypnogram(folder: Path, record: str) -> np.ndarray:
    """Return a night of ``sleep_edf_78/hypnograms.txt`` from the start of its recording, stages 0-5 (-1 unscored)."""
    lines = (folder / "sleep_edf_78" / "hypnograms.txt").read_text().splitlines()
    [stages] = [line.split()[-1] for line in lines if line.startswith(f"{record} ")]
    return np.array([STAGE_CHARS.find(c) for c in stages])


@dataclass(frozen=True)
class AgedNight:
    """Band powers of a night of ``sleep_edf_78/features.npz``, scored epochs alone.

    ``logs`` are (n, 2, 5) log powers (delta, theta, alpha, sigma, beta) of channels of unit variance, ``stages`` 0-5,
    ``five`` the same with S3 and S4 as one.
    """

    age: int
    logs: np.ndarray
    stages: np.ndarray
    five: np.ndarray


def aged_powers(folder: Path) -> dict[str, AgedNight]:
    """Return the nights of the 59 people."""
    nights = {}
    with np.load(folder / "sleep_edf_78" / "features.npz") as data:
        for record in sorted({name.rsplit("_", 1)[0] for name in data.files}):
            five, letters = data[f"{record}_y"], data[f"{record}_stage"]
            stages = np.array([STAGE_CHARS.find(letter.decode()) for letter in letters])
            kept = (five >= 0) & (stages >= 0)
            logs = data[f"{record}_X"][kept, :, :5].astype(float)
            nights[record] = AgedNight(int(data[f"{record}_age"]), logs, stages[kept], five[kept].astype(int))
    return nights


def weak_features(folder: Path) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return the 18 real features of every night as they are, and their five stages (S3 and S4 merged)."""
    data = np.load(folder / "sleep_edf_20_features.npz")
    records = sorted(k[:-2] for k in data.files if k.endswith("_X"))
    return ({r: data[f"{r}_X"].astype(float) for r in records}, {r: data[f"{r}_y"].astype(int) for r in records})


def six_stages(folder: Path) -> dict[str, np.ndarray]:
    """Return the six R&K stages of the feature file's epochs, taken from the hypnograms (they agree epoch by epoch)."""
    five = weak_features(folder)[1]
    merged = np.array([0, 1, 2, 3, 3, 4])
    stages = {}
    for record, night in hypnograms(folder).items():
        if record in five:
            scored = night[night >= 0][: len(five[record])]
            if (merged[scored] != five[record]).any():
                raise ValueError(f"{record}: hypnogram and features disagree")
            stages[record] = scored
    return stages


def log_powers(features: np.ndarray) -> np.ndarray:
    """Undo the floor of the 18 features.

    Returns
    -------
    (n, 14) : natural logs, in microvolts: mean density in five bands of Fpz-Cz, of Pz-Oz (uV^2/Hz), variance below
        the bands of either channel (uV^2), variance of either channel (uV^2).
    """
    density = np.maximum((np.exp(features[:, _POWER]) - FLOOR) * 1e12, 1e-3)
    variance = np.maximum((np.exp(features[:, _VARIANCE]) - FLOOR) * 1e12, 1e-1)
    return np.log(np.column_stack([density, below_bands(density, variance), variance]))


def below_bands(density: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """Variance that the five bands do not hold (drift below 0.5 Hz), at least 2 % of the whole."""
    widths = np.array([b - a for a, b in WEAK_BANDS])
    inside = np.column_stack([density[:, :5] @ widths, density[:, 5:] @ widths])
    return np.maximum(variance - inside, 0.02 * variance)


def difference_power(features: np.ndarray) -> np.ndarray:
    """Log variance of the first difference (uV^2) of either channel, from the mobility."""
    variance = np.exp(features[:, _VARIANCE])
    return np.log(np.maximum(features[:, _MOBILITY] ** 2 * variance * 1e12, 1e-3))


def dynamo(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return epochs of the continuous real recording, (n, 3000) uV, and their stages W 0, N1 1, N2 2, N3 3, REM 5."""
    x = np.loadtxt(folder / "dynamo" / "segment_data.csv")[1000:]
    times, codes = np.loadtxt(folder / "dynamo" / "segment_stages.csv", delimiter=",", skiprows=1).T
    epochs = x[: len(x) // task.N_TIMES * task.N_TIMES].reshape(-1, task.N_TIMES)
    starts = 10 + 30 * np.arange(len(epochs)) + 1
    code = codes[np.searchsorted(times, starts, "right") - 1].astype(int)
    return epochs, np.array([-1, 3, 2, 1, 5, 0])[code]


def whole_seconds(folder: Path, channel: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return the means of one second of a whole night, (n_epochs, 30) uV on Fpz-Cz or Pz-Oz, and its stages."""
    data = wavfile.read(folder / "sleep_edf_sc4001" / "one_hertz.wav")[1][:, channel] * SECONDS_SCALE[channel]
    stages = aged_whole_hypnogram(folder, "SC4001E0")
    n = min(len(data) // 30, len(stages))
    asleep = np.flatnonzero(stages[:n] > 0)
    kept = slice(max(0, asleep[0] - WAKE_CROP), asleep[-1] + WAKE_CROP)
    return data[: 30 * n].reshape(n, 30)[kept], stages[:n][kept]
