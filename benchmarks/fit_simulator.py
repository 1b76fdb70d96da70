"""Fit the simulator's tables to the real nights and store them beside its code.

    python benchmarks/fit_simulator.py [--real DIR]

Writes ``beetl_task1/simulate/hypnogram.json`` and ``powers.json``. Nothing else of the real data ships. The
means and spreads are then corrected in a few rounds, until young nights simulated with them have the real ones as
scored (borders blend, scorers err, so what goes in is not what comes out).
"""

import argparse
import json
import warnings
from pathlib import Path

import numpy as np
from fit_hypnograms import fit_hypnograms
from real_nights import default_folder, log_powers, six_stages, weak_features
from scipy.stats import norm, rankdata
from stage_statistics import RARE, stage_statistics

from beetl_task1.data.recording import RecordingKey
from beetl_task1.simulate import simulate_night, spectrum, tables
from beetl_task1.simulate.night import scored_hypnogram
from beetl_task1.simulate.subject import draw_subject, night_effect
from beetl_task1.simulate.tables import generator

PACKAGE = Path(__file__).resolve().parents[1] / "beetl_task1" / "simulate"
N_POWERS = 12
N_EPOCHS = 1085
"""Length of a simulated young night, the mean of the real ones."""
QUANTILES = np.array([0.002, 0.01, 0.03, 0.08, 0.16, 0.25, 0.35, 0.5, 0.65, 0.75, 0.84, 0.92, 0.97, 0.99, 0.998])
DRAWN = 300
"""Simulated people whose effects are drawn, without their signals, to know what the population has."""
NIGHT_PART = 0.8
"""Largest part of the variance between subjects (of means of two nights) that may be the nights'."""


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
        effect = np.array(
            [r.mean(0) - mean[k] if len(r) >= 8 else np.full(N_POWERS, np.nan) for k, r in enumerate(rows)]
        )
        common = np.nanmean(effect, axis=0)
        effects.append(np.where(np.isnan(effect), common, effect))
    return np.array(effects)


def factors(effects, subjects):
    """Split the nights' deviations into factors of the subject and of the night, each as rows to be summed.

    Means of two nights differ between subjects by what is the subject's and half of what is the night's variance. With
    ten people the one can come out below the other; the night then gets at most :data:`NIGHT_PART` of it.
    """
    flat = effects.reshape(len(effects), -1)
    names = sorted(set(subjects))
    means = np.array([flat[[s == n for s in subjects]].mean(0) for n in names])
    within = np.concatenate([flat[[s == n for s in subjects]] - m for n, m in zip(names, means, strict=True)])
    night = within / np.sqrt(len(names))
    subject = (means - means.mean(0)) / np.sqrt(len(names) - 1)
    part = 0.5 * (night**2).sum(0) / (subject**2).sum(0)
    kept = np.minimum(part, NIGHT_PART)
    return subject * np.sqrt(1 - kept), night * np.sqrt(kept / part)


def fit_powers(folder):
    """Tables of the log band powers: means, between subjects, between nights, within nights."""
    features, y = weak_features(folder)[0], six_stages(folder)
    z = {r: log_powers(f)[:, :N_POWERS] for r, f in features.items()}
    subjects = [r[3:5] for r in sorted(z)]
    per_night = [
        [z[r][y[r] == k].mean(0) if (y[r] == k).sum() >= 5 else np.full(N_POWERS, np.nan) for k in range(6)]
        for r in sorted(z)
    ]
    mean = np.nanmean(per_night, axis=0)
    subject, night = factors(night_effects(z, y, mean), subjects)
    quantiles, correlation = zip(*(residual_model(z, {r: y[r] == k for r in z}) for k in range(6)), strict=True)
    shape = (-1, 6, N_POWERS)
    return {
        "mean": mean,
        "subject_factors": subject.reshape(shape),
        "night_factors": night.reshape(shape),
        "levels": QUANTILES,
        "quantiles": np.array(quantiles),
        "correlation": np.array(correlation),
    }


def young_nights(n_subjects, seed):
    """Keys and ages of simulated young sleepers, two nights each."""
    return [(seed, RecordingKey("25-64", s, r), 25 + s % 10) for s in range(n_subjects) for r in (1, 2)]


def whole_effect(seed, key, age):
    """What a simulated sleeper and night add to the log powers, and the scored night."""
    traits = draw_subject(seed, key, age)
    effect = traits.effect + night_effect(generator(seed, "night", *key))
    return effect, scored_hypnogram(seed, key, traits, N_EPOCHS, "target")


