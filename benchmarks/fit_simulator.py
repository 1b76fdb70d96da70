"""Fit the simulator's tables to the real nights and store them beside its code.

    python benchmarks/fit_simulator.py [--real DIR]

Writes ``beetl_task1/data/simulate/hypnogram.json`` and ``powers.json``. Nothing else of the real data ships. The
means and spreads are then corrected in a few rounds, until young nights simulated with them have the real ones as
scored (borders blend, scorers err, so what goes in is not what comes out).
"""

import argparse
import json
from pathlib import Path

import numpy as np
from real_nights import default_folder, hypnograms, log_powers, six_stages, weak_features
from scipy.stats import norm, rankdata
from stage_statistics import stage_statistics

from beetl_task1.data.simulate import simulate_night, spectrum, tables

PACKAGE = Path(__file__).resolve().parents[1] / "beetl_task1" / "data" / "simulate"
N_POWERS = 12
QUANTILES = np.array([0.002, 0.01, 0.03, 0.08, 0.16, 0.25, 0.35, 0.5, 0.65, 0.75, 0.84, 0.92, 0.97, 0.99, 0.998])
CLOCK_EDGES = (90, 240, 480, 720)
"""Epochs since sleep onset: bins of the hypnogram's clock."""
REM_EDGES = (60, 120, 180)
"""Epochs since the last REM epoch (or sleep onset): bins of the sleep cycle."""


def residual_model(z, nights):
    """Quantiles and normal-score correlation of what is left after each night's mean of a stage."""
    left = np.concatenate([z[r][s] - z[r][s].mean(0) for r, s in nights.items() if s.sum() >= 8])
    scores = norm.ppf(np.apply_along_axis(rankdata, 0, left) / (len(left) + 1))
    return np.quantile(left, QUANTILES, axis=0).T, np.corrcoef(scores.T)


def night_effects(z, y, mean):
    """(n_nights, 6, 12) deviation of every night from the stage means; stages too rare borrow the night's others."""
    effects = []
    for record in sorted(z):
        rows = [z[record][y[record] == k] for k in range(6)]
        effect = np.array([r.mean(0) - mean[k] if len(r) >= 8 else np.full(N_POWERS, np.nan)
                           for k, r in enumerate(rows)])
        common = np.nanmean(effect, axis=0)
        effects.append(np.where(np.isnan(effect), common, effect))
    return np.array(effects)


def factors(effects, subjects):
    """Split the nights' deviations into factors of the subject and of the night, each as rows to be summed."""
    flat = effects.reshape(len(effects), -1)
    names = sorted(set(subjects))
    means = np.array([flat[[s == n for s in subjects]].mean(0) for n in names])
    within = np.concatenate([flat[[s == n for s in subjects]] - m for n, m in zip(names, means, strict=True)])
    night = within / np.sqrt(len(names))
    subject = (means - means.mean(0)) / np.sqrt(len(names) - 1)
    share = 1 - 0.5 * (night**2).sum(0) / (subject**2).sum(0)
    return subject * np.sqrt(np.clip(share, 0.25, 1)), night


def fit_powers(folder):
    """Tables of the log band powers: means, between subjects, between nights, within nights."""
    features, y = weak_features(folder)[0], six_stages(folder)
    z = {r: log_powers(f)[:, :N_POWERS] for r, f in features.items()}
    subjects = [r[3:5] for r in sorted(z)]
    per_night = [[z[r][y[r] == k].mean(0) if (y[r] == k).sum() >= 5 else np.full(N_POWERS, np.nan)
                  for k in range(6)] for r in sorted(z)]
    mean = np.nanmean(per_night, axis=0)
    subject, night = factors(night_effects(z, y, mean), subjects)
    quantiles, correlation = zip(*(residual_model(z, {r: y[r] == k for r in z}) for k in range(6)), strict=True)
    shape = (-1, 6, N_POWERS)
    return {"mean": mean, "subject_factors": subject.reshape(shape), "night_factors": night.reshape(shape),
            "levels": QUANTILES, "quantiles": np.array(quantiles), "correlation": np.array(correlation)}


def context(position, since_rem):
    """Bin of the clock and of the sleep cycle."""
    return int(np.searchsorted(CLOCK_EDGES, position, "right")), int(np.searchsorted(REM_EDGES, since_rem, "right"))


