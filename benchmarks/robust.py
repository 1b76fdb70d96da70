"""What odd nights cost: the default beside the mean of regression and boosting, which has none of its ideas.

    beetl-task1 simulate --out medium0 --size medium --seed 0        (and 1, 2)
    python benchmarks/robust.py --data medium0 --data medium1 --data medium2 --out robust

Both recipes are trained on each competition. The first night of each test person is then changed, in turn: no S4; seven
epochs of ten Wake; 90 minutes of a night; a channel that is lost; a gain of ten; 50 Hz on top; the stages of people of
80 and over. Printed is the score of the default and how far it lies over the other, the mean of the
competitions.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np

from beetl_task1.data.files import DataFolder
from beetl_task1.data.recording import Recording
from beetl_task1.models.base import Resources
from beetl_task1.recipes.checkpoint import load_predictor
from beetl_task1.recipes.experiment import Experiment
from beetl_task1.recipes.recipe import load_recipe
from beetl_task1.recipes.training import train_if_missing
from beetl_task1.scoring import leaderboard_score
from beetl_task1.task import SFREQ, TARGET_GROUPS

RECIPES = ("default", "features-mean")
OLD = np.array([0.443, 0.135, 0.294, 0.025, 0.004, 0.098])
"""Shares of the stages in real nights of people of 80 and over, cropped to 30 minutes around sleep."""
Change = Callable[[np.ndarray, np.ndarray, np.random.Generator], tuple[np.ndarray, np.ndarray]]


def thinned(
    X: np.ndarray, y: np.ndarray, shares: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return as many epochs as have the stages in the given shares, as far as a stage is there at all."""
    counts = np.bincount(y, minlength=6)
    most = min(counts[k] / shares[k] for k in range(6) if shares[k] > 0.02 and counts[k])
    kept = [
        rng.choice(np.flatnonzero(y == k), min(counts[k], round(most * shares[k])), replace=False) for k in range(6)
    ]
    rows = np.sort(np.concatenate(kept))
    return X[rows], y[rows]


def _mostly_wake(X, y, rng):
    shares = np.bincount(y, minlength=6) / len(y)
    asleep = np.where(np.arange(6) > 0, shares, 0)
    return thinned(X, y, np.where(np.arange(6) > 0, 0.3 * asleep / asleep.sum(), 0.7), rng)


def _short(X, y, rng):
    rows = np.sort(rng.choice(len(y), min(len(y), 180), replace=False))
    return X[rows], y[rows]


def _lost(X, y, rng):
    X = X.copy()
    X[:, 1] = rng.normal(0, 2e-7, X[:, 1].shape)
    return X, y


def _hum(X, y, rng):
    phase = rng.uniform(0.25, 0.75) * np.pi  # at half the sampling rate
    return (X + 2e-5 * np.cos(2 * np.pi * 50 * np.arange(X.shape[2]) / SFREQ + phase)).astype(np.float32), y


CHANGES: dict[str, Change] = {
    "as they are": lambda X, y, rng: (X, y),
    "no S4": lambda X, y, rng: (X[y != 4], y[y != 4]),
    "70 % Wake": _mostly_wake,
    "90 minutes": _short,
    "Pz-Oz lost": _lost,
    "gain of ten": lambda X, y, rng: (X * 10, y),
    "50 Hz added": _hum,
    "stages of 80+": lambda X, y, rng: thinned(X, y, OLD, rng),
}


def truths(folder: DataFolder, group: str) -> list[np.ndarray]:
    """Return the true stages of each test night."""
    nights = folder.recordings(group, "test")
    truth = np.loadtxt(folder.path / "truth" / f"{group}.txt", dtype=int)
    return np.split(truth, np.cumsum([night.n_epochs for night in nights])[:-1])


def scores(data: Path, out: Path, jobs: int) -> dict[tuple[str, str], dict[str, float]]:
    """Return the score of each recipe, by change and group, on one competition."""
    folder, resources, found = DataFolder(data), Resources(out / "cache", jobs), {}
    for group in TARGET_GROUPS:
        experiments = [Experiment(load_recipe(name), group, folder) for name in RECIPES]
        place = out / data.name / "checkpoints"
        for experiment in experiments:
            train_if_missing(experiment, place, resources)
        predictors = [load_predictor(place, name, group, resources)[0] for name in RECIPES]
        every = zip(folder.recordings(group, "test"), truths(folder, group), strict=True)
        nights = [(night, y) for night, y in every if night.key.session == 1]
        for change, apply in CHANGES.items():
            rng, changed = np.random.default_rng(0), []
            for night, y in nights:
                X, labels = apply(night.X, y, rng)
                changed.append(Recording.from_arrays(night.key, np.ascontiguousarray(X), labels))
            truth = np.concatenate([night.y for night in changed])
            for experiment, predictor in zip(experiments, predictors, strict=True):
                predictor.prepare(changed)
                p = {night.key: predictor.predict_proba(night) for night in changed}
                labels = experiment.recipe.decision.decide(p)
                told = np.concatenate([labels[night.key] for night in changed])
                found.setdefault((change, group), {})[experiment.recipe.name] = leaderboard_score(truth, told)
            print(data.name, group, change, found[change, group], flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, action="append", required=True, help="a simulated competition; repeat it")
    parser.add_argument("--out", type=Path, required=True, help="checkpoints and cache")
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args()
    found = [scores(data, given.out, given.jobs) for data in given.data]
    print(f"\n| test nights | {' | '.join(f'{g}: default, less the mean' for g in TARGET_GROUPS)} |\n|---|---|---|")
    for change in CHANGES:
        cells = []
        for group in TARGET_GROUPS:
            ours, others = (np.array([one[change, group][name] for one in found]) for name in RECIPES)
            cells.append(f"{ours.mean():.1f}, {(ours - others).mean():+.1f}")
        print(f"| {change} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
