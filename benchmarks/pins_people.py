"""Pins of simulated people of all ages against the table of 59 real people.

The models are those of ``benchmarks/weak_features.py`` on a third of the epochs, fitted once, so that both tables are
read alike within a minute; ``benchmarks/real_people.py --file`` runs the shipped recipes on either.
"""

import json
from dataclasses import replace
from functools import partial
from itertools import combinations
from pathlib import Path

import numpy as np
from aged_nights import people
from pin import Pin, close
from realism_nights import cached
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import balanced_accuracy_score
from weak_features import relative

from beetl_task1.context import Transitions, forward_backward
from beetl_task1.context.transitions import count_transitions

GROUPS = {"25-64": (25, 64), "65-79": (65, 79), "80+": (80, 120)}
PEOPLE = [42, 10, 7]
"""Simulated people of each group, as many as real ones: with fewer, models learn less from the source."""
DRAWS = 3
"""Of the old, whose scores are averaged: ten and seven people differ by three points between draws."""
TOLERANCES = {"argmax": 4, "decided": 4, "gain of target": 2, "gain of relative features": 2, "gain of order": 2}
STAGES = ("W", "S1", "S2", "S3+4", "REM")
SIX = np.array([0, 1, 2, 3, 5])
RARE, MANY = 8, 30
"""Epochs that a stage's mean and spread, and a comparison of spreads, need."""
ROWS = Path(__file__).resolve().parents[1] / "docs" / "people.json"
Table = dict[str, dict[str, np.ndarray]]


def real_table(folder: Path) -> Table:
    """Return the real nights: features (n, 20), stages 0-4 and age, scored epochs alone."""
    with np.load(folder / "sleep_edf_78" / "features.npz") as data:
        return as_table(data)


def simulated_tables(seed: int) -> list[Table]:
    """Return simulated nights in the same form: the same young people with each draw of old ones."""
    young = as_table(cached(f"young-people-{seed}", lambda: people([PEOPLE[0], 0, 0], seed, 2)))
    draws = range(seed, seed + 1000 * DRAWS, 1000)
    old = [cached(f"old-people-{draw}", partial(people, [0, *PEOPLE[1:]], draw, 2)) for draw in draws]
    return [young | as_table(each) for each in old]


def all_together(tables: list[Table]) -> Table:
    """Return the nights of all draws."""
    return {f"{record}-{i}": night for i, table in enumerate(tables) for record, night in table.items()}


def as_table(data) -> Table:
    """Return the nights of a stored table."""
    nights = {}
    for record in sorted({name.rsplit("_", 1)[0] for name in data}):
        y = data[f"{record}_y"].astype(int)
        X = data[f"{record}_X"].reshape(len(y), 20).astype(float)
        nights[record] = {"X": X[y >= 0], "y": y[y >= 0], "age": int(data[f"{record}_age"])}
    return nights


def of_group(table: Table, group: str) -> Table:
    """Return the nights of an age group."""
    youngest, oldest = GROUPS[group]
    return {r: night for r, night in table.items() if youngest <= night["age"] <= oldest}


def log_shares(X: np.ndarray) -> np.ndarray:
    """Return the log of the relative powers, (n, 10)."""
    return np.log(np.maximum(X.reshape(-1, 2, 10)[:, :, 5:], 1e-6)).reshape(len(X), 10)


def moments(nights: Table) -> np.ndarray:
    """Mean, spread between people's nights and mean spread within a night, of every stage, (3, 5, 10)."""
    found = []
    for k in range(5):
        rows = [log_shares(n["X"][n["y"] == k]) for n in nights.values() if (n["y"] == k).sum() >= RARE]
        means = np.array([r.mean(0) for r in rows])
        found.append([means.mean(0), means.std(0, ddof=1), np.mean([r.std(0) for r in rows], axis=0)])
    return np.array(found).transpose(1, 0, 2)


def pin_shares_of_power(folder: Path, seed: int) -> list[Pin]:
    """Relative band powers by stage and channel, group by group, and how near the stages lie to each other."""
    real, mine, pins = real_table(folder), all_together(simulated_tables(seed)), []
    for group in GROUPS:
        a, b = moments(of_group(real, group)), moments(of_group(mine, group))
        off, between, within = np.abs(b[0] - a[0]), b[1] / a[1], b[2] / a[2]
        pins += [
            Pin(
                f"{group}: relative band powers, error of a stage's mean, nats: mean and largest of 50",
                "0",
                f"{off.mean():.2f} {off.max():.2f}",
                "at most 0.15 and 0.5",
                bool(off.mean() <= 0.15 and off.max() <= 0.5),
            ),
            _ratio(f"{group}: relative band powers, spread between nights", between, 0.5, 2.0),
            _ratio(f"{group}: relative band powers, spread within a night", within, 0.7, 1.3),
            _distances(group, a, b),
            _scatter(group, of_group(real, group), of_group(mine, group)),
        ]
    return pins


