"""Hypnograms and the scorer: counts, runs, transitions, label noise, nights without S4."""

import numpy as np
import pytest

from beetl_task1.data.recording import RecordingKey
from beetl_task1.simulate import hypnogram, scorer
from beetl_task1.simulate.competition import night_shares
from beetl_task1.simulate.night import scored_hypnogram
from beetl_task1.simulate.subject import draw_subject
from beetl_task1.simulate.tables import generator

REAL_SHARES = np.array([0.196, 0.066, 0.421, 0.080, 0.055, 0.182])
"""39 real nights of young adults: shares of W, S1, S2, S3, S4, REM."""
REAL_RUNS = np.array([14.7, 2.9, 11.0, 2.8, 5.2, 19.4])
REAL_SINGLE = np.array([0.368, 0.419, 0.231, 0.516, 0.455, 0.083])
REAL_STAY = np.array([0.936, 0.649, 0.909, 0.636, 0.806, 0.949])


def nights(group, n_subjects, seed=5, age=None, prior="target"):
    drawn = []
    for subject in range(n_subjects):
        for key in (RecordingKey(group, subject, r) for r in (1, 2)):
            drawn.append(scored_hypnogram(seed, key, draw_subject(seed, key, age), 1085, prior))
    return drawn


def shares(drawn):
    counts = np.sum([np.bincount(n, minlength=6) for n in drawn], axis=0)
    return counts / counts.sum()


def runs(night):
    starts = np.r_[0, np.flatnonzero(np.diff(night)) + 1]
    return night[starts], np.diff(np.r_[starts, len(night)])


@pytest.fixture(scope="module")
def young():
    return nights("25-64", 80, age=29.0)


def test_young_shares_are_those_of_real_nights(young):
    np.testing.assert_allclose(shares(young), REAL_SHARES, rtol=0.35)


def test_young_neighbours_agree_as_in_real_nights(young):
    assert np.mean([np.mean(n[1:] == n[:-1]) for n in young]) == pytest.approx(0.877, abs=0.02)


def test_young_runs_are_as_long_as_real_ones(young):
    stage, length = (np.concatenate(v) for v in zip(*map(runs, young), strict=True))
    mean = np.array([length[stage == k].mean() for k in range(6)])
    np.testing.assert_allclose(mean, REAL_RUNS, rtol=0.35)


def test_young_runs_of_one_epoch_are_as_common_as_real_ones(young):
    stage, length = (np.concatenate(v) for v in zip(*map(runs, young), strict=True))
    single = np.array([np.mean(length[stage == k] == 1) for k in range(6)])
    np.testing.assert_allclose(single, REAL_SINGLE, atol=0.12)


def test_young_stages_last_as_real_ones(young):
    stay = [np.mean(np.concatenate([n[1:][n[:-1] == k] for n in young]) == k) for k in range(6)]
    np.testing.assert_allclose(stay, REAL_STAY, atol=0.06)


@pytest.mark.parametrize(
    ("group", "length", "real", "agree", "lacking"),
    [
        ("65-79", (1170, 0.28), [0.307, 0.117, 0.343, 0.066, 0.036, 0.131], 0.862, [0.0, 0.2]),
        ("80-95", (1845, 0.33), [0.536, 0.101, 0.241, 0.027, 0.006, 0.088], 0.905, [0.5, 0.71]),
    ],
)
def test_old_nights_are_those_of_real_old_people(group, length, real, agree, lacking):
    longer = length[1] * np.random.default_rng(0).standard_normal(200)

    keys = [RecordingKey(group, 100 + subject, session) for subject in range(60) for session in (1, 2)]
    epochs = np.round(length[0] * np.exp(longer[: len(keys)])).astype(int)
    drawn = [
        scored_hypnogram(key.subject, key, draw_subject(key.subject, key), n, "target")
        for key, n in zip(keys, epochs, strict=True)
    ]
    np.testing.assert_allclose(shares(drawn), real, atol=0.045)
    assert np.mean([np.mean(n[1:] == n[:-1]) for n in drawn]) == pytest.approx(agree, abs=0.02)
    none = [np.mean([stage not in night for night in drawn]) for stage in (hypnogram.S3, hypnogram.S4)]
    np.testing.assert_allclose(none, lacking, atol=0.15)


