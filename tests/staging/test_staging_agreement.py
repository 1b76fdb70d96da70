"""Hypnograms by scorers in every form, and agreement by hand."""

import datetime

import edfio
import mne
import numpy as np
import pytest

from beetl_task1.errors import DataError
from beetl_task1.hypnograms.names import stage_of
from beetl_task1.hypnograms.schemes import AASM, RK
from beetl_task1.staging.statistics import Scored, agreement_of, around_sleep, read_scored

START = datetime.datetime(2020, 1, 1, 22, 30, tzinfo=datetime.UTC)


@pytest.mark.parametrize(("name", "stage"), [
    ("Sleep stage W", 0), ("Sleep stage 4", 4), ("Sleep stage R", 5), ("Sleep stage N2", 2), ("N3", 3), ("S4", 4),
    ("NREM2", 2), ("nrem 1", 1), ("REM", 5), ("wake", 0), ("Stage 3", 3), ("Sleep stage ?", -1),
    ("Movement time", -1), ("Lights off", -1), ("", -1),
])  # fmt: skip
def test_names(name, stage):
    assert stage_of(name) == stage


def test_annotations_that_mne_reads(tmp_path):
    annotations = mne.Annotations([0, 60, 90], [60, 30, 300], ["Sleep stage W", "Sleep stage ?", "Sleep stage N2"])
    annotations.save(tmp_path / "h-annot.fif")
    scored = read_scored(tmp_path / "h-annot.fif", 5)
    assert scored.stages.tolist() == [0, 0, -1, 2, 2]
    assert scored.scheme is AASM


def test_annotations_with_a_time_of_their_own(tmp_path):
    later = START + datetime.timedelta(seconds=60)
    mne.Annotations([0], [30], ["Sleep stage 4"], orig_time=later).save(tmp_path / "h-annot.fif")
    scored = read_scored(tmp_path / "h-annot.fif", 4, START)
    assert scored.stages.tolist() == [-1, -1, 4, -1]
    assert scored.scheme is RK


def test_capital_ending(tmp_path):
    edfio.Edf([], annotations=[edfio.EdfAnnotation(0, 60, "Sleep stage R")]).write(tmp_path / "H.EDF")
    assert read_scored(tmp_path / "H.EDF", 3).stages.tolist() == [5, 5, -1]


def test_text_and_tables(tmp_path):
    (tmp_path / "h.txt").write_text("W\nS1\n?\nREM\n")
    assert read_scored(tmp_path / "h.txt", 5).stages.tolist() == [0, 1, -1, 5, -1]
    (tmp_path / "h.csv").write_text("onset,stage\n10,W\n70,N2\n130,N3\n")
    assert read_scored(tmp_path / "h.csv", 6).stages.tolist() == [0, 0, 2, 2, 3, -1], "the stage at the middle"
    (tmp_path / "p.csv").write_text("epoch,stage\n0,W\n1,REM\n")
    assert read_scored(tmp_path / "p.csv", 2).stages.tolist() == [0, 5]


def test_faults(tmp_path):
    with pytest.raises(DataError, match="no such file; --hypnogram"):
        read_scored(tmp_path / "none.edf", 3)
    (tmp_path / "h.txt").write_text("1\n7\n")
    with pytest.raises(DataError, match=r"h\.txt: expected stages such as .*, got '7' \(1\); .*--stage-names"):
        read_scored(tmp_path / "h.txt", 3)
    (tmp_path / "h.txt").write_text("a,b\n1,7\n")
    with pytest.raises(DataError, match="mne cannot read it as annotations"):
        read_scored(tmp_path / "h.txt", 3)
    mne.Annotations([0], [30], ["Lights off"]).save(tmp_path / "h-annot.fif")
    with pytest.raises(DataError, match=r"expected stages such as .*, got \['Lights off'\]"):
        read_scored(tmp_path / "h-annot.fif", 3)
    (tmp_path / "t.csv").write_text("onset,stage\nten,W\n")
    with pytest.raises(DataError, match="expected seconds in the column 'onset'"):
        read_scored(tmp_path / "t.csv", 3)


def test_agreement_by_hand():
    """Three of four agree; chance is 1/2 * 1/4 + 1/2 * 3/4 = 1/2, so kappa is (3/4 - 1/2) / (1 - 1/2)."""
    scored = Scored(np.array([0, 0, 2, 2, -1]), RK)
    found = agreement_of(np.array([0, 2, 2, 2, 5]), RK, scored)
    assert (found.n_epochs, found.accuracy, found.kappa) == (4, 0.75, pytest.approx(0.5))
    assert found.confusion[0].tolist() == [1, 0, 1, 0, 0, 0]
    assert found.confusion.sum() == 4


def test_five_stages_where_the_scorer_has_five():
    found = agreement_of(np.array([3, 4, 5]), RK, Scored(np.array([3, 3, 5]), AASM))
    assert found.stages == AASM.short
    assert found.accuracy == 1


def test_a_single_stage_has_no_kappa():
    found = agreement_of(np.array([0, 0]), RK, Scored(np.array([0, 0]), RK))
    assert (found.accuracy, found.kappa) == (1, None)
    nothing = agreement_of(np.array([0, 0]), RK, Scored(np.array([-1, -1]), RK))
    assert (nothing.n_epochs, nothing.accuracy) == (0, None)


def test_around_sleep():
    stages = np.array([0] * 100 + [2] * 5 + [0] * 100)
    kept = np.flatnonzero(around_sleep(Scored(stages, RK)).stages >= 0)
    assert (kept[0], kept[-1]) == (40, 164)
