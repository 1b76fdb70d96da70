"""Fit what the simulator's log powers are drawn from, for each cohort of real people.

Two tables are put together. The one of 59 people has relative sizes only (z-scored by recording); the one of ten young
people has microvolts, 30-50 Hz and the drift below 0.5 Hz. Eighteen nights are in both, row by row: they tell the size
of a recording and how 30-50 Hz and the drift follow the other bands. What a night lacks is drawn accordingly, and all
moments are then taken of the completed table; nothing else of it is kept.
"""

import numpy as np
from real_nights import aged_powers, log_powers, weak_features
from sklearn.mixture import GaussianMixture

from beetl_task1.simulate.spectrum import POWER_BANDS
from beetl_task1.simulate.tables import COHORTS, N_POWERS, cohort

RARE = 8
"""A stage with fewer epochs in a night is left out of that night."""
FEW = 300
"""With fewer epochs a stage borrows the residuals of all people above 34."""
ENOUGH = 100
APART = frozenset({"80+"})
"""Cohorts of people who differ in kind: each is mostly like one of them. Those of others are like all above 34."""
COMPONENTS = 3
NIGHT_PART = 0.8
"""Largest part of the variance between people (of means of two nights) that may be the nights'."""
SHRINK = -0.06
"""Log power that a decade of age takes from the whole signal (Carrier et al. 2001; Mander, Winer & Walker 2017)."""
_WIDTHS = np.log([high - low for low, high in POWER_BANDS[:5]])
_GAMMA, _DRIFT = [5, 11], [12, 13]
_KNOWN = [0, 1, 2, 3, 4, 6, 7, 8, 9, 10]


def completed(folder):
    """Return log powers (n, 14) in microvolts, six stages and cohort of every night of the 59 people.

    Recordings were scaled by their whole day: those that are quiet in S2 for their size have a loud day.
    """
    nights, rng = aged_powers(folder), np.random.default_rng(0)
    whole, sizes = _in_both(folder, nights)
    filler = _Filler(whole, nights)
    loudness = {r: nights[r].logs[nights[r].stages == 2].mean((0, 2)) for r in nights}
    fitted = [np.polyfit([loudness[r][c] for r in sizes], [sizes[r][c] for r in sizes], 1) for c in range(2)]
    usual = {r: np.array([np.polyval(line, loudness[r][c]) for c, line in enumerate(fitted)]) for r in nights}
    spread = np.std([sizes[r] - usual[r] for r in sizes], axis=0, ddof=2)
    z, people = {}, {}
    for record, night in nights.items():
        own = people.setdefault(record[:5], rng.standard_normal(2))
        drawn = usual[record] + spread * (np.sqrt(0.7) * own + np.sqrt(0.3) * rng.standard_normal(2))
        size = sizes.get(record, drawn + SHRINK * (night.age - 29) / 10)
        known = (night.logs - _WIDTHS + size[:, None]).reshape(-1, 10)
        z[record] = whole.get(record, filler.fill(rng, known, night.stages))
    return z, {r: n.stages for r, n in nights.items()}, {r: cohort(n.age) for r, n in nights.items()}


def louder_days(folder):
    """Mean and spread over nights of how much more log power the day has than the night, (2, 2 channels)."""
    whole, sizes = _in_both(folder, aged_powers(folder))
    inside = {r: np.exp(z[:, _KNOWN] + np.tile(_WIDTHS, 2)).reshape(-1, 2, 5).sum(2).mean(0) for r, z in whole.items()}
    louder = np.array([sizes[r] - np.log(inside[r]) for r in whole])
    return np.array([louder.mean(0), louder.std(0, ddof=1)])


def _in_both(folder, nights):
    """Nights that both tables have, row by row: (n, 14) log powers, and log variance of either channel."""
    whole, sizes, features = {}, {}, weak_features(folder)
    for record, each in features[0].items():
        night = nights.get(record[:6])
        if night is None or not np.array_equal(night.five, features[1][record]):
            continue
        old = log_powers(each)
        size = np.median(old[:, [1, 6]] - night.logs[:, :, 1] + _WIDTHS[1], axis=0)
        sizes[record[:6]] = size
        known = night.logs - _WIDTHS + size[:, None]
        whole[record[:6]] = np.column_stack([known[:, 0], old[:, 4], known[:, 1], old[:, 9], old[:, 10:12]])
    return whole, sizes