def test_longer_nights_have_more_wake():
    keys = [RecordingKey("65-79", s, 1) for s in range(100, 130)]
    short, long = (
        np.mean([night_shares(1, draw_subject(1, key), key, "target", n)[0] for key in keys]) for n in (900, 1600)
    )
    assert long > short + 0.1


def test_wake_to_the_end_of_a_night_is_broken_by_a_last_bout_of_sleep():
    wanted = np.array([0.8, 0.05, 0.1, 0.01, 0.0, 0.04])
    nights = [hypnogram.draw(generator(i, "x"), 1500, wanted, cohort="80+") for i in range(5)]
    assert all(night[-hypnogram.OLDEST_EDGE_WAKE - 1] != hypnogram.WAKE for night in nights)
    assert np.mean([np.mean(night == hypnogram.WAKE) for night in nights]) > 0.65


def test_nobody_falls_from_deep_sleep_into_rem(young):
    jumps = sum(((n[:-1] == hypnogram.S4) & (n[1:] == hypnogram.REM)).sum() for n in young)
    assert jumps < 5


def test_some_nights_have_no_s4():
    without = [hypnogram.S4 not in n for n in nights("65-79", 12)]
    assert 0.05 < np.mean(without) < 0.7


def test_the_old_wake_more_and_sleep_less_deeply(young):
    old, oldest = shares(nights("65-79", 20)), shares(nights("80-95", 12))
    now = shares(young)
    assert now[0] < old[0] < oldest[0]
    assert now[4] > old[4] > oldest[4]


def test_nights_begin_and_end_with_half_an_hour_of_wake(young):
    for night in young:
        assert (night[: hypnogram.EDGE_WAKE] == 0).all()
        assert (night[-hypnogram.EDGE_WAKE :] == 0).all()
        assert night[-hypnogram.EDGE_WAKE - 1] != 0


def test_every_seed_has_its_own_test_prior():
    def mean(seed):
        keys = [RecordingKey("80-95", s, 1) for s in range(5, 14)]
        return np.mean([night_shares(seed, draw_subject(seed, key, 87.0), key, "target") for key in keys], axis=0)

    assert np.abs(np.log(mean(1) / mean(2))).max() > 0.1


def test_the_final_prior_is_that_of_the_real_test_set():
    keys = [RecordingKey("80-95", s, r) for s in range(5, 14) for r in (1, 2)]
    drawn = [scored_hypnogram(2, key, draw_subject(2, key), 1400, "final") for key in keys]
    real = np.array([10_268, 4_065, 8_180, 572, 41, 2_630]) / 25_756
    np.testing.assert_allclose(shares(drawn), real, atol=0.03)


def test_a_wanted_share_of_zero_never_occurs():
    wanted = np.array([0.2, 0.1, 0.45, 0.1, 0.0, 0.15])
    assert (hypnogram.draw(generator(1, "x"), 600, wanted) != hypnogram.S4).all()


def test_two_scorers_agree_as_published(young):
    from sklearn.metrics import cohen_kappa_score

    paths = [scorer.course(generator(1, "first", i), n) for i, n in enumerate(young)]
    again = [scorer.course(generator(1, "second", i), scorer.majority(p)) for i, p in enumerate(paths)]
    second = [scorer.majority(p) for p in again]
    assert cohen_kappa_score(np.concatenate(young), np.concatenate(second)) == pytest.approx(0.76, abs=0.05)


def test_scorers_err_most_in_s1_and_s3(young):
    truth = np.concatenate([scorer.majority(scorer.course(generator(2, "x", i), n)) for i, n in enumerate(young)])
    scored = np.concatenate(young)
    right = [np.mean(truth[scored == k] == k) for k in range(6)]
    assert set(np.argsort(right)[:2]) == {hypnogram.S1, hypnogram.S3}


def test_the_true_course_leaves_the_grid_of_epochs():
    scored = np.repeat([0, 2, 5, 2], 50)
    path = scorer.course(generator(3, "x"), scored)
    assert len(path) == 6 * len(scored)
    assert (np.flatnonzero(np.diff(path)) % 6 != 5).any()
