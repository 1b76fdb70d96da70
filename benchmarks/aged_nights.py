"""Write a table of simulated people in the form of the real people's, and show how far the two agree.

    python benchmarks/aged_nights.py --out people.npz [--people 42 10 7] [--seed 0]
    python benchmarks/real_people.py --file people.npz --out rows

The 20 features are those of ``sleep_edf_78/features.npz``: log powers of delta, theta, alpha, sigma and beta of both
channels and the same relative to their sum, from signals filtered from 0.5 to 30 Hz, of unit variance by recording. The
real recordings were scaled by their whole day, which is louder than the night; by how much is drawn.
"""

import argparse
from pathlib import Path

import joblib
import numpy as np
from scipy.signal import butter, sosfiltfilt

from beetl_task1.data.recording import RecordingKey
from beetl_task1.simulate import simulate_night, spectrum
from beetl_task1.simulate.tables import generator, load

BANDS: spectrum.Bands = ((0.5, 4.0), (4.0, 8.0), (8.0, 12.0), (12.0, 16.0), (16.0, 30.0))
MERGED = np.array([0, 1, 2, 3, 3, 4])
LOUDER_DAY = ((0.40, 0.48), (0.09, 0.14))
"""Log power of the whole day over that of the night, on either channel: mean and spread of 18 nights."""
GROUPS = {"25-64": (25, 0), "65-79": (65, 40), "80-95": (80, 60)}
"""Youngest age, and number of the first person as in the real table."""


def features(X: np.ndarray, louder: np.ndarray) -> np.ndarray:
    """Return the features of a whole night in order, (n, 2, 3000) volts to (n, 2, 10); its day was louder, (2,)."""
    signal = X.transpose(1, 0, 2).reshape(2, -1)
    filtered = sosfiltfilt(butter(4, (0.5, 30.0), "bandpass", fs=100, output="sos"), signal)
    filtered /= filtered.std(axis=1, keepdims=True)
    epochs = filtered.reshape(2, len(X), -1)
    widths = np.log([high - low for low, high in BANDS])
    logs = -louder[:, None] + np.stack(
        [spectrum.band_powers(np.ascontiguousarray(c), BANDS)[:, 1:] + widths for c in epochs], axis=1
    )
    power = np.exp(logs)
    return np.concatenate([logs, power / power.sum(-1, keepdims=True)], axis=-1).astype(np.float32)


def night_of(group: str, subject: int, session: int, seed: int, n_epochs: int) -> dict[str, np.ndarray]:
    """Simulate one night and return its arrays."""
    night = simulate_night(RecordingKey(group, 100 + subject, session), seed=seed, n_epochs=n_epochs)
    day = generator(seed, "day", group, subject, session).normal(*LOUDER_DAY)
    letters = np.array([b"W1234R"[k : k + 1] for k in night.y])
    return {
        "X": features(night.X, day),
        "y": MERGED[night.y].astype(np.int8),
        "stage": letters,
        "first": np.array(0),
        "age": np.array(int(night.traits.age)),
        "true": night.true.astype(np.int8),
    }


def people(counts: list[int], seed: int, jobs: int) -> dict[str, np.ndarray]:
    """Return the table of so many people of each group, two nights each, as long as real ones of that age."""
    names, tasks = [], []
    for (group, (youngest, first)), count in zip(GROUPS.items(), counts, strict=True):
        table = load("hypnogram")["35-64" if youngest == 25 else {65: "65-79", 80: "80+"}[youngest]]
        for subject in range(count):
            for session in (1, 2):
                spread = generator(seed, "length", group, subject, session).normal(0, table["length_spread"])
                length = round(table["length"] * np.exp(np.clip(spread, -0.6, 0.5)))
                number = first + subject if first else (subject if subject < 33 else subject + 47)
                names.append(f"SC4{number:02d}{session}")
                tasks.append(joblib.delayed(night_of)(group, subject, session, seed + subject, length))
    nights = joblib.Parallel(n_jobs=jobs)(tasks)
    return {f"{name}_{key}": value for name, night in zip(names, nights, strict=True) for key, value in night.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--people", type=int, nargs=3, default=[42, 10, 7], help="of 25-64, 65-79, 80-95")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    args = parser.parse_args()
    np.savez_compressed(args.out, **people(args.people, args.seed, args.jobs))


if __name__ == "__main__":
    main()
