"""Fit what the simulator's hypnograms are drawn from, for each cohort of real people."""

import numpy as np
from real_nights import aged_hypnograms, hypnograms
from scipy.optimize import brentq
from scipy.special import logit
from scipy.stats import norm

from beetl_task1.simulate import hypnogram, tables
from beetl_task1.simulate.tables import COHORTS, cohort, generator

CLOCK_EDGES = (90, 240, 480, 720)
"""Epochs since sleep onset: bins of the hypnogram's clock."""
REM_EDGES = (60, 120, 180)
"""Epochs since the last REM epoch (or sleep onset): bins of the sleep cycle."""
ROUNDS = 8
TRIMS = (0.7, 1.4)
"""The most that the tilt is corrected: long Wake is a matter of the nights chosen, not of more and shorter bouts."""
LEAST_SPREAD = 0.1
"""Least part of the variance of the shares that is the sleeper's and the night's, not the chain's."""
TRIMMED = 150
"""Nights drawn in each round of correcting the tilt."""


def fit_hypnograms(folder, write):
    """Return the tables of every cohort; ``write(tables)`` stores them, as the tilt is corrected by drawing."""
    nights = {name: [] for name in COHORTS}
    for age, night in aged_hypnograms(folder).values():
        nights[cohort(age)].append(night)
    nights["25-34"] = [night[night >= 0] for night in hypnograms(folder).values()]
    found = {name: fit_chain(each) | fit_shares(each) | {"trim": np.ones(6)} for name, each in nights.items()}
    spreads = {name: (table["wake_spread"], table["sleep_spread"]) for name, table in found.items()}
    for i in range(ROUNDS):
        write(found)
        tables.load.cache_clear()
        for name, table in found.items():
            table |= corrected(name, table, spreads[name], 1 / max(1, i - 2))
    return found


def corrected(name, table, spread, damping):
    """Return the tilt's trim and the spread of the shares after nights of the cohort's own shares were drawn.

    The chain alone spreads the shares, which is taken off.
    """
    wake = 1 / (1 + np.exp(-table["wake"]))
    wanted = np.r_[wake, (1 - wake) * table["sleep"] / table["sleep"].sum()]
    drawn = [hypnogram.draw(generator(3000 + i, "trim"), table["length"], wanted, cohort=name) for i in range(TRIMMED)]
    counts = np.array([np.bincount(night, minlength=6) for night in drawn])
    edges = np.eye(6)[0] * 2 * hypnogram.edge(table["length"], name)
    inside, out = wanted * table["length"] - edges, counts.mean(0) - edges
    asleep = counts[:, 1:] / counts[:, 1:].sum(1, keepdims=True)
    left = spread[1] ** 2 - np.log1p(asleep.var(0) / asleep.mean(0) ** 2)
    awake = spread[0] ** 2 - logit(counts[:, 0] / table["length"]).var()
    trim = table["trim"] * np.clip(inside / out, 0.5, 2) ** damping
    return {
        "trim": np.clip(trim / np.exp(np.log(trim[1:]).mean()), *TRIMS),
        "wake_spread": float(np.sqrt(max(awake, LEAST_SPREAD * spread[0] ** 2))),
        "sleep_spread": np.sqrt(np.maximum(left, LEAST_SPREAD * spread[1] ** 2)),
    }


def context(position, since_rem):
    """Bin of the clock and of the sleep cycle."""
    return int(np.searchsorted(CLOCK_EDGES, position, "right")), int(np.searchsorted(REM_EDGES, since_rem, "right"))


def runs(night):
    """Start, length and stage of every run between the first and the last epoch of sleep."""
    asleep = np.flatnonzero(night > 0)
    night = night[asleep[0] : asleep[-1] + 1]
    starts = np.r_[0, np.flatnonzero(np.diff(night)) + 1]
    return starts, np.diff(np.r_[starts, len(night)]), night[starts]


def fit_chain(nights):
    """Counts of transitions by clock and cycle, and the lengths of runs by clock."""
    counts = np.zeros((len(CLOCK_EDGES) + 1, len(REM_EDGES) + 1, 6, 6), dtype=int)
    lengths = {k: [] for k in range(6)}
    for night in nights:
        start, length, stage = runs(night)
        last_rem = 0
        for i, k in enumerate(stage):
            end = start[i] + length[i]
            lengths[k].append((int(start[i]), int(length[i])))
            last_rem = end if k == 5 else last_rem
            if i + 1 < len(stage):
                counts[(*context(end, end - last_rem), k, stage[i + 1])] += 1
    return {
        "clock_edges": CLOCK_EDGES,
        "rem_edges": REM_EDGES,
        "transitions": counts,
        "first": np.bincount([runs(n)[2][0] for n in nights], minlength=6),
        "run_starts": [[start for start, _ in sorted(lengths[k])] for k in range(6)],
        "run_lengths": [[length for _, length in sorted(lengths[k])] for k in range(6)],
    }


def fit_shares(nights):
    """Shares of the stages: Wake by the length of the night, the others in sleep, and their spread over nights."""
    counts = np.array([np.bincount(n, minlength=6) for n in nights])
    length = counts.sum(1)
    odds = logit(counts[:, 0] / length)
    centred = np.log(length / length.mean())
    slope, wake = np.polyfit(centred, odds, 1)
    asleep = counts[:, 1:] / counts[:, 1:].sum(1, keepdims=True)
    there = asleep > 0
    lacking = np.clip(1 - there.mean(0), 0.001, None)
    kept = np.where(there, asleep, np.nan)
    return {
        "length": int(length.mean()),
        "length_spread": float(np.log(length).std()),
        "wake": float(wake),
        "wake_slope": float(slope),
        "wake_spread": float(np.std(odds - np.polyval([slope, wake], centred))),
        "sleep": asleep.mean(0),
        "sleep_spread": np.array(
            [
                log_spread(*pair)
                for pair in zip(np.nanstd(kept, axis=0) / np.nanmean(kept, axis=0), lacking, strict=True)
            ]
        ),
        "lacking": lacking[2:4],
    }


def log_spread(relative, lacking):
    """Return the deviation of the logs of shares that spread so much where they are not lacking, as the least are."""
    least = norm.ppf(lacking)

    def excess(spread):
        mean = np.exp(spread**2 / 2) * norm.cdf(spread - least)
        return np.exp(2 * spread**2) * norm.cdf(2 * spread - least) * (1 - lacking) / mean**2 - 1 - relative**2

    return brentq(excess, 0.01, 3)
