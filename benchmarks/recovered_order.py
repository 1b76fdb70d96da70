"""What the order of a night is worth on simulated nights: not known, recovered from slow features and borders, true.

    beetl-task1 simulate --size medium --border-evidence mid --out mid
    python benchmarks/recovered_order.py --data mid --out zoo

Borders: an autoregression of each channel of a night forecasts the beginning of every epoch from the end of every
other (``border_statistic.py``). Slow features: the pair model of ``pairs.py``. Both are told what they are worth by
a logistic regression. What is learned is learned on the source's nights in their true order, which the competition
hides: more than an entry could know, so that what is recovered here is a bound. Then as in ``borders.py``: a soft
matrix of successors, beliefs exchanged along it, and what is heard counts with a trust.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from border_statistic import border_evidence
from borders import APART, TRUSTS, following, heard, successors_of, told_by_slow_features, true_successors
from pairs import drawn_pairs, learn_pairs
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from beetl_task1.context.transitions import learn_transitions, normalised
from beetl_task1.data.files import DataFolder
from beetl_task1.data.recording import Recording
from beetl_task1.features import night_features
from beetl_task1.models.base import Resources
from beetl_task1.recipes.experiment import Experiment
from beetl_task1.recipes.recipe import load_recipe
from beetl_task1.task import N_CHANS, SOURCE_GROUP, TARGET_GROUPS
from beetl_task1.validation.crossval import pooled_score, validate


class Ordered:
    """A night put in order: features, stages, and what its borders say of all pairs of rows."""

    def __init__(self, data: DataFolder, night: Recording, resources: Resources):
        key = night.key
        onsets = np.load(data.path / "order" / key.group / f"s{key.subject}r{key.session}.npy")
        self.rows = np.argsort(onsets)
        features = night_features(night, resources.store)[self.rows]
        self.night = Recording.from_features(key, features, np.asarray(night.y)[self.rows], onsets[self.rows])
        signal = 1e6 * night.X[self.rows].astype(np.float64)
        self.borders = [border_evidence(signal[:, channel]) for channel in range(N_CHANS)]


class Evidence:
    """What slow features and borders say together, learned on nights in order."""

    def __init__(self, nights: Sequence[Ordered]):
        half = len(nights) // 2
        self.slow = learn_pairs([one.night for one in nights[:half]])
        rng, X, y = np.random.default_rng(0), [], []
        for one in nights[half:]:
            told, (first, a, b) = self._told(one), drawn_pairs(one.night, rng)
            X += [told[first, first + 1], told[a, b]]
            y += [np.ones(len(first)), np.zeros(len(a))]
        self.model = make_pipeline(StandardScaler(), LogisticRegression()).fit(np.concatenate(X), np.concatenate(y))

    def _told(self, one: Ordered) -> np.ndarray:
        return np.stack([told_by_slow_features(self.slow, one.night), *one.borders], axis=-1)

    def of(self, one: Ordered) -> np.ndarray:
        """Return log-likelihood ratios of all pairs."""
        told = self._told(one)
        return self.model.decision_function(told.reshape(-1, told.shape[-1])).reshape(told.shape[:2]) + APART


def measured(data: DataFolder, group: str, out: Path, resources: Resources) -> list[list]:
    """Return rows: what is known, the mean mass on true neighbours, nats at borders, the score with each trust."""
    recipe = load_recipe("default")
    said = validate(Experiment(recipe, group, data), out / "order", resources).probabilities
    evidence = Evidence([Ordered(data, night, resources) for night in data.recordings(SOURCE_GROUP, "source")])
    chain, truth, decide = learn_transitions(data, [(SOURCE_GROUP, "source")]), {}, recipe.decision.decide
    alone, found, mass, nats = {}, {}, {}, []
    for night in data.recordings(group, "target"):
        one = Ordered(data, night, resources)
        key, rows = night.key, following(one.night)
        truth[key], alone[key] = one.night.y, np.asarray(said[key], float)[one.rows]
        nats.append([np.median(border[rows, rows + 1]) for border in one.borders])
        ways = {"recovered": successors_of(evidence.of(one)), "true": true_successors(one.night)}
        for way, successors in ways.items():
            mass.setdefault(way, []).append(successors[rows, rows + 1].mean())
            gained = heard(alone[key], successors, chain)
            for trust in TRUSTS:
                found.setdefault((way, trust), {})[key] = normalised(alone[key] * gained**trust)
    borders = " and ".join(f"{n:.1f}" for n in np.mean(nats, axis=0))
    names = {"recovered": f"recovered; borders say {borders} nats", "true": "true"}
    rows = [["not known", 0.0, *[pooled_score(truth, decide(alone))] * len(TRUSTS)]]
    for way, name in names.items():
        scores = [pooled_score(truth, decide(found[way, trust])) for trust in TRUSTS]
        rows.append([name, float(np.mean(mass[way])), *scores])
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a simulated tree")
    parser.add_argument("--out", type=Path, required=True, help="cache, that of zoo.py")
    parser.add_argument("--group", action="append", choices=TARGET_GROUPS)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    resources = Resources(options.out / "cache", options.jobs)
    print("| group | order | on true neighbours, % | trust " + " | ".join(f"{t:g}" for t in TRUSTS) + " |")
    print("|" + "---|" * (3 + len(TRUSTS)), flush=True)
    for group in options.group or TARGET_GROUPS:
        for way, mass, *scores in measured(DataFolder(options.data), group, options.out, resources):
            told = " | ".join(f"{score:.1f}" for score in scores)
            print(f"| {group} | {way} | {100 * mass:.0f} | {told} |", flush=True)


if __name__ == "__main__":
    main()
