"""What the training loop adds to the bare forward and backward passes of each network.

    python benchmarks/loop.py --data medium [--epochs 5120] [--recipe chambon ...]
    python benchmarks/loop.py --ways [--device cuda]

Both see the same epochs in the same batches. Bare: batches ready in memory, forward, loss, backward, step of the
optimiser. The loop: signals read from the cache and scaled, rate schedule, clipping, history. Each is timed in turn,
three times, and the fastest counts. ``--ways`` compares ways to compute a step of the bare loop instead: 32-bit floats,
bfloat16, channels last, ``torch.compile`` (each after some steps that do not count).
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
WAYS = ("32-bit", "bfloat16", "bfloat16 and channels last", "bfloat16 and compiled")
WARM, TIMED = 10, 40


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


def step_ms(network, device: torch.device, way: str) -> float:
    """Return the milliseconds of a step of training on a batch that is there already, computed in some way."""
    size = network.settings.training.batch_size
    X, y = torch.randn(size, 2, 3000, device=device), torch.arange(size, device=device) % 6
    module = network.make_module().to(device).train()
    if "channels last" in way:
        module = module.to(memory_format=torch.channels_last)
    if "compiled" in way:
        module = torch.compile(module)
    optimiser = torch.optim.AdamW(module.parameters(), lr=1e-4)

    def steps(n: int) -> float:
        began = time.perf_counter()
        for _ in range(n):
            optimiser.zero_grad()
            with torch.autocast(device.type, torch.bfloat16, enabled="bfloat16" in way):
                loss = torch.nn.functional.cross_entropy(module(X), y)
            loss.backward()
            optimiser.step()
        loss.item()  # waits for the device
        return time.perf_counter() - began

    steps(WARM)
    return 1000 * steps(TIMED) / TIMED


def ways_table(names, device: torch.device) -> None:
    """Print milliseconds a step for each network and way."""
    print(f"{device}, {torch.get_num_threads()} threads; milliseconds a step\n")
    print(f"| recipe | {' | '.join(WAYS)} |\n|---|{'---|' * len(WAYS)}", flush=True)
    for name in names:
        cells = [f"{step_ms(network_of(load_recipe(name), Resources()), device, way):.1f}" for way in WAYS]
        print(f"| `{name}` | {' | '.join(cells)} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="a medium tree")
    parser.add_argument("--ways", action="store_true", help="compare ways to compute a step instead")
    parser.add_argument("--device", type=torch.device, default=torch.device("cpu"), help="of --ways")
    parser.add_argument("--epochs", type=int, default=5120)
    parser.add_argument("--recipe", action="append")
    given = parser.parse_args()
    if given.ways:
        return ways_table(given.recipe or RECIPES, given.device)
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