def _ratio(name: str, ratio: np.ndarray, low: float, high: float) -> Pin:
    inside = np.mean((ratio >= low) & (ratio <= high))
    shown = f"{np.median(ratio):.2f}, {inside:.0%} in"
    return Pin(
        f"{name}, simulated / real: median",
        "1",
        shown,
        f"{low:g} to {high:g} in eight of ten cells",
        bool(inside >= 0.8),
    )


def _distances(group: str, real: np.ndarray, mine: np.ndarray) -> Pin:
    """Distance of stages' means, in the spreads between and within nights together."""
    pairs = ((0, 1), (0, 4), (1, 4), (1, 2), (2, 3))
    a, b = ([_distance(m, *pair) for pair in pairs] for m in (real, mine))
    names = " ".join(f"{STAGES[i]}-{STAGES[j]}" for i, j in pairs)
    near = np.abs(np.log(np.divide(b, a))) < np.log(1.35)
    shown = [" ".join(f"{v:.2f}" for v in values) for values in (a, b)]
    return Pin(f"{group}: distance of {names}, spreads", *shown, "each within a third", bool(near.all()))


def _scatter(group: str, real: Table, mine: Table) -> Pin:
    """How much nights differ in the spread of their epochs of a stage, SD of its log, all powers together."""
    a, b = (_scatters(nights) for nights in (real, mine))
    near = np.abs(np.log(b / a)) < np.log(1.5)
    shown = [" ".join(f"{v:.2f}" for v in values) for values in (a, b)]
    name = f"{group}: spread within a night, how much it differs between nights, {' '.join(STAGES)}, SD of its log"
    return Pin(name, *shown, "each within a half", bool(near.all()))


def _scatters(nights: Table) -> np.ndarray:
    found = []
    for k in range(5):
        rows = [log_shares(n["X"][n["y"] == k]) for n in nights.values() if (n["y"] == k).sum() >= MANY]
        logs = np.log([r.std(0) for r in rows])
        found.append((logs - logs.mean(0)).mean(1).std(ddof=1))
    return np.array(found)


def _distance(m: np.ndarray, i: int, j: int) -> float:
    return float(np.sqrt(np.mean((m[0, i] - m[0, j]) ** 2 / (m[1:, [i, j]] ** 2).sum((0, 1)) * 2)))


def pin_people(folder: Path, seed: int) -> list[Pin]:
    """Scores of one model on both tables, and what target people and the true order add to them; and by draw."""
    real = cached("real-people-scores", lambda: scores(real_table(folder)))
    mine = cached(f"simulated-people-draws-{seed}", lambda: by_draw(simulated_tables(seed)))
    pins = []
    for group in GROUPS:
        for how, tolerance in TOLERANCES.items():
            key = f"{group} {how}"
            if key in real:
                name = f"boosted trees on 20 features, 25-64 to {group}: {how}"
                pin = close(name, float(real[key]), float(mine[key].mean()), tolerance, 1)
                drawn = f" ({mine[key].min():.1f} to {mine[key].max():.1f})" * (group != "25-64")
                pins.append(replace(pin, simulated=pin.simulated + drawn))
    return pins


def pin_recipes(folder: Path, seed: int) -> list[Pin]:
    """Scores of the recipes that ship, as ``real_people.py --keep`` found, and which of two wins where people tell."""
    rows = json.loads(ROWS.read_text())
    real, mine = ({(row["protocol"], row["recipe"]): row for row in rows[name]} for name in ("real", "simulated"))
    pins = []
    for group in ("65-79", "80-95"):
        pairs = combinations(sorted(recipe for protocol, recipe in mine if protocol == group), 2)
        told = [pair for pair in pairs if _apart(*(real[group, recipe] for recipe in pair))]
        better = [[each[group, a]["score"] > each[group, b]["score"] for a, b in told] for each in (real, mine)]
        same = int(np.equal(*better).sum())
        name = f"{group}: pairs of recipes on features that real people tell apart, in the same order"
        pins.append(Pin(name, str(len(told)), str(same), "nine of ten", same >= 0.9 * len(told)))
        for recipe in ("features-logreg", "features-boost", "features-kernel", "features-set", "default"):
            pair = (each[group, recipe]["score"] for each in (real, mine))
            pins.append(close(f"{group}, six or five labelled people: {recipe} on 20 features", *pair, 4, 1))
    return pins


