"""The fits of a cross-validation at once, kept in the store: seeds, members and held-out subjects."""

import contextlib
from collections.abc import Iterator, Sequence

from ..errors import BeetlError
from ..models.base import Resources, StagedPredictor
from ..models.registry import model_class
from ..parallel import at_once, check_shared, each, elsewhere
from ..recipes.experiment import Experiment
from .outoffold import KIND, Fits, Split, source_only

Fit = tuple[Experiment, Split]
"""A single model of one seed, and who trains and is held out."""


def fit_ahead(
    wanted: Sequence[tuple[Experiment, Sequence[Split]]], resources: Resources, *, forgiving: bool = False
) -> int:
    """Compute the predictions that the store does not hold, several at once; return how many there were.

    A cluster takes all of them. Networks learn from the source before anything else, since what they learned from it is
    kept for every split. Without one, models on features are fitted ``jobs`` at a time in processes of one thread, and
    networks, which use the threads themselves, are left to :func:`out_of_fold`. Without a cache to meet in, nothing is
    done.

    Parameters
    ----------
    wanted : sequence of (Experiment, sequence of Split)
        Each split as :func:`out_of_fold` is given it.
    resources : Resources
        Where predictions are kept, and how to compute.
    forgiving : bool
        Go on where a fit fails.
    """
    here = at_once(resources.jobs)
    if (here == 1 and not elsewhere()) or resources.cache is None:
        return 0
    check_shared(resources.cache)
    first, then, known = list[Fit](), list[Fit](), set[str]()
    for one, splits in ((one, splits) for experiment, splits in wanted for one in _single(experiment)):
        if not elsewhere() and model_class(one.recipe.model).is_network:
            continue
        try:
            staged, missing = _missing(one, splits, resources, known)
        except BeetlError:
            if not forgiving:
                raise
            continue
        for split in missing:
            (first if staged and not split.train else then).append((one, split))
    alone, done = resources.of_worker(here), 0
    for stage in (first, then):
        for name in each(_fit, ((one, split, alone, forgiving) for one, split in stage), here, ordered=False):
            done += 1
            if resources.progress:
                resources.progress(done, len(first) + len(then), name)
    return done


def _missing(
    one: Experiment, splits: Sequence[Split], resources: Resources, known: set[str]
) -> tuple[bool, list[Split]]:
    """Return whether a model learns by stages, and the splits that are not kept nor known, which they are then."""
    fits = Fits(one, resources)
    keys = {fits.key(split): split for split in [source_only(splits), *(splits if one.uses_target else ())]}
    missing = [key for key in keys if key not in known and not fits.store.holds(KIND, key)]
    known.update(missing)
    return bool(missing) and isinstance(fits.prepare(), StagedPredictor), [keys[key] for key in missing]


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


def _fit(one: Experiment, split: Split, resources: Resources, forgiving: bool) -> str:
    with contextlib.suppress(*((Exception,) if forgiving else ())):
        Fits(one, resources).predict(split)
    return f"{one.recipe.name}, held out {', '.join(map(str, split.held_out))}"
