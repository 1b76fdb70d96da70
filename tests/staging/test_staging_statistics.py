"""Sleep statistics and the time in bed, by hand."""

import datetime

import numpy as np
import pytest

from beetl_task1.errors import BeetlError
from beetl_task1.hypnograms.schemes import AASM, RK, get_scheme
from beetl_task1.staging.statistics import sleep_statistics
from beetl_task1.staging.window import epochs_in_bed, seconds_from_start, sleep_period

START = datetime.datetime(2020, 1, 1, 22, 30, tzinfo=datetime.UTC)


def test_a_night_by_hand():
    """W W S1 S2 W S2 S3 S4 REM W REM W: 12 epochs, 6 minutes."""
    stages = np.array([0, 0, 1, 2, 0, 2, 3, 4, 5, 0, 5, 0])
    found = sleep_statistics(stages, RK)
    assert found == {
        "time_in_bed": 6.0, "total_sleep_time": 3.5, "sleep_efficiency": pytest.approx(350 / 6),
        "sleep_onset_latency": 1.0, "rem_latency": 3.0, "wake_after_sleep_onset": 1.5, "awakenings": 2.0,
        "minutes_W": 2.5, "minutes_S1": 0.5, "minutes_S2": 1.0, "minutes_S3": 0.5, "minutes_S4": 0.5,
        "minutes_REM": 1.0, "percent_S1": pytest.approx(100 / 7), "percent_S2": pytest.approx(200 / 7),
        "percent_S3": pytest.approx(100 / 7), "percent_S4": pytest.approx(100 / 7),
        "percent_REM": pytest.approx(200 / 7)}  # fmt: skip
    assert found["time_in_bed"] == pytest.approx(
        found["sleep_onset_latency"] + found["total_sleep_time"] + found["wake_after_sleep_onset"]
    )


def test_aasm_merges_slow_wave_sleep():
    found = sleep_statistics(AASM.labels(np.array([0, 3, 4, 5])), AASM)
    assert (found["minutes_N3"], found["minutes_R"], found["percent_N3"]) == (1.0, 0.5, pytest.approx(200 / 3))
    assert "minutes_S4" not in found


def test_no_sleep_no_rem_and_nothing():
    awake = sleep_statistics(np.zeros(4, dtype=int), RK)
    assert (awake["total_sleep_time"], awake["sleep_efficiency"]) == (0.0, 0.0)
    assert awake["sleep_onset_latency"] is awake["wake_after_sleep_onset"] is awake["percent_S2"] is None
    assert sleep_statistics(np.array([2, 2]), RK)["rem_latency"] is None
    assert sleep_statistics(np.array([], dtype=int), RK)["sleep_efficiency"] is None


def test_five_stages_are_decided_on_their_sum():
    probabilities = np.array([[0.0, 0.0, 0.4, 0.3, 0.3, 0.0]])
    assert RK.stages[RK.decide(probabilities)[0]] == "S2"
    assert AASM.stages[AASM.decide(probabilities)[0]] == "N3"
    with pytest.raises(BeetlError, match="unknown scheme"):
        get_scheme("randk")


@pytest.mark.parametrize(("text", "seconds"), [("22:30", 0), ("22:31:05", 65), ("00:00", 5400), ("22:00", 84_600),
                                               ("1800", 1800), ("90.5", 90.5)])  # fmt: skip
def test_times(text, seconds):
    assert seconds_from_start(text, START) == seconds


@pytest.mark.parametrize("text", ["late", "25:00", "22:61", "-5", "nan", "inf"])
def test_no_times(text):
    with pytest.raises(BeetlError, match="expected a clock time"):
        seconds_from_start(text, START)


def test_clock_time_needs_a_start():
    with pytest.raises(BeetlError, match="does not say when it began; give seconds"):
        seconds_from_start("23:00", None)


def in_bed(n_epochs, *lights):
    return epochs_in_bed(np.arange(n_epochs) * 30.0, *lights)[0]


def test_time_in_bed():
    assert in_bed(100, START, None, None) == slice(0, 100)
    assert in_bed(100, START, "22:35", "23:00") == slice(10, 60)
    assert in_bed(100, None, "300", None) == slice(10, 100)
    assert in_bed(2880, START, "23:30", "22:29") == slice(120, 2878)
    with pytest.raises(BeetlError, match="no epoch of the recording"):
        in_bed(100, START, "12:00", None)


def test_main_sleep_of_a_day():
    asleep = np.zeros(2640, dtype=bool)
    asleep[100:130] = True
    asleep[1000:1900] = True
    asleep[1400:1500] = False
    asleep[2300:2305] = True
    assert sleep_period(asleep) == slice(940, 1960)
    assert sleep_period(np.zeros(500, dtype=bool)) == slice(0, 500)
    assert sleep_period(asleep[:300]) == slice(0, 300), "too short a period to be a night"
