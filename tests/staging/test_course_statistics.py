"""The statistics of the course of a night, by hand, and of a scorer's file alone."""

import datetime
import json

import edfio
import numpy as np
import pytest
from click.testing import CliRunner

from beetl_task1.cli.statistics import statistics as command
from beetl_task1.errors import BeetlError
from beetl_task1.hypnograms.schemes import AASM, RK
from beetl_task1.staging.statistics import course_statistics, sleep_statistics, statistics_of


def test_a_course_by_hand():
    """W W S1 S2 W S1 S2 S2 x 20 REM S1 W: latencies from lights off, changes inside the sleep period."""
    stages = np.array([0, 0, 1, 2, 0, 1, *[2] * 21, 5, 1, 0])
    found = course_statistics(stages, RK)
    assert found == {
        "sleep_period_time": 13.5, "sleep_maintenance_efficiency": pytest.approx(2600 / 27),
        "wake_in_sleep_period": 0.5,
        "latency_S1": 1.0, "latency_S2": 1.5, "latency_S3": None, "latency_S4": None, "latency_REM": 13.5,
        "latency_persistent_sleep": 2.5, "cycles": 0.0, "stage_transitions": 6.0,
        "fragmentation_index": pytest.approx(2 / (13 / 60))}  # fmt: skip


@pytest.mark.parametrize(("nrem_and_rem", "cycles"), [
    ([(30, 2)], 1), ([(29, 2)], 0), ([(30, 2), (30, 10)], 2), ([(30, 2), (30, 9)], 1), ([(30, 20), (29, 20)], 1),
    ([(60, 10), (90, 30), (70, 40), (80, 50)], 4), ([], 0)])  # fmt: skip
def test_cycles(nrem_and_rem, cycles):
    stages = np.array([0, *(stage for nrem, rem in nrem_and_rem for stage in [2] * nrem + [5] * rem), 1])
    assert course_statistics(stages, RK)["cycles"] == cycles


def test_nobody_sleeps():
    found = course_statistics(np.zeros(5, dtype=int), AASM)
    assert found.pop("cycles") == 0
    assert set(found.values()) == {None}
    assert "latency_N3" in found


def write(path):
    names = "???WW1122?33RR2W??"
    annotations = [edfio.EdfAnnotation(30 * i, 30, f"Sleep stage {name}") for i, name in enumerate(names)]
    edfio.Edf([], annotations=annotations, starttime=datetime.time(22), recording=edfio.Recording(
        startdate=datetime.date(2020, 1, 1))).write(path)  # fmt: skip
    return path


def test_a_scoring_alone(tmp_path):
    stages = np.array([0, 0, 1, 1, 2, 2, 3, 3, 5, 5, 2, 0])
    found = statistics_of(write(tmp_path / "h.edf"))
    assert found.statistics == sleep_statistics(stages, RK) | course_statistics(stages, RK)
    assert found.notes == ("1 of 13 epochs are not scored, and left out of all times",)
    part = statistics_of(tmp_path / "h.edf", lights_off="22:02:00", lights_on="22:04:30")
    assert part.statistics["time_in_bed"] == 2.5
    assert statistics_of(tmp_path / "h.edf", lights_off="120", lights_on="270").statistics == part.statistics
    with pytest.raises(BeetlError, match="no epoch of the recording"):
        statistics_of(tmp_path / "h.edf", lights_off="23:30")


def test_command(tmp_path):
    (tmp_path / "h.txt").write_text("0\n1\n2\n3\n4\n" * 9)
    arguments = [str(tmp_path / "h.txt"), "--stage-names", "yasa"]
    done = CliRunner().invoke(command, [*arguments, "--json"], catch_exceptions=False)
    (night,) = json.loads(done.stdout)["hypnograms"].values()
    assert (night["scheme"], night["statistics"]["minutes_R"]) == ("aasm", 4.5)
    shown = CliRunner().invoke(command, [*arguments, str(write(tmp_path / "h.edf"))], catch_exceptions=False)
    assert "latency_persistent_sleep" in shown.stdout
    assert "1 of 13 epochs are not scored" in shown.stderr
    with pytest.raises(BeetlError, match="two meanings"):
        CliRunner().invoke(command, arguments[:1], catch_exceptions=False)
