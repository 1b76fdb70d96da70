"""Several pairs of channels vote; contralateral re-referencing; artefacts are marked."""

import csv

import mne
import numpy as np
import pytest
from scipy.signal import butter, lfilter
from test_stage import STAGES, START, make_signal, write_edf

from beetl_task1.errors import BeetlError, DataError
from beetl_task1.staging import Options, Stager, find_nights, stage_all
from beetl_task1.staging.channels import Derivation, find_channels

PAIRS = [["F3-M2", "O1-M2"], ["F4-M1", "O2-M1"]]
N = 60


class Loudness:
    """Says S2 of loud epochs and W of others, surer the farther from the middle; two pairs may differ."""

    def predict_proba(self, recording):
        loud = np.clip(recording.X.std(axis=(1, 2)) / 2e-5, 0.05, 1.9) / 2
        p = np.full((len(loud), 6), 0.005)
        p[:, 2], p[:, 0] = 0.98 * loud, 0.98 * (1 - loud)
        return p / p.sum(axis=1, keepdims=True)


def recording(left, right, mastoid=5e-6):
    """Return F3, O1 (loudness ``left``), F4, O2 (``right``), M1 and M2, all against one reference; (n,) in V."""
    rng = np.random.default_rng(0)
    noise = lfilter(*butter(2, [2, 10], "bandpass", fs=100), rng.normal(size=(4, N, 3000)))
    noise *= np.array([left, left, right, right])[..., None] / noise.std()
    reference = np.sin(np.arange(N * 3000) / 7) * mastoid
    signals = noise.reshape(4, -1)
    data = [*(signals[:2] + reference), *(signals[2:] - reference), -reference, reference]  # M1 by F4, M2 by F3
    info = mne.create_info(["F3", "O1", "F4", "O2", "M1", "M2"], 100, "eeg")
    return mne.io.RawArray(np.array(data), info, verbose="ERROR").set_meas_date(START)


def stage(raw, **options):
    return Stager(Loudness(), "65-79", Options(**{"transitions": None} | options)).stage(raw)


QUIET, LOUD = np.full(N, 5e-6), np.full(N, 3.9e-5)


def test_the_contralateral_mastoid_is_subtracted():
    """What both share with the mastoid is gone: with the other side's it would be doubled."""
    raw = recording(QUIET, QUIET, mastoid=3e-5)
    assert (stage(raw, channels=PAIRS[0]).stages == 0).all()
    assert (stage(raw, channels=["F3-M1", "O1-M1"]).stages == 2).all()
    assert stage(raw, channels=PAIRS[1]).channels == ("F4 minus M1", "O2 minus M1")


@pytest.mark.parametrize(("asked", "there", "found"), [
    ("C4-A1", ["C4", "A1"], Derivation("C4", "A1")), ("C4-A1", ["EEG C4-REF", "EEG A1-REF"],
                                                      Derivation("EEG C4-REF", "EEG A1-REF")),
    ("C4-M1", ["C4", "A1"], Derivation("C4", "A1")), ("C4-A1", ["C4:M1"], None), ("C4-A1", ["EEG C4-M1"],
                                                                                    Derivation("EEG C4-M1")),
    ("c3-m2", ["C3", "C4", "M1", "M2"], Derivation("C3", "M2")),
])  # fmt: skip
def test_mastoids_under_both_names(asked, there, found):
    if found is None:
        with pytest.raises(DataError):
            find_channels([*there, "O1"], there, [asked, "O1"])
    else:
        assert find_channels([*there, "O1"], there, [asked, "O1"]).derivations[0] == found


@pytest.mark.parametrize(("there", "advice"), [
    (["F3", "F4", "O1", "O2", "M1", "M2"], "F4-M1,O2-M1"), (["F3", "O1", "A2"], "F3-A2,O1-A2"),
    (["C3", "C4", "A1", "A2"], "C4-A1,C3-A2"), (["C3-A2", "C4-A1"], "C4-A1,C3-A2"),
    (["EEG F3", "EEG Oz"], "EEG F3,EEG Oz"), (["X", "Y"], "A,B"),
])  # fmt: skip
def test_the_advice_works_when_pasted(there, advice):
    with pytest.raises(DataError) as caught:
        find_channels(there, there)
    names = str(caught.value).split('--channels "')[1].split('"')[0].replace("M1", "A1").replace("M2", "A2")
    assert names == advice.replace("M1", "A1").replace("M2", "A2")
    if advice != "A,B":
        found = find_channels(there, there, names.split(","))
        assert found.derivations[0] != found.derivations[1]


