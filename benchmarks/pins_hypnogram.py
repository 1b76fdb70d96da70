"""Pins of the hypnograms and of the scorer."""

from pathlib import Path

import numpy as np
from pin import Pin, close, percent
from real_nights import aged_hypnograms, hypnograms
from sklearn.metrics import cohen_kappa_score

from beetl_task1 import task
from beetl_task1.data.recording import RecordingKey
from beetl_task1.simulate import scorer, slots
from beetl_task1.simulate.night import scored_hypnogram
from beetl_task1.simulate.subject import draw_subject
from beetl_task1.simulate.tables import cohort, generator, load

TARGET_COUNTS = np.array([13_819, 3_311, 9_739, 1_393, 559, 3_189])
FINAL_COUNTS = np.array([10_268, 4_065, 8_180, 572, 41, 2_630])


def _runs(night: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    starts = np.r_[0, np.flatnonzero(np.diff(night)) + 1]
    return night[starts], np.diff(np.r_[starts, len(night)])


def _summary(nights: list[np.ndarray]) -> dict[str, np.ndarray]:
    """Shares, agreement of neighbours, mean run lengths, chain of transitions and nights without S4."""
    counts = np.array([np.bincount(n, minlength=6) for n in nights])
    chain = np.zeros((6, 6))
    for night in nights:
        np.add.at(chain, (night[:-1], night[1:]), 1)
    stage, length = (np.concatenate(v) for v in zip(*map(_runs, nights), strict=True))
    return {
        "shares": counts.sum(0) / counts.sum(),
        "agree": np.trace(chain) / chain.sum(),
        "runs": np.array([length[stage == k].mean() for k in range(6)]),
        "single": np.array([(length[stage == k] == 1).mean() for k in range(6)]),
        "chain": chain / chain.sum(1, keepdims=True),
        "no_s3": (counts[:, 3] == 0).mean(),
        "no_s4": (counts[:, 4] == 0).mean(),
        "length": np.array([counts.sum(1).mean(), counts.sum(1).std()]),
        "spread": (counts / counts.sum(1, keepdims=True)).std(0),
    }


def young_hypnograms(seed: int, n_subjects: int = 150) -> list[np.ndarray]:
    """Return scored hypnograms of two nights each of young sleepers."""
    nights = []
    for subject in range(n_subjects):
        for key in (RecordingKey("25-64", subject, session) for session in (1, 2)):
            traits = draw_subject(seed, key, 25 + subject % 10)
            nights.append(scored_hypnogram(seed, key, traits, 1085, "target"))
    return nights


def cohort_hypnograms(name: str, group: str, seed: int, n_subjects: int = 100) -> list[np.ndarray]:
    """Return scored hypnograms of two nights each of sleepers of a cohort, as long as its nights, in many seeds."""
    nights, table = [], load("hypnogram")[name]
    for subject in range(n_subjects):
        for key in (RecordingKey(group, 100 + subject, session) for session in (1, 2)):
            rng, own = generator(seed, "pinned", *key), seed + subject
            length = round(
                table["length"] * np.exp(rng.normal(0, table["length_spread"]) - table["length_spread"] ** 2 / 2)
            )
            age = float(rng.uniform(50, 60)) if name == "35-64" else None
            nights.append(scored_hypnogram(own, key, draw_subject(own, key, age), length, "target"))
    return nights


def pin_hypnograms(folder: Path, seed: int) -> list[Pin]:
    """Young hypnograms against 39 real nights."""
    real = [n[n >= 0] for n in hypnograms(folder).values()]
    return compare("young", _summary(real), _summary(young_hypnograms(seed)))


def pin_aged(folder: Path, seed: int) -> list[Pin]:
    """Hypnograms of 35-64, 65-79 and 80-95 against the real nights of 43, 20 and 14."""
    pins, nights = [], list(aged_hypnograms(folder).values())
    for name, group in (("35-64", "25-64"), ("65-79", "65-79"), ("80+", "80-95")):
        real = _summary([night for age, night in nights if cohort(age) == name])
        pins += compare(name, real, _summary(cohort_hypnograms(name, group, seed)))
    return pins


def compare(name: str, real: dict[str, np.ndarray], mine: dict[str, np.ndarray]) -> list[Pin]:
    """Return the pins of nights of one cohort."""
    off = np.abs(mine["shares"] - real["shares"])
    chain = np.abs(mine["chain"] - real["chain"])[real["shares"] > 0.01]
    common = real["shares"] > 0.01
    ratio, length = mine["runs"] / real["runs"], mine["length"] / real["length"]
    pins = [
        Pin(
            f"{name}: shares of W S1 S2 S3 S4 REM, %",
            percent(real["shares"]),
            percent(mine["shares"]),
            "each within a quarter or half a point",
            bool(((off < 0.25 * real["shares"]) | (off < 0.005)).all()),
        ),
        Pin(
            f"{name}: spread of the shares over nights, %",
            percent(real["spread"]),
            percent(mine["spread"]),
            "each within a half",
            bool((np.abs(np.log(mine["spread"] / real["spread"])) < np.log(1.5)).all()),
        ),
        close(f"{name}: neighbours agree", real["agree"], mine["agree"], 0.015, 3),
        Pin(
            f"{name}: mean run, epochs",
            " ".join(f"{v:.1f}" for v in real["runs"]),
            " ".join(f"{v:.1f}" for v in mine["runs"]),
            "each within a quarter (of stages above 1 %)",
            bool((np.abs(ratio - 1) < 0.25)[common].all()),
        ),
        Pin(
            f"{name}: runs of one epoch, %",
            percent(real["single"]),
            percent(mine["single"]),
            "within 8 points (of stages above 1 %)",
            bool((np.abs(mine["single"] - real["single"]) < 0.08)[common].all()),
        ),
        Pin(
            f"{name}: largest error of a transition",
            "0",
            f"{chain.max():.3f}",
            "at most 0.05",
            bool(chain.max() <= 0.05),
        ),
    ]
    if name == "young":
        within = bool(0.02 <= mine["no_s4"] <= 0.2)
        return [
            *pins,
            Pin(f"{name}: nights without S4, %", percent([real["no_s4"]]), percent([mine["no_s4"]]), "2 to 20", within),
        ]
    lacking = [np.array([summary["no_s3"], summary["no_s4"]]) for summary in (real, mine)]
    return [
        *pins,
        Pin(
            f"{name}: nights without S3, without S4, %",
            percent(lacking[0]),
            percent(lacking[1]),
            "within 15 points",
            bool((np.abs(lacking[0] - lacking[1]) < 0.15).all()),
        ),
        Pin(
            f"{name}: epochs a night, mean and spread",
            " ".join(f"{v:.0f}" for v in real["length"]),
            " ".join(f"{v:.0f}" for v in mine["length"]),
            "within a tenth and a quarter",
            bool(abs(length[0] - 1) < 0.1 and abs(length[1] - 1) < 0.25),
        ),
    ]


def group_counts(group: str, role: str, seed: int, prior: str = "target") -> np.ndarray:
    """Counts of the stages of a part of the full competition; needs no signal."""
    counts = np.zeros(6, dtype=int)
    for slot in slots("full", seed):
        if (slot.part.group, slot.part.role) == (group, role):
            traits = draw_subject(seed, slot.key)
            counts += np.bincount(scored_hypnogram(seed, slot.key, traits, slot.n_epochs, prior), minlength=6)
    return counts


def pin_old(folder: Path, seed: int) -> list[Pin]:
    """Stages of the old against the competition's counts."""
    seeds = range(seed, seed + 8)
    target = np.mean([group_counts("65-79", "target", s) + group_counts("80-95", "target", s) for s in seeds], axis=0)
    by_group = [np.mean([group_counts(g, "target", s) for s in seeds], axis=0) for g in task.TARGET_GROUPS]
    test = np.array([group_counts("80-95", "test", s) / 25_756 for s in seeds])
    final = group_counts("80-95", "test", seed, "final")
    off = np.abs(np.log(target / TARGET_COUNTS))
    drift = by_group[1] / by_group[1].sum() - by_group[0] / by_group[0].sum()
    spread = test.std(0) / test.mean(0)
    return [
        Pin(
            "old: counts of both targets, mean of 8 seeds",
            str(TARGET_COUNTS),
            str(target.round().astype(int)),
            "each within a quarter",
            bool((off < np.log(1.25)).all()),
        ),
        Pin(
            "old: 80-95 less 65-79, points of W S1 S2 S3 S4 REM",
            "unknown",
            percent(drift),
            "more W, less S3, S4, REM",
            bool(drift[0] > 0 and (drift[3:] < 0).all()),
        ),
        Pin(
            "old: spread of the test prior over seeds, % of it",
            "unknown",
            percent(spread),
            "at least 5 each",
            bool((spread > 0.05).all()),
        ),
        Pin(
            "old: --prior final, counts of 80-95 test",
            str(FINAL_COUNTS),
            str(final),
            "each share within 2 points",
            bool((np.abs(final - FINAL_COUNTS) / FINAL_COUNTS.sum() < 0.02).all()),
        ),
    ]


def pin_scorer(folder: Path, seed: int) -> list[Pin]:
    """Agreement of two scorers."""
    pins = []
    for group, age in (("25-64", 30.0), ("80-95", None)):
        first, truth, second = [], [], []
        for subject in range(60):
            key = RecordingKey(group, subject, 1)
            scored = scored_hypnogram(seed, key, draw_subject(seed, key, age), 1085, "target")
            path = scorer.course(generator(seed, "scorer", *key), scored)
            first.append(scored)
            truth.append(scorer.majority(path))
            second.append(scorer.majority(scorer.course(generator(seed, "second", *key), scorer.majority(path))))
        first, truth, second = map(np.concatenate, (first, truth, second))
        pins.append(close(f"{group}: kappa of two scorers", 0.76, cohen_kappa_score(first, second), 0.04))
    right = [100 * np.mean(truth[first == k] == k) for k in range(6)]
    pins.append(
        Pin(
            "80-95: labels that are the truth, % of W S1 S2 S3 S4 REM",
            "unknown",
            " ".join(f"{v:.0f}" for v in right),
            "least in S1, S3",
            bool(sorted(np.argsort(right)[:2]) == [1, 3]),
        )
    )
    return pins
