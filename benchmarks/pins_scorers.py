"""Pins of how far scorers agree, stage by stage."""

import itertools
import json
from collections import defaultdict
from pathlib import Path

import numpy as np
from pin import Pin

from beetl_task1.data.recording import RecordingKey
from beetl_task1.simulate import scorer
from beetl_task1.simulate.night import scored_hypnogram
from beetl_task1.simulate.subject import draw_subject
from beetl_task1.simulate.tables import generator

MERGED = np.array([0, 1, 2, 3, 3, 4])
STAGES = "W N1 N2 N3 REM"
JUDGE = Path(__file__).resolve().parents[1] / "docs" / "judge.json"


def agreement(pairs: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Return how often the second scorer says what the first did, by stage, (5,)."""
    table = np.zeros((5, 5))
    for first, second in pairs:
        both = (first >= 0) & (second >= 0)
        np.add.at(table, (first[both], second[both]), 1)
    return np.diag(table) / table.sum(1)


def real_pairs(folder: Path, kind: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return all pairs of scorers of the same night of ``dod_scorers.npz``; ``kind`` is ``dodh`` or ``dodo``."""
    nights = defaultdict(list)
    with np.load(folder / "dod_scorers.npz") as data:
        for name in data.files:
            of, record, who = name.split("__")
            if of == kind and who.startswith("scorer_"):
                nights[record].append(data[name].astype(int))
    return [(a[: len(b)], b[: len(a)]) for night in nights.values() for a, b in itertools.permutations(night, 2)]


def simulated_pairs(group: str, seed: int, n_subjects: int = 40) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return two scorers' hypnograms of simulated nights, both ways."""
    pairs = []
    for subject in range(n_subjects):
        key = RecordingKey(group, 100 + subject, 1)
        first = scored_hypnogram(seed, key, draw_subject(seed, key), 1085, "target")
        path = scorer.course(generator(seed, "scorer", *key), first)
        second = scorer.majority(scorer.course(generator(seed, "second", *key), scorer.majority(path)))
        one, other = MERGED[first], MERGED[second]
        pairs += [(one, other), (other, one)]
    return pairs


def pin_scorers(folder: Path, seed: int) -> list[Pin]:
    """Agreement by stage: of the healthy with 25-64, of people with apnoea with 65-79."""
    pins = []
    for kind, group in (("dodh", "25-64"), ("dodo", "65-79")):
        real, mine = agreement(real_pairs(folder, kind)), agreement(simulated_pairs(group, seed))
        off = np.abs(mine - real)
        pins.append(
            Pin(
                f"{group}: a second scorer agrees, % of {STAGES}",
                " ".join(f"{100 * v:.0f}" for v in real),
                " ".join(f"{100 * v:.0f}" for v in mine),
                "each within 12 points",
                bool((off < 0.12).all()),
            )
        )
    return pins


def pin_judge(folder: Path, seed: int) -> list[Pin]:
    """What ``benchmarks/judge.py`` found; real numbers are a second scorer's, as YASA's are not published by stage."""
    found, pins = json.loads(JUDGE.read_text()), []
    healthy, apnoea = (agreement(real_pairs(folder, kind)) for kind in ("dodh", "dodo"))
    kappas = [each["kappa"] for each in found.values()]
    name = f"YASA on Fpz-Cz, kappa of {', '.join(found)}"
    falls = kappas == sorted(kappas, reverse=True)
    pins.append(Pin(name, "falls with age", " ".join(f"{kappa:.2f}" for kappa in kappas), "so", falls))
    for cohort, each in found.items():
        scorers = healthy if cohort in ("25-34", "35-64") else apnoea
        recall = np.array(list(each["recall"].values()))
        told = [" ".join(f"{100 * v:.0f}" for v in values) for values in (scorers, recall)]
        near = bool((np.abs(recall - scorers) <= 0.25).all())
        pins.append(Pin(f"YASA on Fpz-Cz, {cohort}: recall of {STAGES}, %", *told, "each within 25 points", near))
    return pins
