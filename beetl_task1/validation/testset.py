"""Features of the target and of the test nights, for the comparison of the two."""

from ..features import FeatureCache, feature_names, features_of
from .feature_shift import FeatureShift, feature_shift
from .outoffold import Setting


def measure_features(setting: Setting) -> FeatureShift | None:
    """Return how far the hand-crafted features of the test nights are from those of the target nights.

    Parameters
    ----------
    setting : Setting
        Its resources say where features are cached.

    Returns
    -------
    FeatureShift or None
        ``None`` where a side has fewer than two subjects.
    """
    target, test = setting.data.recordings(setting.group, "target"), setting.test
    if min(len({r.key.subject for r in nights}) for nights in (target, test)) < 2:
        return None
    resources = setting.resources
    cache = FeatureCache(resources.cache) if resources.cache else None
    found = features_of([*target, *test], cache, jobs=resources.jobs, progress=resources.progress)
    named = dict(zip([r.key for r in (*target, *test)], found, strict=True))
    return feature_shift(*({r.key: named[r.key] for r in nights} for nights in (target, test)), feature_names())
