"""Pins of the signals."""

import itertools
from pathlib import Path

import mne
import numpy as np
from border_statistic import border_nats
from pin import Pin, close, percent
from real_nights import dynamo, log_powers, six_stages, weak_features
from realism_nights import cached, slow_wave_share, young, young_powers
from scipy.signal import welch
from scipy.stats import f as f_distribution
from stage_statistics import stage_statistics

from beetl_task1 import task
from beetl_task1.data.recording import RecordingKey
from beetl_task1.simulate import simulate_night
from beetl_task1.simulate.borders import LEVELS

SHORT = 160
"""Epochs of a night of which only the Wake before sleep is used (ten epochs, as long as the real SC4001 piece)."""
EDGES = (0.5, 1, 2, 3, 4, 6, 8, 10, 13, 16, 20, 25, 30, 40, 50)


def pin_amplitude(folder: Path, seed: int) -> list[Pin]:
    """Overall size of the source's signal."""

    def make():
        nights = [simulate_night(RecordingKey("25-64", s, 1), seed=seed, n_epochs=300).X for s in range(16)]
        return {"std": np.std(np.concatenate(nights)), "extreme": max(np.abs(x).max() for x in nights)}

    mine = cached(f"amplitude-{seed}", make)
    std, extreme = 1e6 * float(mine["std"]), float(mine["extreme"] / mine["std"])
    return [
        close("source: standard deviation, uV", 16.8, std, 1.7, 1),
        Pin(
            "source: extremes, in standard deviations",
            "about 15",
            f"{extreme:.1f}",
            "10 to 20",
            bool(10 < extreme < 20),
        ),
    ]


def pin_powers(folder: Path, seed: int) -> list[Pin]:
    """Log band powers by stage: means, between subjects, within nights."""
    features, stages = weak_features(folder)[0], six_stages(folder)
    records = {r: r[3:5] for r in features}
    real = stage_statistics({r: log_powers(f)[:, :12] for r, f in features.items()}, stages, records)
    nights = young_powers(seed)
    mine = stage_statistics(*nights)
    chance = _by_chance(len(set(records.values())), len(set(nights[2].values())))
    pins = []
    for part, cells in (("ten band powers", slice(0, 10)), ("drift below 0.5 Hz", slice(10, 12))):
        mean = np.abs(mine[0] - real[0])[:, cells]
        pins.append(
            Pin(
                f"{part}: largest error of a stage's mean, nats",
                "0",
                f"{mean.max():.2f}",
                "at most 0.3",
                bool(mean.max() <= 0.3),
            )
        )
        for i, name, exact in (
            (1, "between subjects", f"; exactly right people: {chance:.0%}"),
            (2, "within a night", ""),
        ):
            ratio = (mine[i] / real[i])[:, cells]
            pins.append(
                Pin(
                    f"{part}: spread {name}, simulated / real",
                    "1",
                    f"{ratio.min():.2f} to {ratio.max():.2f}, {np.mean(np.abs(ratio - 1) <= 0.3):.0%} in",
                    f"0.7 to 1.3 in nine of ten cells{exact}",
                    bool(np.mean(np.abs(ratio - 1) <= 0.3) >= 0.9),
                )
            )
    return [*pins, _label_noise(seed, real, mine)]


def _by_chance(n_real: int, n_mine: int) -> float:
    """Share of cells within 30 % if both were draws from one population of people: no simulator can do better."""
    return float(np.diff(f_distribution.cdf([0.7**2, 1.3**2], n_mine - 1, n_real - 1))[0])


def _label_noise(seed: int, real: np.ndarray, scored: np.ndarray) -> Pin:
    """S3 in delta on Fpz-Cz, where the spread within a night is furthest from the real one."""
    true = stage_statistics(*young_powers(seed, labels="true"))
    ratios = [float(mine[2, 3, 0] / real[2, 3, 0]) for mine in (scored, true)]
    return Pin(
        "S3, delta on Fpz-Cz, spread within a night: by scored and by true stages, simulated / real",
        "1",
        f"{ratios[0]:.2f} and {ratios[1]:.2f}",
        "labels' noise makes more than half of the excess",
        bool(ratios[1] - 1 < 0.5 * (ratios[0] - 1)),
    )


