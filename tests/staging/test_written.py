"""What is written of a night beside table and EDF+: events of BIDS, and figures on the clock with the scorer's line."""

import csv
import datetime
import json
import re

import numpy as np
import pytest
from test_stage import STAGES, START, Level, make_raw, write_edf

from beetl_task1.errors import BeetlError
from beetl_task1.staging import Options, Stager, stage_all
from beetl_task1.staging.figure import COLOURS, draw
from beetl_task1.staging.statistics import read_scored

ALL = ("svg", "pdf", "bids")


@pytest.fixture
def stager():
    return Stager(Level(), "65-79", Options(), "made so", weights="w")


@pytest.fixture
def scored(tmp_path):
    """Return a scoring that is 4 epochs off, with 6 unscored epochs."""
    path = tmp_path / "scored.txt"
    path.write_text("\n".join(["?"] * 6 + [["W", "S1", "S2", "S3", "S4", "REM"][s] for s in np.roll(STAGES, 4)[6:]]))
    return path


@pytest.mark.parametrize("name", ["night", "sub-01_task-sleep_eeg"])
def test_events_of_bids(stager, tmp_path, name):
    path, out = write_edf(tmp_path / f"{name}.edf"), tmp_path / "out"
    stage_all(stager, [path], out, also=["bids"])
    stem = out / f"{name.removesuffix('_eeg')}_events"
    night = stager.stage(path)
    rows = list(csv.DictReader(stem.with_suffix(".tsv").open(), delimiter="\t"))
    assert [float(row["onset"]) for row in rows] == night.onsets.tolist()
    assert {row["duration"] for row in rows} == {"30"}
    assert [float(row["confidence"]) for row in rows] == pytest.approx(night.confidence.tolist(), abs=1e-4)
    sidecar = json.loads(stem.with_suffix(".json").read_text())
    assert list(sidecar) == list(rows[0]), "every column is explained"
    assert {row["trial_type"] for row in rows} <= set(sidecar["trial_type"]["Levels"])
    assert "made so" in sidecar["trial_type"]["Description"]
    assert read_scored(stem.with_suffix(".tsv"), len(STAGES), START).stages.tolist() == night.stages.tolist()


def text_of(night):
    svg = draw(night, "svg").decode()
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg), svg


def test_figures_are_on_the_clock(stager):
    words, _ = text_of(stager.stage(make_raw(stages=np.repeat(STAGES, 5))))
    assert [word for word in words if re.fullmatch(r"\d\d:\d\d", word)] == ["23:00", "00:00", "01:00", "02:00", "03:00"]
    assert ("time of day" in words, "scorer" in words) == (True, False)
    words, _ = text_of(stager.stage(make_raw(start=START + datetime.timedelta(minutes=7))))
    assert [word for word in words if ":" in word] == ["22:45", "23:00", "23:15", "23:30"]
    assert "hours from the beginning of the recording" in text_of(stager.stage(make_raw(start=None)))[0]


def test_the_scorer_is_drawn_over_the_models_with_rem_in_its_colour(stager, scored):
    def bars(svg):
        return svg.count(f"stroke: {COLOURS[-1]}")

    words, svg = text_of(stager.stage(make_raw(), scored))
    plain = text_of(stager.stage(make_raw()))[1]
    assert {"scorer", "models"} <= set(words)
    assert bars(svg) - bars(plain) >= (STAGES == 5).sum() - 4, "the scorer's REM"


def test_figures_as_svg_and_pdf(stager, tmp_path, scored):
    path, out = write_edf(tmp_path / "night.edf"), tmp_path / "out"
    stage_all(stager, [path], out, also=ALL)
    assert (out / "night.pdf").read_bytes()[:4] == b"%PDF"
    assert (out / "night.svg").read_bytes()[:5] == b"<?xml"
    night = stager.stage(path, scored)
    for form in ("png", "svg", "pdf"):
        assert draw(night, form) == draw(night, form)


def test_what_was_asked_for_once_is_kept_up(stager, tmp_path):
    path, out = write_edf(tmp_path / "night.edf"), tmp_path / "out"
    stage_all(stager, [path], out)
    assert stage_all(stager, [path], out).kept == ["night"]
    assert stage_all(stager, [path], out, also=ALL).kept == []
    before = {file.name for file in out.iterdir()}
    assert {"night.svg", "night.pdf", "night_events.tsv", "night_events.json"} <= before
    assert stage_all(stager, [path], out).kept == ["night"]
    other = Stager(Level(), "80-95", Options(scheme="aasm"), "other", weights="v")
    assert stage_all(other, [path], out).kept == []
    assert "other" in (out / "night_events.json").read_text(), "no file of another staging stays beside the new ones"
    assert {file.name for file in out.iterdir()} == before


@pytest.mark.parametrize("name", ["night.svg", "night.pdf", "night_events.tsv", "night_events.json"])
def test_others_files_stay(stager, tmp_path, name):
    path = write_edf(tmp_path / "night.edf")
    (tmp_path / name).write_text("mine")
    with pytest.raises(BeetlError, match=f"{name}: is there and not as an earlier `stage` wrote it"):
        stage_all(stager, [path], tmp_path, also=ALL)
    assert not stage_all(stager, [path], tmp_path).failures, "nothing of that name is written"
    assert (tmp_path / name).read_text() == "mine"
    with pytest.raises(BeetlError, match=f"{name}: is there and not as an earlier `stage` wrote it"):
        stage_all(stager, [path], tmp_path, also=ALL)
    assert (tmp_path / name).read_text() == "mine", "nor beside what an earlier staging wrote"
