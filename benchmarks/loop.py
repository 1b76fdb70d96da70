"""What the training loop adds to the bare forward and backward passes of each network.

    python benchmarks/loop.py --data medium [--epochs 5120] [--recipe chambon ...]

Both see the same epochs in the same batches. Bare: batches ready in memory, forward, loss, backward, step of the
optimiser. The loop: signals read from the cache and scaled, rate schedule, clipping, history. Each is timed in turn,
three times, and the fastest counts.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from beetl_task1.data.files import DataFolder
from beetl_task1.models.base import Resources
from beetl_task1.models.registry import make, resolve
from beetl_task1.recipes.recipe import load_recipe

RECIPES = ("chambon", "blanco", "eegnet", "kit-shallow", "usleep", "attnsleep", "mixup-vat-source")
FULL = 90_545
ROUNDS = 3


def network_of(recipe, resources: Resources, **training):
    """Return the network of a recipe, untrained and without transfers."""
    tables = {"loss": dict(recipe.loss), "training": dict(recipe.training) | training}
    settings = resolve(recipe.model, dict(recipe.parameters) | tables, recipe.name)
    return make(recipe.model, settings, seed=0, resources=resources)


def bare(network, nights, epochs: int) -> float:
    """Return the seconds of a pass without the loop."""
    size = network.settings.training.batch_size
    X = torch.from_numpy(np.concatenate([night.X for night in nights])[:epochs] / 2e-5)
    y = torch.from_numpy(np.concatenate([night.y for night in nights])[:epochs])
    module = network.make_module().train()
    optimiser = torch.optim.AdamW(module.parameters(), lr=1e-4)
    began = time.perf_counter()
    for i in range(0, len(X) - size + 1, size):
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(module(X[i : i + size]), y[i : i + size]).backward()
        optimiser.step()
    return time.perf_counter() - began


def looped(recipe, nights, epochs: int, cache: Path) -> float:
    """Return the seconds of a pass through the loop, as its history has them."""
    resources = Resources(cache, torch.get_num_threads(), resume=False)
    network = network_of(recipe, resources, passes=1, pass_epochs=epochs, holdout=0)
    network.prepare(nights)
    return network.fit_source(source=nights).history_[0]["seconds"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=5120)
    parser.add_argument("--recipe", action="append")
    given = parser.parse_args()
    nights, found = [], 0
    for night in DataFolder(given.data).recordings("25-64", "source"):
        if found < given.epochs:
            nights.append(night)
            found += night.n_epochs
    print(f"{torch.get_num_threads()} threads, {given.epochs} epochs\n")
    print(f"| recipe | bare, s | loop, s | added | a pass over {FULL:,} epochs, min |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as cache:
        for name in given.recipe or RECIPES:
            recipe = load_recipe(name)
            network = network_of(recipe, Resources())
            pairs = [
                (bare(network, nights, given.epochs), looped(recipe, nights, given.epochs, Path(cache)))
                for _ in range(ROUNDS)
            ]
            alone, ours = (min(pair[i] for pair in pairs) for i in (0, 1))
            minutes = ours / given.epochs * FULL / 60
            print(
                f"| `{name}` | {alone:.1f} | {ours:.1f} | {100 * (ours / alone - 1):.0f} % | {minutes:.1f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
