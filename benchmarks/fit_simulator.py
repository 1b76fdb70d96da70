"""Fit the simulator's tables to the real nights and store them beside its code.

    python benchmarks/fit_simulator.py [--real DIR]

Writes ``beetl_task1/simulate/hypnogram.json`` and ``powers.json``. Nothing else of the real data ships. The
means and spreads of the powers are then corrected in a few rounds, until nights simulated with them have the real ones
as scored (borders blend, scorers err, so what goes in is not what comes out).
"""

import argparse
import json
from pathlib import Path

import numpy as np
from fit_hypnograms import fit_hypnograms
from fit_powers import ENOUGH, completed, fit_powers, night_means
from real_nights import default_folder
from stage_statistics import RARE, stage_statistics

from beetl_task1.data.recording import RecordingKey
from beetl_task1.simulate import simulate_night, spectrum, tables
from beetl_task1.simulate.subject import draw_subject, night_effect
from beetl_task1.simulate.tables import COHORTS, generator

PACKAGE = Path(__file__).resolve().parents[1] / "beetl_task1" / "simulate"
GROUPS = {"25-34": "25-64", "35-64": "25-64", "65-79": "65-79", "80+": "80-95"}
AGES = {"25-34": (25, 34), "35-64": (50, 60), "65-79": (66, 74), "80+": (88, 96)}
N_EPOCHS = 1085
"""Length of a simulated night."""


def log_powers(X):
    """Log powers of epochs in volts, in the order of the tables."""
    channels = [spectrum.band_powers(np.ascontiguousarray(X[:, c] * 1e6)) for c in range(2)]
    return np.column_stack([c[:, 1:] for c in channels] + [c[:, 0] for c in channels])


def measure(name, mean, n_subjects, seed):
    """How far nights lie from what went in: offset of the means, and spread within a night, (6, 14) each."""
    offsets, within, weights = [], [], []
    for subject in range(n_subjects):
        key = RecordingKey(GROUPS[name], 200 + subject, 1)
        age = np.linspace(*AGES[name], n_subjects)[subject]
        night = simulate_night(key, seed=seed + subject, age=age, n_epochs=N_EPOCHS)
        z, traits = log_powers(night.X), draw_subject(seed + subject, key, age)
        effect = traits.effect + night_effect(generator(seed + subject, "night", *key), age)
        offsets.append(night_means(z, night.y) - mean - effect)
        weights.append(np.minimum(np.bincount(night.y, minlength=6), ENOUGH)[:, None] * np.isfinite(offsets[-1]))
        rows = [z[night.y == k] for k in range(6)]
        within.append([r.std(0) if len(r) >= RARE else np.full(z.shape[1], np.nan) for r in rows])
    total = np.sum(weights, axis=0)
    offset = (np.nan_to_num(offsets) * weights).sum(0) / np.where(total, total, np.nan)
    return offset, np.nanmean(within, axis=0)


def calibrate(powers, folder, rounds, n_subjects):
    """Simulate, compare with the real nights and correct, some rounds, each less than the one before."""
    z, y, cohorts = completed(folder)
    real = {
        name: stage_statistics(*({r: v[r] for r in z if cohorts[r] == name} for v in (z, y, {r: r[:5] for r in z})))
        for name in COHORTS
    }
    wanted = {name: powers[name]["mean"].copy() for name in COHORTS}
    for i in range(rounds):
        write("powers.json", powers)
        tables.load.cache_clear()
        for name, table in powers.items():
            offset, within = measure(name, table["mean"], n_subjects, 1000 * (i + 1))
            error, ratio = table["mean"] + offset - wanted[name], within / real[name][2]
            error, ratio = np.where(np.isnan(error), 0, error), np.where(np.isnan(ratio), 1, ratio)
            print(
                f"round {i}, {name}: mean off by {np.abs(error).mean():.2f}, up to {np.abs(error).max():.2f}; spread "
                f"within a night x {ratio.min():.2f} to {ratio.max():.2f}, mean {ratio.mean():.2f}",
                flush=True,
            )
            damping = 1 / max(1, i)
            table["mean"] = table["mean"] - damping * error
            scale = np.clip(ratio**-damping, 0.6, 1.4)[:, None, :]
            table["centres"], table["roots"] = table["centres"] * scale, table["roots"] * scale[..., None]
    return powers


def plain(value):
    """Return tables as JSON has them, with few digits."""
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    return np.round(value, 4 if value.ndim < 3 else 3).tolist() if isinstance(value, np.ndarray) else value


def write(name, found):
    """Store tables."""
    (PACKAGE / name).write_text(json.dumps(plain(found)) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--real", type=Path, default=default_folder())
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--subjects", type=int, default=8, help="sleepers of a cohort simulated in each round")
    parser.add_argument("--only", choices=("hypnograms", "powers"), help="fit one of the tables")
    args = parser.parse_args()
    if args.only != "powers":
        write("hypnogram.json", fit_hypnograms(args.real, lambda found: write("hypnogram.json", found)))
    if args.only != "hypnograms":
        write("powers.json", calibrate(fit_powers(args.real), args.real, args.rounds, args.subjects))


if __name__ == "__main__":
    main()
