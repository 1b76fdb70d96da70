"""The default recipe on real people, with each idea taken out or put in.

    python benchmarks/ablation.py --out people

Protocols and data are those of ``real_people.py``, whose fits it shares; each variant is compared with the default,
person by person. Last come weights of the members learned for each person left out: those that lose least log loss on
the other target people, and the same drawn half way to equal ones. Extremely randomised trees are here only: beside
similar epochs they bring nothing, and the file of a forest from a stranger could make scikit-learn read outside its
memory.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
from msgspec.structs import asdict
from real_people import DATA, TARGETS, Bench, nights_of, row_of, table
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax
from sklearn.ensemble import ExtraTreesClassifier

from beetl_task1.context.similar import SimilarEpochs
from beetl_task1.ensemble import FLOOR, mean_of
from beetl_task1.features import night_of
from beetl_task1.models.registry import MODELS
from beetl_task1.models.tabular import TabularModel, TabularSettings
from beetl_task1.recipes.recipe import DEFAULT, Recipe, load_recipe
from beetl_task1.store import Store
from beetl_task1.typed import AtLeast1, Count, Share
from beetl_task1.validation.comparison import compare
from beetl_task1.validation.crossval import pooled_score

SIZES = (10, 40, 80)


class FeaturesTrees(TabularModel):
    """Extremely randomised trees (Geurts et al. 2006): many deep trees with random thresholds, averaged.

    The seed is that of columns and thresholds, and of the draw of source epochs. What a recipe may set are the names of
    scikit-learn's ``ExtraTreesClassifier``.
    """

    class Settings(TabularSettings, frozen=True):
        """What a recipe may set; ``max_features`` is the share of columns that each split may choose from."""

        n_estimators: AtLeast1 = 100
        min_samples_leaf: AtLeast1 = 5
        max_features: Share = 0.15
        source_cap: Count = 4000

    settings: Settings

    def make_classifier(self, n_columns: int) -> tuple[Any, str]:
        """Return the forest, and the name of its argument for weights."""
        own = {k: v for k, v in asdict(self.settings).items() if k not in TabularSettings.__struct_fields__}
        return ExtraTreesClassifier(**own, random_state=self.seed), "sample_weight"


MODELS.add("features-trees", FeaturesTrees)


def variants(out: Path) -> list[Recipe]:
    """Return the default, the default before it, and what lies between and beyond."""
    default, before = load_recipe(DEFAULT), load_recipe("features-mean")
    trees = out / "features-trees.toml"
    trees.write_text('model = "features-trees"\n')
    ranks = out / "features-boost-ranks.toml"
    ranks.write_text('model = "features-boost"\n[parameters]\nranks = true\n')
    trees_too = {"members": (*default.members, str(trees)), "weights": (*default.weights, 1)}
    boosted = tuple(str(ranks) if member == "features-boost" else member for member in default.members)
    return [
        default,
        before,
        *(without(default, member) for member in default.members),
        default.but(name="all-count-alike", weights=()),
        default.but(name="kernel-and-set-alone", members=("features-kernel", "features-set"), weights=()),
        default.but(name="boost-with-ranks", members=boosted),
        default.but(name="without-similar", similar=None),
        default.but(name="arithmetic-mean", mean="arithmetic"),
        before.but(name="before-with-similar", similar=default.similar),
        *(default.but(name=f"similar-{size}", similar=SimilarEpochs(size=size)) for size in SIZES),
        default.but(name="with-trees", **trees_too),
        default.but(name="with-trees-without-similar", **trees_too, similar=None),
    ]


def without(recipe: Recipe, name: str) -> Recipe:
    """Return an ensemble without one of its members."""
    kept = [pair for pair in zip(recipe.members, recipe.weights, strict=True) if pair[0] != name]
    members, weights = zip(*kept, strict=True)
    return recipe.but(name=f"without-{name}", members=members, weights=weights)


def learned_weights(bench: Bench, protocol: str) -> dict[float, float]:
    """Return the scores with learned weights of the members, by how far they are drawn to equal ones."""
    default, truth = load_recipe(DEFAULT), bench.truth(protocol)
    folds = [bench.run(load_recipe(member), protocol) for member in default.members]
    said = [{key: np.asarray(p, float) for fold in of for key, p in fold.outer.items() if key in truth} for of in folds]
    nights = nights_of(bench.people[protocol])
    heard = {night.key: default.similar.rows(night_of(night, Store(None)).relative) for night in nights}
    labels, found = {}, {}
    for shrinkage in (0.0, 0.5):
        for person in {key.subject for key in truth}:
            others = [key for key in truth if key.subject != person]
            logs = np.log(np.stack([np.concatenate([of[key] for key in others]) for of in said]) + FLOOR)
            true = np.concatenate([truth[key] for key in others])

            def loss(values: np.ndarray, logs=logs, true=true) -> float:
                pooled = log_softmax(np.tensordot(softmax(values), logs, 1), axis=1)
                return -float(pooled[np.arange(len(true)), true].mean())

            weights = softmax(minimize(loss, np.zeros(len(said)), method="L-BFGS-B").x)
            weights = shrinkage / len(said) + (1 - shrinkage) * weights
            for key in truth.keys() - set(others):
                mean = mean_of([of[key] for of in said], "geometric", list(weights))
                labels[key] = default.similar.heard(mean, heard[key])
        found[shrinkage] = pooled_score(truth, default.decision.decide(labels))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="fits")
    parser.add_argument("--file", type=Path, default=DATA, help="people, in the form of the default file")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    if not options.file.exists():
        sys.exit(f"skipped: {options.file} is not there; it is not part of the project")
    options.out.mkdir(parents=True, exist_ok=True)
    bench = Bench([options.file], options.out, options.jobs)
    for protocol in TARGETS:
        found = [row_of(bench, recipe, protocol) for recipe in variants(options.out)]
        print(table([row for row, _ in found]))
        for _, card in found[1:]:
            print("   ", compare(card, found[0][1]).describe(), flush=True)
        told = [f"{score:.1f} drawn to equal by {share:g}" for share, score in learned_weights(bench, protocol).items()]
        print(f"weights learned on the other target people, {protocol}: {', '.join(told)}", flush=True)


if __name__ == "__main__":
    main()
