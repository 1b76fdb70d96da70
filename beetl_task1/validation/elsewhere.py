"""The fits of a cross-validation on a cluster: seeds, members and held-out subjects at once, kept in the store."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ..models.base import Resources, StagedPredictor
from ..parallel import check_shared, each, elsewhere
from ..recipes.experiment import Experiment
from .outoffold import KIND, Fits, Split, source_only

Fit = tuple[Experiment, Split]
"""A single model of one seed, and who trains and is held out."""


def fit_elsewhere(experiment: Experiment, splits: Sequence[Split], resources: Resources) -> int:
    """Let the cluster compute the predictions that the store does not hold; return how many there were.

    Networks learn from the source before anything else, since what they learned from it is kept for every split.
    Without a cluster, or without a cache to meet in, nothing is done.
    """
    if not elsewhere() or resources.cache is None:
        return 0
    first, then = list[Fit](), list[Fit]()
    for one in _single(experiment):
        fits = Fits(one, resources)
        missing = [split for split in _splits(one, splits) if not fits.store.holds(KIND, fits.key(split))]
        if missing:
            check_shared(resources.cache)
            staged = isinstance(fits.prepare(), StagedPredictor)
            for split in missing:
                (first if staged and not split.train else then).append((one, split))
    alone, total = replace(resources, progress=None, log=None), len(first) + len(then)
    done = 0
    for stage in (first, then):
        for name in each(_fit, ((one, split, alone) for one, split in stage), ordered=False):
            done += 1
            if resources.progress:
                resources.progress(done, total, name)
    return total


def _single(experiment: Experiment) -> Iterator[Experiment]:
    """Yield the models of one seed of which an experiment is made, as :func:`out_of_fold` fits them."""
    if experiment.members:
        for member in experiment.members:
            yield from _single(member)
        return
    for seed in experiment.recipe.seeds:
        one = experiment.but(seeds=(seed,))
        yield one
        if one.transfers and not one.uses_target:
            yield one.but(transfer=())


def _splits(one: Experiment, splits: Sequence[Split]) -> list[Split]:
    return [source_only(splits), *(splits if one.uses_target else ())]


def _fit(one: Experiment, split: Split, resources: Resources) -> str:
    Fits(one, resources).predict(split)
    return f"{one.recipe.name}, held out {', '.join(map(str, split.held_out))}"
