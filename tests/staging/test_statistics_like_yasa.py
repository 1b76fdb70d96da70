"""Statistics against YASA's, whose numbers stand in `yasa.json`: simulated hypnograms, odd ones, and real records."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from beetl_task1.hypnograms.schemes import AASM
from beetl_task1.staging.statistics import all_statistics

YASA = json.loads((Path(__file__).parent / "yasa.json").read_text())
SAME = {
    "TIB": "time_in_bed", "SPT": "sleep_period_time", "WASO": "wake_in_sleep_period", "TST": "total_sleep_time",
    "SE": "sleep_efficiency", "SME": "sleep_maintenance_efficiency", "SOL": "sleep_onset_latency",
    "N1": "minutes_N1", "N2": "minutes_N2", "N3": "minutes_N3", "REM": "minutes_R",
    "%N1": "percent_N1", "%N2": "percent_N2", "%N3": "percent_N3", "%REM": "percent_R",
    "Lat_N1": "latency_N1", "Lat_N2": "latency_N2", "Lat_N3": "latency_N3", "Lat_REM": "latency_R",
}  # fmt: skip
"""Where both have a statistic; ours counts Wake after sleep onset to lights on too, as the AASM does."""


def check(stages, theirs):
    ours = all_statistics(stages, AASM)
    for name, own in SAME.items():
        expected = theirs[name]
        if expected == 0 and ours[own] is None:  # a sleep period without sleep
            continue
        assert ours[own] == (None if expected is None else pytest.approx(expected, abs=1e-4)), (name, own)
    if ours["rem_latency"] is not None:
        assert ours["rem_latency"] == pytest.approx(theirs["Lat_REM"] - theirs["SOL"])
    if theirs["SFI"] is not None:
        last = int(stages[-1] == 0)  # YASA counts the end of the night as an awakening
        assert ours["awakenings"] + last == pytest.approx(theirs["SFI"] * theirs["TST"] / 60, abs=1e-3)


@pytest.mark.parametrize("one", YASA["hypnograms"], ids=lambda one: one["hypnogram"][:20])
def test_hypnograms(one):
    runs = re.findall(r"([W123R])(\d+)", one["hypnogram"])
    check(np.concatenate([np.full(int(n), "W123R".index(stage)) for stage, n in runs]), one["statistics"])


@pytest.mark.parametrize("record", YASA["records"])
def test_real_records(shared_data, record):
    lines = (shared_data / "sleep_edf_20_hypnograms.txt").read_text().splitlines()
    [letters] = [line.split()[1] for line in lines if line.startswith(record)]
    stages = np.array(["W123R".index(letter) for letter in letters.replace("4", "3").replace("?", "")])
    check(stages, YASA["records"][record])