class _Filler:
    """How 30-50 Hz and the drift follow the other bands and the stage."""

    def __init__(self, whole, nights):
        lacking = [*_GAMMA, *_DRIFT]
        X = {r: self._inputs(z[:, _KNOWN], nights[r].stages) for r, z in whole.items()}
        self.weights = np.linalg.lstsq(
            np.concatenate(list(X.values())), np.concatenate([z[:, lacking] for z in whole.values()]), rcond=None
        )[0]
        left = {r: z[:, lacking] - X[r] @ self.weights for r, z in whole.items()}
        self.between = np.linalg.cholesky(np.cov(np.array([v.mean(0) for v in left.values()]).T))
        self.within = np.linalg.cholesky(np.cov(np.concatenate([v - v.mean(0) for v in left.values()]).T))

    def fill(self, rng, known, stages):
        said = self._inputs(known, stages) @ self.weights
        said += self.between @ rng.standard_normal(4) + rng.standard_normal(said.shape) @ self.within.T
        return np.column_stack([known[:, :5], said[:, 0], known[:, 5:], said[:, 1:]])

    @staticmethod
    def _inputs(known, stages):
        return np.column_stack([known, np.eye(6)[np.maximum(stages, 0)]])


def fit_powers(folder):
    """Tables of the log powers of every cohort: means, factors of people and nights, mixtures within a night."""
    z, y, cohorts = completed(folder)
    means = {name: _stage_means({r: z[r] for r in z if cohorts[r] == name}, y) for name in COHORTS}
    effects = {r: _effect(z[r], y[r], means[cohorts[r]]) for r in z}
    tables = {}
    for name in COHORTS:
        own = [r for r in z if cohorts[r] == name]
        pool = own if name == "25-34" else [r for r in z if cohorts[r] != "25-34"]
        apart = name in APART
        person, night = _factors(effects, own if apart else pool)
        mixtures = [_mixture(z, y, k, own, pool) for k in range(6)]
        tables[name] = {
            "mean": means[name],
            "apart": apart,
            "person": person,
            "night": night,
            "weights": np.array([m[0] for m in mixtures]),
            "centres": np.array([m[1] for m in mixtures]),
            "roots": np.array([m[2] for m in mixtures]),
        }
    return tables


def night_means(z, y):
    """Mean of every stage in a night, (6, 14), nan where it is rare."""
    return np.array([z[y == k].mean(0) if (y == k).sum() >= RARE else np.full(z.shape[1], np.nan) for k in range(6)])


def _stage_means(z, y):
    """Mean over nights; how far a stage lies from S2, where both are, since not everybody has every stage."""
    means = np.array([night_means(z[r], y[r]) for r in z])
    weight = np.array([np.minimum(np.bincount(y[r], minlength=6), ENOUGH) for r in z])[:, :, None]
    apart = means - means[:, [2]]
    weight = np.where(np.isnan(apart), 0, weight)
    return np.nanmean(means[:, 2], axis=0) + (np.nan_to_num(apart) * weight).sum(0) / weight.sum(0)


def _effect(z, y, mean):
    """Deviation of a night from the means of its cohort; stages too rare borrow the night's others."""
    effect = night_means(z, y) - mean
    return np.where(np.isnan(effect), np.nanmean(effect, axis=0), effect)


def _factors(effects, records):
    """How people, and the two nights of one, lie from the mean, each as (n, 6, 14): their squares sum to a variance.

    Means of two nights differ between people by what is the person's and half of what is the night's variance. All are
    kept: a few main ones would have what stages share, and leave people too much alike in how their stages differ.
    """
    people = sorted({r[:5] for r in records})
    pairs = [np.array([effects[r].ravel() for r in records if r[:5] == p]) for p in people]
    means = np.array([pair.mean(0) for pair in pairs])
    person = (means - means.mean(0)) / np.sqrt(len(people) - 1)
    night = np.array([pair[1] - pair[0] for pair in pairs if len(pair) == 2])
    night = night / np.sqrt(2 * len(night))
    part = np.minimum(0.5 * (night**2).sum(0) / (person**2).sum(0), NIGHT_PART)
    return (person * np.sqrt(1 - part)).reshape(-1, 6, N_POWERS), night.reshape(-1, 6, N_POWERS)


def _mixture(z, y, stage, own, pool):
    """Weights, centres and roots of the covariances of what is left after each night's mean of a stage."""

    def left(records):
        rows = [z[r][y[r] == stage] for r in records]
        return np.concatenate([row - row.mean(0) for row in rows if len(row) >= RARE] or [np.zeros((0, N_POWERS))])

    rows = left(own)
    rows = rows if len(rows) >= FEW else left(pool)
    found = GaussianMixture(COMPONENTS, reg_covar=0.01, random_state=0, max_iter=60).fit(rows)
    order = np.argsort(found.means_[:, 0] + found.means_[:, 6])
    return found.weights_[order], found.means_[order], np.linalg.cholesky(found.covariances_[order])