def test_the_mean_and_the_surest():
    """The left is not sure of S2, the right is sure of W: the mean is W too; where the left is surer, it decides."""
    left, right = np.full(N, 2.9e-5), np.where(np.arange(N) < 30, 2e-6, 1.7e-5)
    raw = recording(left, right, mastoid=0)
    one, other = (stage(raw, channels=pair).probabilities for pair in PAIRS)
    mean = stage(raw, channels=PAIRS)
    np.testing.assert_allclose(mean.probabilities, (one + other) / 2)
    surest = stage(raw, channels=PAIRS, vote="surest")
    assert (surest.stages[:30] == 0).all()
    assert (surest.stages[30:] == 2).all()
    np.testing.assert_allclose(surest.probabilities[:30], other[:30])
    np.testing.assert_allclose(surest.probabilities[30:], one[30:])
    assert mean.channels == ("F3 minus M2", "O1 minus M2", "F4 minus M1", "O2 minus M1")
    assert "the mean of 2 pairs of channels" in mean.made_by
    assert "the surest of 2 pairs of channels" in surest.made_by
    assert any("the pairs of channels agree on 0% of the epochs" in line for line in mean.warnings)
    same = stage(recording(LOUD, LOUD, mastoid=0), channels=PAIRS)
    assert not any("agree on" in line for line in same.warnings)


@pytest.mark.parametrize("vote", ["mean", "surest"])
def test_a_pair_does_not_vote_where_it_is_spoilt(vote):
    """The left is flat, then swings: the right alone decides there."""
    raw = recording(LOUD, QUIET, mastoid=0)
    raw._data[:2, 10 * 3000 : 20 * 3000] = 1e-9
    raw._data[:2, 25 * 3000 : 25 * 3000 + 100] += 2e-3
    right = stage(raw, channels=PAIRS[1]).probabilities
    night = stage(raw, channels=PAIRS, vote=vote)
    np.testing.assert_allclose(night.probabilities[10:20], right[10:20])
    np.testing.assert_allclose(night.probabilities[25], right[25])
    assert not np.allclose(night.probabilities[30], right[30])
    assert not night.unusable.any()
    assert not night.artefact.any(), "the other pair is clean"
    raw._data[2:4, 10 * 3000 : 20 * 3000] = 1e-9
    assert np.flatnonzero(stage(raw, channels=PAIRS, vote=vote).unusable).tolist() == list(range(10, 20))


def test_a_pair_that_is_not_there_is_left_out(tmp_path):
    raw = recording(LOUD, QUIET).drop_channels(["O2"])
    night = stage(raw, channels=PAIRS)
    np.testing.assert_allclose(night.probabilities, stage(raw, channels=PAIRS[0]).probabilities)
    assert any(line.startswith("left out of the vote: ") and "it lacks O2-M1" in line for line in night.warnings)
    with pytest.raises(DataError, match="it lacks"):
        stage(raw, channels=[["P3", "P4"], ["P3", "O9"]])
    with pytest.raises(BeetlError, match="did you mean 'surest'"):
        Options(vote="surst")


def test_artefacts_are_marked(tmp_path):
    signal = make_signal()
    spoilt = {20: 1e-3, 40: -8e-4}
    for epoch, height in spoilt.items():
        signal[0, epoch * 3000 + 50 : epoch * 3000 + 120] += height
    signal[1, 50 * 3000 : 50 * 3000 + 5] += 1e-3  # a single spike of 50 ms is none
    raw = mne.io.RawArray(signal, mne.create_info(["Fpz-Cz", "Pz-Oz"], 100, "eeg"), verbose="ERROR")
    path = tmp_path / "night_raw.fif"
    raw.save(path, verbose="ERROR")
    stage_all(Stager(Loudness(), "65-79", Options()), [path], tmp_path / "out")
    marks = [row["mark"] for row in csv.DictReader((tmp_path / "out/night_raw.csv").open())]
    assert {i: mark for i, mark in enumerate(marks) if mark} == dict.fromkeys(spoilt, "artefact")
    text = (tmp_path / "out/night_raw.json").read_text()
    assert "artefact: 2 epochs of Fpz-Cz and Pz-Oz swing as EEG does not" in text
    assert '"artefact_epochs": 2' in text


def test_a_loud_recording_has_no_artefacts():
    """Slow waves of 250 uV are none, nor is everything of an amplifier with another gain."""
    signal = make_signal()
    signal[:, 3000:90_000] += 1.2e-4 * np.sin(2 * np.pi * np.arange(87_000) / 100)
    for gain in (1, 4):
        raw = mne.io.RawArray(signal * gain, mne.create_info(["Fpz-Cz", "Pz-Oz"], 100, "eeg"), verbose="ERROR")
        assert not Stager(Loudness(), "65-79", Options()).stage(raw).artefact.any()


def test_names_and_pairs_at_once_are_refused():
    with pytest.raises(BeetlError, match=r"expected names or pairs of names, got both: EEG Fpz-Cz, \('Pz', 'Oz'\)"):
        Options(channels=["EEG Fpz-Cz", ("Pz", "Oz")])


def test_pairs_in_a_table(tmp_path):
    write_edf(tmp_path / "night.edf", ("EEG F3-M2", "EEG O1-M2"))
    (tmp_path / "c.csv").write_text('recording,channels\nnight.edf,"F3-M2,O1-M2 | F4-M1, O2-M1"\n')
    [night], _ = find_nights([tmp_path / "c.csv"])
    assert night.channels == (("F3-M2", "O1-M2"), ("F4-M1", "O2-M1"))
    stager = Stager(Loudness(), "65-79", Options()).for_night(night)
    staged = stager.stage(night.recording)
    assert staged.channels == ("EEG F3-M2", "EEG O1-M2")
    assert len(staged.stages) == len(STAGES)