def pin_slow_waves(folder: Path, seed: int) -> list[Pin]:
    """Waves above 75 uV fill 20-50 % of S3 and more of S4."""

    def make():
        nights = [young(s, 1, seed, 500) for s in range(8)]
        share = np.concatenate([slow_wave_share(n.X[np.isin(n.true, (2, 3, 4)), 0]) for n in nights])
        return {"share": share, "true": np.concatenate([n.true[np.isin(n.true, (2, 3, 4))] for n in nights])}

    data = cached(f"slow-{seed}", make)
    medians = [np.median(data["share"][data["true"] == k]) for k in (2, 3, 4)]
    return [
        Pin(
            "young: share of an epoch under slow waves, median of S2 S3 S4, %",
            "under 20, 20-50, over 50",
            percent(medians),
            "so",
            bool(medians[0] < 0.2 <= medians[1] <= 0.5 < medians[2]),
        )
    ]


def pin_wake(folder: Path, seed: int) -> list[Pin]:
    """Wake against the real minutes of SC4001."""
    raw = mne.io.read_raw_edf(folder / "sleep_edf_sc4001" / "short_psg.edf", verbose="error").get_data()[:2]
    real = raw.reshape(2, -1, task.N_TIMES)

    def make():
        return {
            f"{s}": np.log(_densities(welch(young(s, 1, seed, SHORT).X[:10], fs=100, nperseg=1024))) for s in range(16)
        }

    mine = np.array(list(cached(f"wake-{seed}", make).values()))
    truth = np.log(_densities(welch(real.transpose(1, 0, 2), fs=100, nperseg=1024)))
    low, high = np.percentile(mine, [2, 98], axis=0)
    inside = (truth > low) & (truth < high)
    return [
        Pin(
            f"Wake on {name}: SC4001's density in 14 bands (0.5-50 Hz) within the range of simulated people",
            "14",
            f"{inside[c].sum()}",
            "at least 12",
            bool(inside[c].sum() >= 12),
        )
        for c, name in enumerate(task.CHANNELS)
    ]


def _densities(spectrum: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Mean density over epochs in 14 narrow bands, (2, 14) uV^2/Hz."""
    f, density = spectrum
    mean = 1e12 * density.mean(0)
    return np.stack([mean[:, (f >= a) & (f < b)].mean(1) for a, b in itertools.pairwise(EDGES)], axis=1)


def pin_shapes(folder: Path, seed: int) -> list[Pin]:
    """Spectra of sleep by shape against the continuous real recording (0.5-20 Hz; it is low-passed above)."""
    epochs, stages = dynamo(folder)

    def make():
        nights = [young(s, 1, seed, 500) for s in range(6)]
        X, true = np.concatenate([n.X[:, 0] for n in nights]), np.concatenate([n.true for n in nights])
        return {"density": np.array([welch(X[true == k] * 1e6, fs=100, nperseg=512)[1].mean(0) for k in (2, 3, 5)])}

    mine = np.log(cached(f"shapes-{seed}", make)["density"])
    f = np.fft.rfftfreq(512, 0.01)
    inside = (f >= 0.5) & (f <= 20)
    pins = []
    for i, (k, name) in enumerate(((2, "S2"), (3, "N3"), (5, "REM"))):
        real = np.log(welch(epochs[stages == k], fs=100, nperseg=512)[1].mean(0))
        r = np.corrcoef(real[inside], mine[i][inside])[0, 1]
        pins.append(
            Pin(
                f"{name}: correlation of the log spectrum's shape with dynamo, 0.5-20 Hz",
                "1",
                f"{r:.2f}",
                "at least 0.9",
                bool(r >= 0.9),
            )
        )
    return pins


def _sleep_nats(seed: int, level: str) -> np.ndarray:
    values = []
    for subject in range(6):
        night = young(subject, 1, seed, 500, border_evidence=level)
        X = night.X[night.y > 0] * 1e6
        values.append([border_nats(X[:, c]) for c in range(2)])
    return np.array(values)


def pin_borders(folder: Path, seed: int) -> list[Pin]:
    """Evidence at the borders of epochs."""

    def make():
        wake = [
            [border_nats((young(s, 1, seed, SHORT).X[:10, c] * 1e6).reshape(-1, 500)) for c in range(2)]
            for s in range(16)
        ]
        return {"wake": wake} | {level: _sleep_nats(seed, level) for level in LEVELS}

    data = cached(f"borders-{seed}", make)
    wake = data["wake"].mean(0)
    pins = [
        close(f"Wake on {name}: border of 5 s chunks, nats, mean of 16 people", real, wake[c], 0.35)
        for c, (name, real) in enumerate(zip(task.CHANNELS, (1.43, 0.92), strict=True))
    ]
    return pins + [
        close(f"sleep, {level}: border of epochs, nats a channel", wanted, data[level].mean(), 0.2 * wanted)
        for level, wanted in zip(LEVELS, (1.0, 2.0, 3.5), strict=True)
    ]
