"""Pins of what models score."""

import json
from pathlib import Path

import numpy as np
from pin import Pin, close
from real_nights import six_stages, weak_features
from realism_nights import cached, fingerprint, young_features
from weak_features import ROWS, boost, relative, scores, three_rows

from beetl_task1.task import STAGES

MERGED = np.array([0, 1, 2, 3, 3, 4])
REAL_ROWS = ((68.1, 69.4), (71.9, 74.1), (72.1, 74.2))
KIT_SCORE = 57.56
SEEDS = 3
"""Draws of ten people whose rows are averaged: a gain differs by a point and a half between draws."""
ZOO = Path(__file__).resolve().parents[1] / "docs" / "zoo.json"
CONFUSIONS = ZOO.with_name("confusions.json")
CALLED = {"65-79": ("0.5 - <1 0.7", ("S1", "S4", "REM"), ()), "80-95": ("0.5 >1 >1 0.7", ("S1", "REM"), ("S3", "S4"))}
"""How often real networks call S1, S3, S4 and REM, of how often these are there; what is below 1, and above."""


def pin_rows(folder: Path, seed: int) -> list[Pin]:
    """The three measured rows of weak features, leaving one of ten people out, and the gain of each step."""
    rows = np.mean([_rows(one) for one in range(seed, seed + SEEDS)], axis=0)
    real = np.array(REAL_ROWS)
    pins = [
        close(f"{name}, {how}", real[i, j], rows[i, j], 5, 1)
        for i, name in enumerate(ROWS)
        for j, how in enumerate(("argmax", "decided"))
    ]
    gains = [
        ("relative features, argmax", rows[1, 0] - rows[0, 0], real[1, 0] - real[0, 0]),
        ("relative features, decided", rows[1, 1] - rows[0, 1], real[1, 1] - real[0, 1]),
    ]
    gains += [(f"decision, row {i + 1}", rows[i, 1] - rows[i, 0], real[i, 1] - real[i, 0]) for i in range(3)]
    gains += [("averaging, decided", rows[2, 1] - rows[1, 1], real[2, 1] - real[1, 1])]
    return pins + [
        Pin(f"gain of {name}", f"{known:+.1f}", f"{gain:+.1f}", "at most the real one + 1", bool(gain <= known + 1))
        for name, gain, known in gains
    ]


def _rows(seed: int) -> np.ndarray:
    X, y, subject = young_features(seed)
    five = {r: MERGED[v] for r, v in y.items()}
    return cached(f"rows-{seed}", lambda: {"rows": np.array(three_rows(X, five, subject))})["rows"]


def pin_cross(folder: Path, seed: int) -> list[Pin]:
    """Trained on real nights, tested on simulated ones, and the reverse."""

    def both(X):
        return np.concatenate([np.hstack([X[r], relative(X[r])]) for r in sorted(X)])

    def joined(y):
        return np.concatenate([MERGED[y[r]] for r in sorted(y)])

    X, y, _ = young_features(seed)
    real_X, real_y = weak_features(folder)[0], six_stages(folder)
    pairs = {"real": (both(real_X), joined(real_y)), "simulated": (both(X), joined(y))}

    def make():
        return {
            a: np.array(scores(pairs[b][1], boost().fit(*pairs[a]).predict_proba(pairs[b][0])))
            for a, b in (("real", "simulated"), ("simulated", "real"))
        }

    result = cached(f"cross-{seed}", make)
    return [
        Pin(
            f"trained on {a}, tested on {b}: argmax, decided",
            "within real: 71.9, 74.1",
            f"{result[a][0]:.1f}, {result[a][1]:.1f}",
            "above 50",
            bool(result[a].min() > 50),
        )
        for a, b in (("real", "simulated"), ("simulated", "real"))
    ]


def measured(seed: int) -> dict[str, dict]:
    """Return the rows of the zoo of one seed that are of the present simulator, by recipe."""
    rows = json.loads(ZOO.read_text())
    return {row["recipe"]: row for row in rows if row["seeds"] == [seed] and row.get("simulator") == fingerprint()}


def pin_network(folder: Path, seed: int) -> list[Pin]:
    """The start kit's network from the medium source straight to 80-95, as ``benchmarks/zoo.py`` measured it."""
    found = [row for recipe, row in measured(seed).items() if recipe == "kit-shallow"]
    name = "ShallowFBCSPNet, kit's settings, medium source to 80-95 test, argmax"
    return [close(name, KIT_SCORE, row["80-95"]["test_argmax"], 6, 1) for row in found]


def pin_transfers(folder: Path, seed: int) -> list[Pin]:
    """What the target's labels add by the argmax on the test set of 80-95, at most over transfers as trained."""
    scores = {recipe: row["80-95"]["test_argmax"] for recipe, row in measured(seed).items()}
    gains = {name: scores[name] - scores[alone] for name in scores if (alone := name.split("-")[0]) in scores}
    name = "target labels and networks, medium, 80-95 test, argmax: the best transfer over its source alone"
    best = sorted(gains, key=gains.__getitem__)[-1:]
    return [Pin(name, "+9.2", f"{gains[one]:+.1f} ({one})", "at least +4", bool(gains[one] >= 4)) for one in best]


def pin_confusions(folder: Path, seed: int) -> list[Pin]:
    """How a network trained on the source errs on the targets by its argmax, as ``benchmarks/confusions.py`` found.

    Real ones are of another entry's network. On the 65-79 target it hardly ever calls S4, which it takes for S3; on the
    test set of 80-95, where S4 is all but absent, S3 and S4 are called too often.
    """
    found = json.loads(CONFUSIONS.read_text())
    pins = []
    for group, rows in found["counts"].items():
        counts = np.array(rows)
        called = dict(zip(STAGES, counts.sum(axis=0) / np.maximum(counts.sum(axis=1), 1), strict=True))
        real, below, above = CALLED[group]
        holds = all(called[stage] < 1 for stage in below) and all(called[stage] > 1 for stage in above)
        asked = f"{' '.join(below)} below 1" + f", {' '.join(above)} above 1" * bool(above)
        told = " ".join(f"{called[stage]:.2f}" for stage in ("S1", "S3", "S4", "REM"))
        name = f"{found['recipe']}, source only, argmax, {group}: called as often as there, S1 S3 S4 REM"
        pins.append(Pin(name, real, told, asked, holds))
    shares = shares_of(found["counts"]["65-79"])
    for true, other, real in (("S4", "S3", 78), ("S3", "S2", 40), ("S1", "S2", 51)):
        name = f"{found['recipe']}, source only, argmax, 65-79: {true} called {other}, %"
        pins.append(close(name, real, shares[STAGES.index(true), STAGES.index(other)], 25, 0))
    return pins


def shares_of(rows: list[list[int]]) -> np.ndarray:
    """Return counts as per cent of each row."""
    counts = np.array(rows)
    return 100 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
