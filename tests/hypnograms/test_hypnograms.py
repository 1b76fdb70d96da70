"""Names, schemes, spans and their place on the grid of epochs."""

import datetime

import numpy as np
import pytest

from beetl_task1.errors import BeetlError
from beetl_task1.hypnograms.formats import read_hypnogram
from beetl_task1.hypnograms.names import UNSCORED, is_known, stage_of
from beetl_task1.hypnograms.schemes import AASM, RK, get_scheme
from beetl_task1.hypnograms.spans import Hypnogram, Span, near_sleep, on_grid
from beetl_task1.task import STAGES

START = datetime.datetime(2020, 1, 1, 22, 30, tzinfo=datetime.UTC)


@pytest.mark.parametrize(("name", "known"), [
    ("Sleep stage ?", True), ("?", True), ("Movement time", True), ("N3", True), ("Sleep stage R", True),
    ("Lights off", False), ("Obstructive apnea", False), ("", False), ("7", False)])  # fmt: skip
def test_not_scored_is_not_the_same_as_unknown(name, known):
    assert is_known(name) is known
    if not known:
        assert stage_of(name) == UNSCORED


def test_both_schemes_are_one_table():
    assert (RK.stages, RK.short) == (STAGES, STAGES)
    assert (AASM.stages[-1], AASM.short[-1], AASM.annotations[-1]) == ("REM", "R", "Sleep stage R")
    for scheme in (RK, AASM):
        assert scheme is get_scheme(scheme.name)
        assert [stage_of(name) for name in scheme.stages] == [scheme.merge.index(i) for i in range(len(scheme.stages))]
        assert [stage_of(name) for name in scheme.annotations] == [stage_of(name) for name in scheme.stages]
    assert AASM.labels(np.array([-1, 3, 4, 5])).tolist() == [-1, 3, 3, 4]
    with pytest.raises(BeetlError, match="did you mean 'aasm'"):
        get_scheme("assm")


def test_the_middle_or_the_whole_of_an_epoch():
    spans = [Span(0, 40, "W"), Span(40, 35, "N2"), Span(75, 0.1 + 14.9, "R")]
    assert on_grid(spans, 4).tolist() == [0, 2, 5, -1]
    assert on_grid(spans, 4, whole=True).tolist() == [0, -1, -1, -1]
    assert on_grid([Span(0.1 + 0.2 - 0.3, 90, "4")], 4, whole=True).tolist() == [4, 4, 4, -1]


def test_a_later_span_overwrites_an_earlier_one_and_none_reaches_outside():
    spans = [Span(-60, 150, "2"), Span(30, 30, "?"), Span(90, 1e6, "Lights off")]
    assert on_grid(spans, 4).tolist() == [2, -1, 2, -1]
    assert on_grid([Span(float("nan"), 30, "2"), Span(60, -30, "2")], 2).tolist() == [-1, -1]


def test_times_count_from_the_recording():
    later = Hypnogram((Span(0, 30, "S1"),), START + datetime.timedelta(minutes=1))
    assert later.timed_from(START).spans == (Span(60, 30, "S1"),)
    assert later.timed_from(None) is later
    without = Hypnogram((Span(0, 30, "S1"),))
    assert without.timed_from(START) is without


def test_runs_hold_until_the_next(tmp_path):
    (tmp_path / "h.csv").write_text("onset,stage\n0,W\n90,N2\n")
    found = read_hypnogram(tmp_path / "h.csv")
    assert found.spans == (Span(0, 90, "W"), Span(90, 30, "N2"))
    assert (found.scheme, found.names, found.start) == (AASM, ["N2", "W"], None)


def test_around_sleep_with_and_without_any():
    assert near_sleep(np.array([0, 0, 2, -1, 0, 0]), wake_minutes=0.5) == slice(1, 4)
    assert near_sleep(np.array([0, -1, 0])) == slice(0, 3)
