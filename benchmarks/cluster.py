"""What a Dask cluster costs beside the work itself, measured here, and what that makes of 1,000 nights and 100 recipes.

    python benchmarks/cluster.py --data demo/data [--recipe features-boost] [--workers 64] [--scheduler tcp://node1:8786]

Without ``--scheduler`` two worker processes are started here. Measured: empty tasks a second through `parallel.each`;
held-out subjects of a validation a second; bytes of such a task as it is sent, which grow with the nights; seconds of a
fit alone; what the client does itself for each cell of a sweep and for each byte of signal. Then the model: linear in
nights, epochs and tasks, and the longest of the three ways for fits: workers, scheduler, shared store.
"""

import argparse
import contextlib
import tempfile
import time
from pathlib import Path

import cloudpickle
from distributed import LocalCluster

from beetl_task1.data.content import digest
from beetl_task1.data.files import DataFolder
from beetl_task1.data.folds import leave_one_subject_out
from beetl_task1.features import feature_names, night_features
from beetl_task1.models.base import Resources
from beetl_task1.parallel import cluster, each
from beetl_task1.recipes.experiment import Experiment
from beetl_task1.recipes.recipe import load_recipe
from beetl_task1.store import Store
from beetl_task1.validation.ahead import fit_ahead
from beetl_task1.validation.crossval import splits_of, validate
from beetl_task1.validation.outoffold import Fits

EMPTY = 2000
NIGHT_EPOCHS = 1073
FITS = 13
"""Of a model with one seed over both groups: five and six subjects held out, and nobody."""
SIGNAL_BYTES = 2 * 3000 * 8
"""Of an epoch, as the competition's files have it."""


def nothing(number: int) -> int:
    return number


def seconds(function, *arguments) -> float:
    began = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - began


def measured(data: Path, recipe: str, group: str, address: str, folder: Path) -> dict[str, float]:
    """Return what one task, one night, one cell and one byte cost."""
    experiment = Experiment(load_recipe(recipe), group, DataFolder(data))
    nights, splits = experiment.nights, splits_of(leave_one_subject_out(experiment.nights.target))
    alone, there = Resources(folder / "alone", 1), Resources(folder / "there", 1)
    fits, split = Fits(experiment, alone), splits[0]
    everything = [*nights.all, *fits.tests]
    epochs = sum(night.n_epochs for night in everything)
    size = sum(night.path.stat().st_size for night in everything)
    found = {"hash": size / seconds(lambda: [digest(night.path) for night in everything])}
    found["features"] = epochs / seconds(lambda: [night_features(night, Store(folder / "f")) for night in everything])
    fits.prepare()
    found["fit"] = seconds(fits.predict, split) / epochs
    bare = Experiment(load_recipe(recipe), group, DataFolder(data))
    few = len(cloudpickle.dumps((bare, split, there)))
    bare.fit_key  # noqa: B018  (nights and digests are part of the task from here on)
    found["night_bytes"] = (len(cloudpickle.dumps((bare, split, there))) - few) / len(nights.all)
    found["task_bytes"] = few
    with cluster(address):
        list(each(nothing, ((i,) for i in range(8))))
        found["empty"] = EMPTY / seconds(lambda: list(each(nothing, ((i,) for i in range(EMPTY)), ordered=False)))
        fit_ahead([(experiment.but(seeds=(1,)), splits)], there)  # features, and what workers import
        began = time.perf_counter()
        tasks = fit_ahead([(experiment, splits)], there)
        found["folds"] = tasks / (time.perf_counter() - began)
    validate(experiment, folder / "c", there)
    found["cell"] = seconds(validate, experiment, folder / "c", there)
    return found


def model(one: dict[str, float], nights: int, recipes: int, workers: int, store: float) -> list[tuple[str, str]]:
    """Return rows of what a sweep of one model a recipe would take: both groups, one seed."""
    epochs, cells, tasks = nights * NIGHT_EPOCHS, 2 * recipes, FITS * recipes
    task_bytes = one["task_bytes"] + nights * one["night_bytes"]
    read = epochs * len(feature_names()) * 4
    hashed = epochs * SIGNAL_BYTES / one["hash"]
    features = epochs / one["features"] / workers
    ways = {
        "workers": tasks * one["fit"] * epochs / workers,
        "scheduler": tasks / one["empty"],
        "shared store": tasks * read / store,
    }
    longest = max(ways, key=ways.get)
    total = hashed + features + ways[longest] + cells * one["cell"]
    return [
        (f"tasks, {FITS} a recipe", f"{tasks:,.0f}"),
        ("a task, sent", f"{task_bytes / 1e3:,.0f} kB; all: {tasks * task_bytes / 1e9:,.1f} GB"),
        ("a task, read from the shared store", f"{read / 1e6:,.0f} MB; all: {tasks * read / 1e12:,.2f} TB"),
        ("client: digests of the signals, once", hours(hashed)),
        (f"features, {workers} workers", hours(features)),
        *(
            (f"fits by the {name}", hours(taken) + (" (the limit)" if name == longest else ""))
            for name, taken in ways.items()
        ),
        ("client: scores and rows of the cells", hours(cells * one["cell"])),
        ("all of it", hours(total)),
        ("the same on one core", hours(hashed + cells * one["cell"] + workers * (features + ways["workers"]))),
    ]


def hours(taken: float) -> str:
    return f"{taken / 3600:.1f} h" if taken > 3600 else f"{taken / 60:.1f} min"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--recipe", default="features-logreg", help="a single model on features")
    parser.add_argument("--group", default="80-95")
    parser.add_argument("--scheduler")
    parser.add_argument("--nights", type=int, default=1000)
    parser.add_argument("--recipes", type=int, default=100)
    parser.add_argument("--workers", type=int, default=64)
    parser.add_argument("--store", type=float, default=1000, help="MB/s that the shared store reads for all together")
    args = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        address = (
            args.scheduler
            or stack.enter_context(
                LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None)
            ).scheduler_address
        )
        one = measured(args.data, args.recipe, args.group, address, folder)
    rows = [
        ("empty tasks", f"{one['empty']:,.0f} /s"),
        (f"fits of `{args.recipe}`, as tasks", f"{one['folds']:.2f} /s"),
        ("a fit alone", f"{1e6 * one['fit']:.0f} us an epoch of all nights"),
        ("a task, sent", f"{one['task_bytes'] / 1e3:.1f} kB and {one['night_bytes']:.0f} B a night"),
        ("features", f"{one['features']:,.0f} epochs/s and core"),
        ("digests of signals", f"{one['hash'] / 1e6:,.0f} MB/s"),
        ("client, for each cell", f"{one['cell']:.1f} s"),
    ]
    print("| measured | |\n|---|---|\n" + "\n".join(f"| {a} | {b} |" for a, b in rows))
    title = f"{args.nights:,} nights, {args.recipes} recipes, {args.workers} workers, a store of {args.store:,.0f} MB/s"
    print(f"\n| {title} | |")
    print("|---|---|")
    for a, b in model(one, args.nights, args.recipes, args.workers, args.store * 1e6):
        print(f"| {a} | {b} |")


if __name__ == "__main__":
    main()
