"""How a network that saw the source alone errs on the simulated target, by its plain argmax, beside what is known.

    python benchmarks/confusions.py --data medium --out zoo --save

The network is one of the kind that the real confusions are of (two branches, focal loss). In its loss all epochs count
alike, whereas recipes weigh stages by the root of their rarity. ``--save`` keeps the counts for the pins of
``realism.py --only confusions``.

Real ones (of another entry, source only): on the 65-79 target S1 is called S2 in half of its epochs, S4 is called
S3 in 78 %, S3 is called S2 in 40 %; on both targets together REM is called S2 in 30 % and S1 in 14 %; on the final test
set S1 is called by half as often as it is there, REM by a quarter to a third too rarely, S3 and S4 too often.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from sklearn.metrics import confusion_matrix

from beetl_task1.data.files import DataFolder
from beetl_task1.models.base import Resources
from beetl_task1.recipes.experiment import Experiment
from beetl_task1.recipes.recipe import Recipe, load_recipe
from beetl_task1.task import N_OUTPUTS, STAGES, TARGET_GROUPS
from beetl_task1.validation.outoffold import Split, out_of_fold

RECORD = Path(__file__).parents[1] / "docs" / "confusions.json"


def confusion(recipe: Recipe, group: str, data: DataFolder, resources: Resources) -> np.ndarray:
    """Return counts of true (rows) and called stages (columns) of the labelled target people, by argmax."""
    experiment = Experiment(recipe, group, data)
    nights = data.recordings(group, "target")
    found = out_of_fold(experiment, [Split((), tuple({night.key.subject for night in nights}))], resources).source_only
    counts = np.zeros((N_OUTPUTS, N_OUTPUTS), int)
    for night in nights:
        counts += confusion_matrix(night.y, np.argmax(found[night.key], axis=1), labels=np.arange(N_OUTPUTS))
    return counts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a simulated tree")
    parser.add_argument("--out", type=Path, required=True, help="cache, that of zoo.py")
    parser.add_argument("--recipe", default="mixup-vat-source")
    parser.add_argument("--save", action="store_true", help="keep the counts in docs/confusions.json")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    resources = Resources(options.out / "cache", options.jobs)
    print(f"| {options.recipe}: group, true stage | epochs | called as often | " + " | ".join(STAGES) + " |")
    print("|" + "---|" * (3 + N_OUTPUTS))
    recipe, found = load_recipe(options.recipe), {}
    recipe = recipe.but(loss=recipe.loss | {"weights": "none"}, younger_target=False)
    for group in TARGET_GROUPS:
        counts = confusion(recipe, group, DataFolder(options.data), resources)
        found[group] = counts.tolist()
        for stage, row in enumerate(counts):
            shares = " | ".join(f"{100 * n / max(row.sum(), 1):.0f}" for n in row)
            called = counts[:, stage].sum() / max(row.sum(), 1)
            print(f"| {group}, {STAGES[stage]} | {row.sum()} | {called:.2f} | {shares} |", flush=True)
    if options.save:
        RECORD.write_text(json.dumps({"recipe": options.recipe, "counts": found}) + "\n")


if __name__ == "__main__":
    main()
