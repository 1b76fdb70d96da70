"""Draw the figures of ``docs/simulation.md``: spectra beside the real ones, hypnograms, an epoch of each stage.

    python benchmarks/simulation_figures.py [--real DIR]

Without the real recordings only the simulated curves are drawn.
"""

import argparse
from pathlib import Path

import matplotlib as mpl
import numpy as np
from real_nights import WEAK_BANDS, default_folder, dynamo, log_powers, six_stages, weak_features
from realism_nights import young
from scipy.signal import welch

from beetl_task1 import task
from beetl_task1.data.recording import RecordingKey
from beetl_task1.simulate import simulate_night

mpl.use("Agg")
import matplotlib.pyplot as plt

FIGURES = Path(__file__).resolve().parents[1] / "docs" / "figures"
COLOURS = ("tab:orange", "tab:olive", "tab:cyan", "tab:blue", "navy", "tab:red")
ORDER = np.array([5, 3, 2, 1, 0, 4])
"""Height of each stage in a hypnogram: W on top, then REM, S1 to S4."""


def save(figure, name: str) -> None:
    """Write a figure as a small PNG."""
    FIGURES.mkdir(parents=True, exist_ok=True)
    figure.savefig(FIGURES / name, dpi=75, bbox_inches="tight")
    plt.close(figure)


def stage_spectra(nights: list, channel: int) -> np.ndarray:
    """Mean over nights of the log density of every stage, (6, n_frequencies)."""
    spectra = np.full((len(nights), 6, 257), np.nan)
    for i, night in enumerate(nights):
        for k in range(6):
            if (night.y == k).sum() > 3:
                spectra[i, k] = np.log(welch(1e6 * night.X[night.y == k, channel], fs=100, nperseg=512)[1].mean(0))
    return np.nanmean(spectra, axis=0)


def draw_spectra(nights: list, real: Path) -> None:
    """Simulated spectra by stage, with the real band powers and two real recordings."""
    f = np.fft.rfftfreq(512, 0.01)
    figure, axes = plt.subplots(2, 6, figsize=(19, 7), sharex=True, sharey=True)
    mean = real_band_means(real) if real.is_dir() else None
    pieces = real_pieces(real) if real.is_dir() else {}
    for channel in range(2):
        spectra = stage_spectra(nights, channel)
        for k, axis in enumerate(axes[channel]):
            axis.plot(f[1:], spectra[k, 1:], color=COLOURS[k], label="simulated, mean of young sleepers")
            if mean is not None:
                for b, (low, high) in enumerate(WEAK_BANDS):
                    axis.hlines(
                        mean[k, 5 * channel + b],
                        low,
                        high,
                        color="black",
                        lw=2,
                        label="real Sleep-EDF, mean of 10 people" if b == 0 else None,
                    )
            if (channel, k) in pieces:
                name, curve = pieces[channel, k]
                axis.plot(f[1:], curve[1:], color="grey", lw=0.8, label=name)
            axis.set(xscale="log", xlim=(0.3, 50), ylim=(-5, 9), title=f"{task.STAGES[k]}, {task.CHANNELS[channel]}")
            axis.legend(fontsize=6)
    axes[1, 0].set(xlabel="Hz", ylabel="log density, uV$^2$/Hz")
    save(figure, "spectra.png")


def real_band_means(real: Path) -> np.ndarray:
    """Mean over real nights of the log band powers of every stage, (6, 10)."""
    features, stages = weak_features(real)[0], six_stages(real)
    nights = [
        [
            log_powers(f)[stages[r] == k, :10].mean(0) if (stages[r] == k).sum() > 7 else np.full(10, np.nan)
            for k in range(6)
        ]
        for r, f in features.items()
    ]
    return np.nanmean(nights, axis=0)


def real_pieces(real: Path) -> dict:
    """Log densities of SC4001 in Wake and, brought to the level of 4-8 Hz, of dynamo in sleep."""
    import mne

    raw = 1e6 * mne.io.read_raw_edf(real / "sleep_edf_sc4001" / "short_psg.edf", verbose="error").get_data()[:2]
    pieces = {(c, 0): ("real SC4001", np.log(welch(raw[c], fs=100, nperseg=512)[1])) for c in range(2)}
    epochs, stages = dynamo(real)
    for k in (1, 2, 3, 5):
        pieces[0, k] = (
            "real dynamo (another montage)",
            np.log(welch(epochs[stages == k], fs=100, nperseg=512)[1].mean(0)),
        )
    return pieces


def draw_hypnograms(nights: list) -> None:
    """True course under the scored hypnogram."""
    figure, axes = plt.subplots(len(nights), 1, figsize=(15, 5.2))
    for axis, night in zip(axes, nights, strict=True):
        axis.step(
            np.arange(len(night.course)) * 5 / 3600,
            ORDER[night.course],
            color="tab:red",
            lw=0.5,
            label="true",
            where="post",
        )
        axis.step(night.onsets / 3600, ORDER[night.y], color="black", lw=1, label="scored", where="post")
        axis.set_yticks(ORDER, task.STAGES)
        axis.set(ylabel=f"{night.traits.age:.0f} years", xlim=(0, night.onsets[-1] / 3600))
        axis.legend(loc="upper right", fontsize=7)
    axes[-1].set_xlabel("hours")
    save(figure, "hypnograms.png")


def draw_epochs(night, name: str, quantile: float = 0.6) -> None:
    """One epoch of every stage on both channels, by the size of its swings on Fpz-Cz."""
    stages = [k for k in range(6) if ((night.y == k) & (night.true == k)).any()]
    figure, axes = plt.subplots(2 * len(stages), 1, figsize=(16, 1.9 * len(stages)), sharex=True)
    t = np.arange(task.N_TIMES) / task.SFREQ
    for i, k in enumerate(stages):
        rows = np.flatnonzero((night.y == k) & (night.true == k))
        epoch = night.X[rows[np.argsort(np.ptp(night.X[rows, 0], axis=1))[int(quantile * len(rows))]]] * 1e6
        for c in range(2):
            axis = axes[2 * i + c]
            axis.plot(t, epoch[c], color="black", lw=0.6)
            axis.set(
                ylim=(-110, 110), xlim=(0, 30), yticks=[-75, 0, 75], ylabel=f"{task.STAGES[k]}\n{task.CHANNELS[c]}"
            )
            axis.grid(axis="x", lw=0.3)
            axis.yaxis.label.set(fontsize=7)
    axes[-1].set_xlabel("s")
    figure.subplots_adjust(hspace=0.05)
    save(figure, name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--real", type=Path, default=default_folder())
    args = parser.parse_args()
    nights = [young(s, 1, 0) for s in range(8)]
    draw_spectra(nights, args.real)
    old = simulate_night(RecordingKey("80-95", 2, 1))
    draw_hypnograms([nights[3], old])
    draw_epochs(nights[3], "epochs-young.png")
    draw_epochs(old, "epochs-old.png")


if __name__ == "__main__":
    main()
