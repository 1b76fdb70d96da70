"""What models of signals add to the default as a fifth member: networks of the zoo, and MiniRocket.

    pip install --no-deps aeon numba llvmlite deprecated wrapt
    python benchmarks/signal_members.py --data medium --out zoo --network chambon --network attnsleep

Target people are left out in turn on a simulated competition, as in ``zoo.py``, whose cache serves. MiniRocket
(Dempster et al. 2021; 1,008 kernels of aeon's) describes each epoch at 50 Hz, also relative to its night; of both 300
principal components of the source go to a multinomial regression whose rows weigh as those of models on features.
Probabilities join those of the default's members by geometric mean, then epochs hear similar ones; printed is the
score alone, of the default, and of the default with the member counting once or twice beside six.
"""

import argparse
from pathlib import Path

import numpy as np
from scipy.signal import decimate
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression

from beetl_task1.data.files import DataFolder
from beetl_task1.data.recording import Recording
from beetl_task1.ensemble import mean_of
from beetl_task1.features import night_of
from beetl_task1.models.base import Resources
from beetl_task1.recipes.experiment import Experiment
from beetl_task1.recipes.recipe import DEFAULT, load_recipe
from beetl_task1.task import SOURCE_GROUP, TARGET_GROUPS
from beetl_task1.validation.crossval import pooled_score, validate

Said = dict
"""Probabilities by night, each (n_epochs, 6)."""
KERNELS, COMPONENTS, FITTED_ON = 1008, 300, 2000


def halved(night: Recording) -> np.ndarray:
    """Return the signals of a night in uV at half the sampling rate, (n_epochs, 2, 1500)."""
    return decimate(1e6 * night.X, 2, axis=-1, ftype="fir").astype(np.float32)


class Rocket:
    """Components of MiniRocket's features of nights, each computed once."""

    def __init__(self, source: list[Recording], jobs: int):
        from aeon.transformations.collection.convolution_based import MiniRocket

        rng = np.random.default_rng(0)
        some = np.concatenate([halved(night)[:: max(1, night.n_epochs * len(source) // FITTED_ON)] for night in source])
        self.kernels = MiniRocket(n_kernels=KERNELS, n_jobs=jobs, random_state=0).fit(some)
        tables = [self._table(night) for night in source]
        self.components = PCA(COMPONENTS, whiten=True, svd_solver="randomized", random_state=0)
        self.components.fit(rng.permutation(np.concatenate(tables))[:8000])
        self.source = [self.components.transform(table) for table in tables]

    def _table(self, night: Recording) -> np.ndarray:
        found = self.kernels.transform(halved(night)).astype(np.float32)
        return np.concatenate([found, found - np.median(found, axis=0)], axis=1)

    def of(self, night: Recording) -> np.ndarray:
        """Return the components of a night, (n_epochs, 300)."""
        return self.components.transform(self._table(night))


def rocket_says(rocket: Rocket, source: list[Recording], target: list[Recording]) -> Said:
    """Return what the regression says of each target night without its person."""
    tables, said = [rocket.of(night) for night in target], {}
    for person in sorted({night.key.subject for night in target}):
        kept = [i for i, night in enumerate(target) if night.key.subject != person]
        X = np.concatenate([*rocket.source, *(tables[i] for i in kept)])
        y = np.concatenate([*(night.y for night in source), *(target[i].y for i in kept)])
        domain = np.where(np.arange(len(y)) < sum(map(len, rocket.source)), 1.0, 3.0)
        mass = np.bincount(y, weights=domain, minlength=6)
        weights = domain * (mass.sum() / mass[y]) ** 0.5
        model = LogisticRegression(C=0.01, max_iter=300).fit(X, y, sample_weight=weights / weights.mean())
        for i, night in enumerate(target):
            if i not in kept:
                said[night.key] = np.zeros((len(tables[i]), 6))
                said[night.key][:, model.classes_] = model.predict_proba(tables[i])
    return said


class Group:
    """The target nights of a group, and what members say of those of people whom they have not seen."""

    def __init__(self, data: DataFolder, group: str, out: Path, resources: Resources):
        self.data, self.group, self.out, self.resources = data, group, out, resources
        self.nights, self.default = data.recordings(group, "target"), load_recipe(DEFAULT)
        self.truth = {night.key: night.y for night in self.nights}
        self.members = [self.said_by(name) for name in self.default.members]

    def said_by(self, name: str) -> Said:
        """Return what a recipe says."""
        experiment = Experiment(load_recipe(name).varied(younger_target=False), self.group, self.data)
        return validate(experiment, self.out / "members", self.resources).probabilities

    def alone(self, said: Said) -> float:
        """Return the score of a member by itself."""
        return pooled_score(self.truth, self.default.decision.decide(said))

    def with_member(self, said: Said, count: float) -> float:
        """Return the score of the default with a member that counts so much beside six."""
        found, similar = {}, self.default.similar
        for night in self.nights:
            of = [member[night.key] for member in [*self.members, said]]
            mean = mean_of(of, "geometric", [*self.default.weights, count])
            found[night.key] = similar.heard(mean, similar.rows(night_of(night, self.resources.store).relative))
        return self.alone(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a simulated competition")
    parser.add_argument("--out", type=Path, required=True, help="cache, that of zoo.py")
    parser.add_argument("--network", action="append", default=[], help="a recipe; repeat it")
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args()
    data, resources = DataFolder(given.data), Resources(given.out / "cache", given.jobs)
    source = data.recordings(SOURCE_GROUP, "source")
    rocket = Rocket(source, given.jobs)
    print("| member | group | alone | without it | counting once | twice |\n|---|---|---|---|---|---|")
    for name in TARGET_GROUPS:
        group = Group(data, name, given.out, resources)
        others = {network: group.said_by(network) for network in given.network}
        for member, said in (others | {"MiniRocket": rocket_says(rocket, source, group.nights)}).items():
            scores = [group.alone(said), *(group.with_member(said, count) for count in (0, 1, 2))]
            print(f"| {member} | {name} | {' | '.join(f'{score:.1f}' for score in scores)} |", flush=True)


if __name__ == "__main__":
    main()