def _apart(a: dict, b: dict) -> bool:
    """Whether the difference of two recipes is more than twice its standard error over people."""
    difference = np.array([a["people"][person] - b["people"][person] for person in a["people"]])
    return bool(abs(a["score"] - b["score"]) > 2 * difference.std(ddof=1) / np.sqrt(len(difference)))


def scores(table: Table) -> dict[str, float]:
    """Return scores x 100: a quarter of 25-64 is left out; half of the old are target for the other half, in turn."""
    young = of_group(table, "25-64")
    numbers = sorted({r[:5] for r in young})
    held = {r: n for r, n in young.items() if r[:5] in numbers[::4]}
    source = {r: n for r, n in young.items() if r not in held}
    chain = Transitions(sum(count_transitions(SIX[n["y"]], 30.0 * np.arange(len(n["y"]))) for n in source.values()), "")
    model, plain, found = fit(source), fit(source, features=as_they_are), {}
    for group in GROUPS:
        tested = held if group == "25-64" else of_group(table, group)
        said = {r: predict(model, n) for r, n in tested.items()}
        found[f"{group} argmax"], found[f"{group} decided"] = score(tested, said, 0), score(tested, said, 1)
        without = {r: predict(plain, n, as_they_are) for r, n in tested.items()}
        found[f"{group} gain of relative features"] = found[f"{group} decided"] - score(tested, without, 1)
        ordered = {r: smoothed(p, chain) for r, p in said.items()}
        found[f"{group} gain of order"] = score(tested, ordered, 1) - found[f"{group} decided"]
        if group != "25-64":
            turns = with_target(source, tested)
            found[f"{group} gain of target"] = score(tested, turns, 1) - found[f"{group} decided"]
    return {name: np.float64(value) for name, value in found.items()}


def by_draw(tables: list[Table]) -> dict[str, np.ndarray]:
    """Return the scores of each of some tables."""
    found = [scores(table) for table in tables]
    return {name: np.array([each[name] for each in found]) for name in found[0]}


def with_target(source: Table, tested: Table) -> dict[str, np.ndarray]:
    """Return what is said of each half of the old by a model that saw the other half, weighted three times."""
    numbers, said = sorted({r[:5] for r in tested}), {}
    for part in (0, 1):
        target = {r: n for r, n in tested.items() if r[:5] in numbers[part::2]}
        model = fit(source, target)
        said |= {r: predict(model, n) for r, n in tested.items() if r not in target}
    return said


def both(night: dict[str, np.ndarray]) -> np.ndarray:
    """Return features as they are and relative to the night."""
    return np.hstack([night["X"], relative(night["X"])])


def as_they_are(night: dict[str, np.ndarray]) -> np.ndarray:
    """Return features as they are."""
    return night["X"]


def fit(source: Table, target: Table | None = None, features=both) -> HistGradientBoostingClassifier:
    """Return trees that learned from a third of the source's epochs and all of the target's."""
    nights = [(n, 3) for n in source.values()] + [(n, 1) for n in (target or {}).values()]
    X = np.concatenate([features(n)[::step] for n, step in nights])
    y = np.concatenate([n["y"][::step] for n, step in nights])
    return HistGradientBoostingClassifier(max_iter=100, random_state=0, early_stopping=False).fit(X, y)


def predict(model: HistGradientBoostingClassifier, night: dict[str, np.ndarray], features=both) -> np.ndarray:
    """Return the probabilities of a night."""
    return model.predict_proba(features(night))


def smoothed(proba: np.ndarray, chain: Transitions) -> np.ndarray:
    """Return probabilities after messages along the night."""
    six = np.zeros((len(proba), 6))
    six[:, SIX] = proba
    return forward_backward(six, chain)[:, SIX]


def score(tested: Table, said: dict[str, np.ndarray], strength: float) -> float:
    """Return balanced accuracy x 100, posteriors divided by a power of their mean."""
    proba = np.concatenate([said[r] for r in tested])
    truth = np.concatenate([n["y"] for n in tested.values()])
    return 100 * balanced_accuracy_score(truth, (proba / proba.mean(0) ** strength).argmax(1))
