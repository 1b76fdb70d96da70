"""What it would be worth to pool the prior of a held-out subject over models that learned from other target people.

    python benchmarks/prior_rule.py --data medium0 --data medium1 --out prior

``validate`` pools it over the other subjects' nights as the model of the source alone sees them. The strict way holds
two subjects out at a time: the nights of each other subject are seen by a model that learned from all target people but
these two. It takes two to three times as many fits. Printed are the scores of both ways, at two strengths.
"""

import argparse
from collections.abc import Mapping
from itertools import combinations
from pathlib import Path

import numpy as np

from beetl_task1.data.files import DataFolder
from beetl_task1.data.probabilities import Probabilities
from beetl_task1.data.recording import RecordingKey
from beetl_task1.decision import BalancedDecision
from beetl_task1.models.base import Resources
from beetl_task1.recipes.experiment import Experiment
from beetl_task1.recipes.recipe import load_recipe
from beetl_task1.task import TARGET_GROUPS
from beetl_task1.validation.crossval import decided, pooled_score
from beetl_task1.validation.outoffold import OutOfFold, Split, of, out_of_fold

RECIPES = ("features-logreg", "features-boost", "features-mean")
STRENGTHS = (0.5, 1.0)


def strictly_decided(
    found: OutOfFold, pairs: Mapping[frozenset[int], Probabilities], decision: BalancedDecision
) -> dict[RecordingKey, np.ndarray]:
    """Decide each held-out subject by a prior of models that saw neither it nor the subject whose night they see."""
    labels: dict[RecordingKey, np.ndarray] = {}
    for split, said in zip(found.splits, found.found, strict=True):
        [held_out] = split.held_out
        own, prior = of((held_out,), said), {}
        for other in set(found.subjects) - {held_out}:
            prior |= of((other,), pairs[frozenset((held_out, other))])
        labels |= decision.decide(own, prior_from=prior | own)
    return labels


def differences(name: str, group: str, data: DataFolder, resources: Resources) -> list[float]:
    """Print the scores of both ways and return by how much ``validate``'s is better, at each strength."""
    experiment = Experiment(load_recipe(name).but(younger_target=False), group, data)
    truth = {night.key: night.y for night in experiment.nights.target}
    people = sorted({key.subject for key in truth})
    without = {out: tuple(p for p in people if p not in out) for n in (1, 2) for out in combinations(people, n)}
    found = out_of_fold(experiment, [Split(without[(p,)], (p,)) for p in people], resources)
    pairs = {}
    for pair in combinations(people, 2):
        [pairs[frozenset(pair)]] = out_of_fold(experiment, [Split(without[pair], pair)], resources).found
    gains = []
    for strength in STRENGTHS:
        decision = BalancedDecision(strength=strength)
        ours = pooled_score(truth, decided(found, decision))
        strict = pooled_score(truth, strictly_decided(found, pairs, decision))
        gains.append(ours - strict)
        print(f"{data.path.name} {group} {name}, strength {strength}: {ours:.2f}, strictly {strict:.2f}", flush=True)
    return gains


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, action="append", required=True, help="a simulated tree; repeat it")
    parser.add_argument("--out", type=Path, required=True, help="cache")
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args()
    resources = Resources(given.out / "cache", given.jobs)
    found = np.array([
        differences(name, group, DataFolder(data), resources)
        for data in given.data
        for group in TARGET_GROUPS
        for name in RECIPES
    ])  # fmt: skip
    for strength, gains in zip(STRENGTHS, found.T, strict=True):
        print(f"strength {strength}: {gains.mean():+.2f} on average, {gains.min():+.2f} to {gains.max():+.2f}")


if __name__ == "__main__":
    main()
