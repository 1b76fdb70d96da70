"""Features of the target and of the test nights, for the comparison of the two."""

from collections.abc import Sequence

from ..data.recording import Recording
from ..features import feature_names, features_of
from ..models.base import Resources
from .feature_shift import FeatureShift, feature_shift


def measure_features(
    target: Sequence[Recording], test: Sequence[Recording], resources: Resources
) -> FeatureShift | None:
    """Return how far the hand-crafted features of the test nights are from those of the target nights.

    Parameters
    ----------
    target, test : sequence of Recording
        Nights of one group.
    resources : Resources
        Where features are cached.

    Returns
    -------
    FeatureShift or None
        ``None`` where a side has fewer than two subjects.
    """
    if min(len({r.key.subject for r in nights}) for nights in (target, test)) < 2:
        return None
    found = features_of([*target, *test], resources.store, jobs=resources.jobs, progress=resources.progress)
    named = dict(zip([r.key for r in (*target, *test)], found, strict=True))
    here, there = ({r.key: named[r.key] for r in nights} for nights in (target, test))
    return feature_shift(here, there, feature_names())