def runs(night):
    """Start, length and stage of every run between the first and the last epoch of sleep."""
    asleep = np.flatnonzero(night > 0)
    night = night[asleep[0]:asleep[-1] + 1]
    night = night[night >= 0]
    starts = np.r_[0, np.flatnonzero(np.diff(night)) + 1]
    return starts, np.diff(np.r_[starts, len(night)]), night[starts]


def fit_hypnogram(folder):
    """Counts of transitions by clock and cycle, and the lengths of runs by clock."""
    counts = np.zeros((len(CLOCK_EDGES) + 1, len(REM_EDGES) + 1, 6, 6))
    lengths = {k: [] for k in range(6)}
    fractions = []
    for night in hypnograms(folder).values():
        start, length, stage = runs(night)
        last_rem = 0
        for i, k in enumerate(stage):
            end = start[i] + length[i]
            lengths[k].append((int(start[i]), int(length[i])))
            last_rem = end if k == 5 else last_rem
            if i + 1 < len(stage):
                counts[(*context(end, end - last_rem), k, stage[i + 1])] += 1
        scored = night[night >= 0]
        fractions.append(np.bincount(scored, minlength=6) / len(scored))
    return {"clock_edges": CLOCK_EDGES, "rem_edges": REM_EDGES, "transitions": counts,
            "first": np.bincount([runs(n)[2][0] for n in hypnograms(folder).values()], minlength=6),
            "run_lengths": [sorted(n for _, n in lengths[k]) for k in range(6)],
            "run_starts": [[s for s, _ in sorted(lengths[k], key=lambda p: p[1])] for k in range(6)],
            "fractions": np.array(fractions), "n_epochs": [int((n >= 0).sum()) for n in hypnograms(folder).values()]}


def simulated_powers(n_subjects, seed):
    """Log powers, stages and subjects of simulated young sleepers, two nights each."""
    z, y, subject = {}, {}, {}
    for number in range(n_subjects):
        for session in (1, 2):
            night = simulate_night("25-64", number, session, seed=seed, age=25 + number % 10, n_epochs=1085)
            channels = [spectrum.band_powers(np.ascontiguousarray(night.X[:, c] * 1e6)) for c in range(2)]
            record = (number, session)
            z[record] = np.column_stack([channels[0][:, 1:], channels[1][:, 1:], channels[0][:, 0], channels[1][:, 0]])
            y[record], subject[record] = night.y, number
    return z, y, subject


def correct(powers, real, simulated):
    """Move means and scale spreads so that the simulated statistics come nearer to the real ones."""
    powers["mean"] = powers["mean"] + real[0] - simulated[0]
    between = np.sqrt(np.clip(real[1] / simulated[1], 0.7, 1.4))
    within = np.clip(real[2] / simulated[2], 0.7, 1.4)[..., None]
    return powers | {"subject_factors": powers["subject_factors"] * between,
                     "quantiles": powers["quantiles"] * within}


def calibrate(powers, folder, rounds, n_subjects):
    """Simulate, compare with the real nights and correct, some rounds."""
    features, stages = weak_features(folder)[0], six_stages(folder)
    z = {r: log_powers(f)[:, :N_POWERS] for r, f in features.items()}
    real = stage_statistics(z, stages, {r: r[3:5] for r in z})
    for i in range(rounds):
        write("powers.json", powers)
        tables.load.cache_clear()
        simulated = stage_statistics(*simulated_powers(n_subjects, 1000 + i))
        print(f"round {i}: largest error of a mean {np.abs(real[0] - simulated[0]).max():.2f}, spreads between "
              f"{(simulated[1] / real[1]).mean():.2f}, within {(simulated[2] / real[2]).mean():.2f}", flush=True)
        powers = correct(powers, real, simulated)
    return powers


def write(name, tables):
    """Store tables as JSON with four digits."""
    plain = {k: np.round(v, 4).tolist() if isinstance(v, np.ndarray) else v for k, v in tables.items()}
    (PACKAGE / name).write_text(json.dumps(plain) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--real", type=Path, default=default_folder())
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--subjects", type=int, default=16, help="young sleepers simulated in each round")
    args = parser.parse_args()
    write("hypnogram.json", fit_hypnogram(args.real))
    write("powers.json", calibrate(fit_powers(args.real), args.real, args.rounds, args.subjects))


if __name__ == "__main__":
    main()
