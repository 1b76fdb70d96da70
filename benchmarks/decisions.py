"""Ways to decide, compared on real people: what the default says of the people left out, turned into labels.

    python benchmarks/decisions.py --out people          (add --six to tell S3 and S4 apart, as well as the file can)

- *mean posterior*: dividing by the mean of the probabilities to the power of a strength, as ``[decision]`` does;
- *training prior*: by the shares of the stages that trained, as the models weigh them (by the root of their rarity):
  the best decision where the probabilities are calibrated and nothing changed but the mix of stages, with which
  expectation-maximisation (Saerens et al. 2002) cancels out, since the score weighs stages alike;
- *expected score*: by the mean posterior with a hundredth added to each stage, as a prior that is not known for sure;
- *true prior*: by the true shares of the people left out, which nobody knows;
- *learned offsets*: an offset for each stage and one temperature, fitted to what is said of the other target people
  (balanced log loss, drawn towards dividing by the mean posterior).
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from real_people import DATA, TARGETS, Bench, nights_of
from scipy.optimize import minimize
from scipy.special import log_softmax

from beetl_task1.recipes.recipe import load_recipe
from beetl_task1.scoring import leaderboard_score
from beetl_task1.task import N_OUTPUTS

STRENGTHS = (0.0, 0.5, 0.75, 1.0, 1.25)
ADDED = 0.01
SHRINKAGE = 0.03
_SMALLEST = 1e-9


def shares(y: np.ndarray) -> np.ndarray:
    """Return the shares of the stages."""
    return np.bincount(y, minlength=N_OUTPUTS) / len(y)


def learned(p: np.ndarray, y: np.ndarray, person: np.ndarray) -> np.ndarray:
    """Return labels of each person by offsets and a temperature that were fitted to the others."""
    told, decided = np.log(p + _SMALLEST) - np.log(p.mean(axis=0) + _SMALLEST), np.empty_like(y)
    for number in np.unique(person):
        others = person != number
        weights = 1 / np.maximum(np.bincount(y[others], minlength=N_OUTPUTS), 1)[y[others]]

        def loss(v: np.ndarray, others=others, weights=weights) -> float:
            right = log_softmax(told[others] * v[-1] + v[:-1], axis=1)[np.arange(others.sum()), y[others]]
            drawn = np.square(v[:-1]).sum() + (v[-1] - 1) ** 2
            return float(-(weights * right).sum() / weights.sum() + SHRINKAGE * drawn)

        found = minimize(loss, np.append(np.zeros(N_OUTPUTS), 1.0), method="L-BFGS-B").x
        decided[~others] = (told[~others] * found[-1] + found[:-1]).argmax(axis=1)
    return decided


def rows(bench: Bench, protocol: str) -> list[tuple[str, list[float]]]:
    """Return each way with its scores."""
    truth = bench.truth(protocol)
    said = {k: p for fold in bench.run(load_recipe("default"), protocol) for k, p in fold.outer.items() if k in truth}
    p, y = np.concatenate([np.asarray(said[k], float) for k in said]), np.concatenate([truth[k] for k in said])
    person = np.concatenate([[k.subject] * len(truth[k]) for k in said])
    there = np.flatnonzero(np.bincount(y, minlength=N_OUTPUTS))

    trained = np.sqrt(shares(np.concatenate([night.y for night in nights_of(bench.people["25-64"])])))
    priors = {
        "mean posterior": p.mean(axis=0),
        "training prior": trained / trained.sum(),
        "expected score": p.mean(axis=0) + ADDED,
        "true prior": shares(y),
    }
    ways = []
    for name, prior in priors.items():
        told = [(p / np.maximum(prior, _SMALLEST) ** strength)[:, there] for strength in STRENGTHS]
        ways.append((name, [leaderboard_score(y, there[each.argmax(axis=1)]) for each in told]))
    return [*ways, ("learned offsets", [leaderboard_score(y, learned(p, y, person))])]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="fits, those of real_people.py")
    parser.add_argument("--six", action="store_true", help="tell S3 and S4 apart, as well as the file can")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    if not DATA.exists():
        sys.exit(f"skipped: {DATA} is not there; it is not part of the project")
    bench = Bench([DATA], options.out, options.jobs, six=options.six)
    print(f"| group | by the | strength {' / '.join(f'{s:g}' for s in STRENGTHS)} |\n|---|---|---|")
    for protocol in TARGETS:
        for name, scores in rows(bench, protocol):
            print(f"| {protocol} | {name} | {' / '.join(f'{s:.1f}' for s in scores)} |", flush=True)


if __name__ == "__main__":
    main()