def per_subject(values):
    """Means of consecutive pairs of nights, without the stages that a night lacks."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.nanmean(values.reshape(-1, 2, *values.shape[1:]), axis=1)


def drawn_effects(n_subjects, seed):
    """Mean and spread over subjects of the effects on the stages that a night has, without any signal, (2, 6, 12)."""
    sums = np.full((n_subjects, 2, 6, N_POWERS), np.nan)
    for s, key, age in young_nights(n_subjects, seed):
        effect, scored = whole_effect(s, key, age)
        enough = np.bincount(scored, minlength=6) >= RARE
        sums[key[1], key[2] - 1, enough] = effect[enough]
    people = per_subject(sums.reshape(-1, 6, N_POWERS))
    return np.nanmean(people, axis=0), np.nanstd(people, axis=0, ddof=1)


def simulated_powers(seed, key, age):
    """Log powers and scored stages of one simulated night."""
    night = simulate_night(key, seed=seed, age=age, n_epochs=N_EPOCHS)
    channels = [spectrum.band_powers(np.ascontiguousarray(night.X[:, c] * 1e6)) for c in range(2)]
    return np.column_stack([c[:, 1:] for c in channels] + [c[:, 0] for c in channels]), night.y


def measure(powers, n_subjects, seed):
    """How far nights lie from what went in: offset of the means, gain of the spread, spread within, (6, 12) each."""
    went_in, came_out, within = [], [], []
    for s, key, age in young_nights(n_subjects, seed):
        (z, y), effect = simulated_powers(s, key, age), whole_effect(s, key, age)[0]
        rows = [z[y == k] if (y == k).sum() >= RARE else np.full((1, N_POWERS), np.nan) for k in range(6)]
        came_out.append([r.mean(0) for r in rows])
        went_in.append(np.where(np.isnan(came_out[-1]), np.nan, effect))
        within.append([r.std(0) if len(r) > 1 else r[0] for r in rows])
    went_in, came_out = per_subject(np.array(went_in)), per_subject(np.array(came_out))
    gain = np.nanstd(came_out, axis=0) / np.nanstd(went_in, axis=0)
    return np.nanmean(came_out - went_in, axis=0), gain, np.nanmean(within, axis=0)


def calibrate(powers, folder, rounds, n_subjects):
    """Simulate, compare with the real nights and correct, some rounds, each less than the one before."""
    features, stages = weak_features(folder)[0], six_stages(folder)
    z = {r: log_powers(f)[:, :N_POWERS] for r, f in features.items()}
    real = stage_statistics(z, stages, {r: r[3:5] for r in z})
    for i in range(rounds):
        write("powers.json", powers)
        tables.load.cache_clear()
        offset, gain, within = measure(powers, n_subjects, 1000 + i)
        drawn_mean, drawn_spread = drawn_effects(DRAWN, 2000 + i)
        error = offset + drawn_mean - real[0]
        between = gain * drawn_spread / real[1]
        print(
            f"round {i}: mean off by up to {np.abs(error).max():.2f}, spread between subjects x {between.min():.2f} to "
            f"{between.max():.2f}, within a night x {(within / real[2]).min():.2f} to {(within / real[2]).max():.2f}",
            flush=True,
        )
        damping = 1 / max(1, i)
        correction = np.clip(between**-damping, 0.7, 1.4)
        powers["mean"] = powers["mean"] - damping * error
        powers["subject_factors"] = powers["subject_factors"] * correction
        powers["night_factors"] = powers["night_factors"] * correction
        powers["quantiles"] = powers["quantiles"] * np.clip((real[2] / within) ** damping, 0.7, 1.4)[..., None]
    return powers


def plain(value):
    """Return tables as JSON has them, with four digits."""
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    return np.round(value, 4).tolist() if isinstance(value, np.ndarray) else value


def write(name, found):
    """Store tables."""
    (PACKAGE / name).write_text(json.dumps(plain(found)) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--real", type=Path, default=default_folder())
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--subjects", type=int, default=20, help="young sleepers simulated in each round")
    parser.add_argument("--hypnograms", action="store_true", help="fit the hypnograms alone")
    args = parser.parse_args()
    write("hypnogram.json", fit_hypnograms(args.real, lambda found: write("hypnogram.json", found)))
    if args.hypnograms:
        return
    write("powers.json", calibrate(fit_powers(args.real), args.real, args.rounds, args.subjects))


if __name__ == "__main__":
    main()
