"""`stage`: recordings in several formats through a trained checkpoint to files."""

import csv
import datetime
import json
import shutil

import edfio
import mne
import numpy as np
import pytest
from click.testing import CliRunner
from conftest import experiment

from beetl_task1.cli.stage import stage as command
from beetl_task1.context import Transitions, classifier_prior, forward_backward, learn_transitions
from beetl_task1.data.files import DataFolder
from beetl_task1.errors import BeetlError, CheckpointError, DataError
from beetl_task1.models.base import Resources
from beetl_task1.recipes.training import train
from beetl_task1.staging import Options, Stager, annotate, find_nights, group_for_age, stage, stage_all
from beetl_task1.staging import stager as stager_module
from beetl_task1.staging.batch import output_names
from beetl_task1.staging.reading import read_epochs
from beetl_task1.writing import LOCK

START = datetime.datetime(2020, 1, 1, 22, 30, tzinfo=datetime.UTC)
FREQUENCIES = (10.0, 6.0, 13.0, 2.0, 1.0, 4.0)
"""What tells the stages of the small trees apart."""
STAGES = np.repeat([0, 1, 2, 3, 4, 3, 2, 5, 2, 5, 0], [12, 4, 20, 10, 10, 4, 10, 12, 10, 12, 6])


def make_signal(stages=STAGES, sfreq=100, seed=0):
    """Return volts like those of the trees' nights, in order, shape (2, n)."""
    rng = np.random.default_rng(seed)
    t = np.arange(len(stages) * 30 * sfreq) / sfreq
    wave = np.sin(2 * np.pi * np.cumsum(np.repeat(np.array(FREQUENCIES)[stages], 30 * sfreq)) / sfreq)
    return 2e-5 * wave + rng.normal(scale=1e-5 * np.sqrt(sfreq / 100), size=(2, len(t)))


def make_raw(names=("Fpz-Cz", "Pz-Oz"), sfreq=100, start=START, stages=STAGES):
    signal = make_signal(stages, sfreq)
    signal = np.concatenate([signal, 1e-5 * np.ones((max(0, len(names) - 2), signal.shape[1]))])[: len(names)]
    info = mne.create_info(list(names), sfreq, "eeg")
    raw = mne.io.RawArray(signal, info, verbose="ERROR")
    return raw.set_meas_date(start)


def write_edf(path, names=("EEG Fpz-Cz", "EEG Pz-Oz"), sfreq=100, extra=()):
    signals = [
        edfio.EdfSignal(row * 1e6, sfreq, label=name, physical_dimension="uV", prefiltering="HP:0.5Hz LP:100Hz")
        for name, row in zip(names, make_signal(sfreq=sfreq), strict=True)
    ]
    edfio.Edf(
        signals + list(extra),
        recording=edfio.Recording(startdate=START.date()),
        starttime=START.time(),
        data_record_duration=30,
    ).write(path)
    return path


@pytest.fixture(scope="module")
def checkpoints(tree, cache, tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkpoints")
    train(experiment("features-logreg", "65-79", tree), folder, Resources(cache=cache))
    return folder


@pytest.fixture
def options(checkpoints):
    return {"checkpoints": checkpoints, "group": "65-79", "recipe": "features-logreg", "allow_simulated": True}


@pytest.fixture(scope="module")
def stager(checkpoints):
    return Stager.load(checkpoints, "65-79", Options(), recipe="features-logreg", allow_simulated=True)


def test_a_night_is_staged(options):
    night = stage(make_raw(), **options)
    assert np.mean(night.stages == STAGES) > 0.9
    np.testing.assert_allclose(night.probabilities.sum(axis=1), 1)
    assert "trained on simulated data" in night.made_by
    assert "smoothed with transitions of 39 nights" in night.made_by


def test_the_python_call_returns_annotations_for_the_recording(options):
    raw = make_raw()
    annotations = annotate(raw, **options)
    raw.set_annotations(annotations)
    np.testing.assert_allclose(raw.annotations.onset, np.arange(len(STAGES)) * 30)
    names = {"Sleep stage W": 0, "Sleep stage R": 5} | {f"Sleep stage {i}": i for i in range(1, 5)}
    assert np.mean(np.array([names[name] for name in raw.annotations.description]) == STAGES) > 0.9


def test_a_cropped_recording_keeps_its_time(options, tmp_path):
    raw = make_raw()
    raw.crop(tmin=300).save(tmp_path / "cropped_raw.fif", verbose="ERROR")
    night = stage(tmp_path / "cropped_raw.fif", **options)
    assert night.start == START + datetime.timedelta(seconds=300)
    raw.set_annotations(night.annotations)
    assert raw.annotations.onset[0] - raw.first_time == pytest.approx(0, abs=0.02)
    assert np.mean(night.stages == STAGES[10:]) > 0.9


def test_formats_and_rates_agree(stager, tmp_path):
    make_raw().save(tmp_path / "a_raw.fif", verbose="ERROR")
    write_edf(tmp_path / "b.edf")
    slow = edfio.EdfSignal(np.zeros(len(STAGES) * 30), 1, label="Temp rectal", physical_range=(-1, 1))
    fast = edfio.EdfSignal(np.zeros(len(STAGES) * 30 * 256), 256, label="EMG chin", physical_range=(-1, 1))
    write_edf(tmp_path / "c.edf", extra=[slow, fast])
    write_edf(tmp_path / "d.edf", sfreq=256)
    write_edf(
        tmp_path / "e.edf",
        ("Fpz", "Pz"),
        extra=[
            edfio.EdfSignal(
                np.zeros(len(STAGES) * 3000), 100, label=name, physical_dimension="uV", physical_range=(-9, 9)
            )
            for name in ("Cz", "Oz")
        ],
    )
    for path in sorted(tmp_path.iterdir()):
        night = stager.stage(path)
        assert np.mean(night.stages == STAGES) > 0.9, path
    epochs = read_epochs(tmp_path / "c.edf")
    assert (epochs.sfreq, epochs.highpass, epochs.X.shape) == (100, 0.5, (len(STAGES), 2, 3000))
    np.testing.assert_allclose(epochs.X, read_epochs(tmp_path / "b.edf").X, atol=1e-9)
    assert read_epochs(tmp_path / "d.edf").X.shape == (len(STAGES), 2, 3000)
    assert stager.stage(tmp_path / "e.edf").channels == ("Fpz minus Cz", "Pz minus Oz")


def write_brainvision(path):
    signal = make_signal().astype("<f4") * 1e6
    path.with_suffix(".eeg").write_bytes(signal.T.tobytes())
    path.with_suffix(".vmrk").write_text("Brain Vision Data Exchange Marker File, Version 1.0\n[Marker Infos]\n")
    channels = "".join(f"Ch{i}={name},,1,uV\n" for i, name in enumerate(("Fpz-Cz", "Pz-Oz"), start=1))
    path.write_text(
        "Brain Vision Data Exchange Header File Version 1.0\n[Common Infos]\nCodepage=UTF-8\n"
        f"DataFile={path.stem}.eeg\nMarkerFile={path.stem}.vmrk\nDataFormat=BINARY\nDataOrientation=MULTIPLEXED\nNumberOfChannels=2\n"
        f"SamplingInterval=10000\n[Binary Infos]\nBinaryFormat=IEEE_FLOAT_32\n[Channel Infos]\n{channels}"
    )
    return path


def test_brainvision_and_bdf(stager, tmp_path):
    signals = [
        edfio.BdfSignal(row * 1e6, 100, label=name, physical_dimension="uV")
        for name, row in zip(("Fpz-Cz", "Pz-Oz"), make_signal(), strict=True)
    ]
    edfio.Bdf(signals).write(tmp_path / "night.bdf")
    for path in (tmp_path / "night.bdf", write_brainvision(tmp_path / "night.vhdr")):
        assert np.mean(stager.stage(path).stages == STAGES) > 0.9, path


@pytest.mark.parametrize("sfreq", [128.0, 199.98, 250.01])
def test_odd_sampling_rates(sfreq):
    t = np.arange(int(600 * sfreq)) / sfreq
    signal = 2e-5 * np.sin(2 * np.pi * 7 * t)
    raw = mne.io.RawArray(np.stack([signal] * 2), mne.create_info(["Fpz-Cz", "Pz-Oz"], sfreq, "eeg"), verbose="ERROR")
    X = read_epochs(raw).X
    expected = 2e-5 * np.sin(2 * np.pi * 7 * np.arange(X[:, 0].size) / 100)
    np.testing.assert_allclose(X[1:-1, 0].ravel(), expected[3000:-3000], atol=2e-6)


def test_drift_is_taken_out_where_the_recording_has_it():
    raw = make_raw()
    with_drift = raw.copy()
    with_drift._data += 1e-3
    assert np.abs(read_epochs(with_drift).X[2:-2] - read_epochs(raw).X[2:-2]).max() < 1e-6


def test_smoothing_uses_the_order(checkpoints):
    """Neighbours agree more often when smoothed."""
    load = {"recipe": "features-logreg", "allow_simulated": True}
    smooth, plain = (
        Stager.load(checkpoints, "65-79", Options(**chosen), **load).stage(make_raw()).probabilities
        for chosen in ({}, {"transitions": None})
    )
    changes = [np.sum(np.diff(p.argmax(axis=1)) != 0) for p in (smooth, plain)]
    assert changes[0] <= changes[1]
    assert not np.allclose(smooth, plain)


def two_levels(loud):
    """Return a recording of noise whose epochs are loud or not."""
    signal = np.random.default_rng(0).normal(size=(2, len(loud), 3000)) * (6e-6 + 1.4e-5 * loud[:, None])
    info = mne.create_info(["Fpz-Cz", "Pz-Oz"], 100, "eeg")
    return mne.io.RawArray(signal.reshape(2, -1), info, verbose="ERROR")


class Level:
    """Calls an epoch asleep if it is louder than the median of its night; notes the nights."""

    def __init__(self):
        self.nights = []

    def predict_proba(self, recording):
        loud = recording.X.std(axis=(1, 2))
        self.nights.append(len(loud))
        p = np.full((len(loud), 6), 0.02)
        p[np.arange(len(loud)), np.where(loud > 1e-5, 2, 0)] = 0.9
        return p


def test_a_long_recording_is_staged_around_its_sleep():
    loud = np.zeros(1500)
    loud[700:1200] = 1
    raw = two_levels(loud)
    model = Level()
    night = Stager(model, "65-79", Options()).stage(raw)
    assert model.nights[:2] == [1500, pytest.approx(620, abs=3)]
    assert night.statistics["total_sleep_time"] == pytest.approx(250, abs=1)
    model = Level()
    night = Stager(model, "65-79", Options(lights_off="18000", lights_on="39000")).stage(raw)
    assert model.nights == [1500, 820]
    assert night.statistics["time_in_bed"] == 350
    assert night.statistics["sleep_onset_latency"] == pytest.approx(50, abs=1)


class Overcalls:
    """Prefers S2 to REM everywhere, in loud epochs by little."""

    def predict_proba(self, recording):
        loud = recording.X.std(axis=(1, 2)) > 1e-5
        return np.where(loud[:, None], [0.01, 0.02, 0.5, 0.01, 0.01, 0.45], [0.05, 0.03, 0.8, 0.01, 0.01, 0.1])


def test_smoothing_divides_by_what_the_model_assumes():
    """Where a model that calls S2 too often says S2 by little more than REM, it is REM: its prior is taken out."""
    loud = np.repeat([0, 1, 0], [40, 40, 40])
    assert (Stager(Overcalls(), "65-79", Options(transitions=None)).stage(two_levels(loud)).stages == 2).all()
    stages = Stager(Overcalls(), "65-79", Options()).stage(two_levels(loud)).stages
    assert (stages[45:75] == 5).all()
    assert (stages[loud == 0][5:-5] == 2).mean() > 0.8


def test_the_prior_is_that_of_the_night_not_of_the_day_around_it():
    loud = np.zeros(900)
    loud[100:500] = 1
    raw, chain = two_levels(loud), Options().transitions
    plain = Stager(Level(), "65-79", Options(transitions=None)).stage(raw).probabilities
    staged = Stager(Level(), "65-79", Options()).stage(raw)
    prior = classifier_prior(plain[40:560], chain)
    np.testing.assert_allclose(staged.probabilities, forward_backward(plain, chain, prior))
    assert np.abs(staged.probabilities - forward_backward(plain, chain)).max() > 0.01


AGES = (
    "transitions: counted in people of 25-34 years, but the night is of 65-79, and stages follow each other "
    "differently with age; learn others with --transitions, or pass --no-smooth"
)


def test_transitions_of_other_ages_are_said_so(stager, tree):
    assert stager.stage(make_raw()).warnings[-1] == AGES
    older = learn_transitions(DataFolder(tree), [("65-79", "target")])
    for chosen in (older, None, Transitions(older.counts, "somewhere")):
        warnings = Stager(Level(), "65-79", Options(transitions=chosen)).stage(make_raw()).warnings
        assert not any("transitions" in line for line in warnings)
    assert "counted in people of 65-79 years, but the night is of 80-95" in " ".join(
        Stager(Level(), "80-95", Options(transitions=older)).stage(make_raw()).warnings
    )


def test_files_of_a_night(stager, tmp_path):
    path = write_edf(tmp_path / "night.edf")
    stage_all(stager, [path], tmp_path / "out")
    night = stager.stage(path)
    assert sorted(p.name for p in (tmp_path / "out").iterdir() if p.name != LOCK) == [
        "night-hypnogram.edf",
        "night.csv",
        "night.json",
        "night.png",
        "summary.csv",
    ]
    rows = list(csv.DictReader((tmp_path / "out/night.csv").open()))
    assert list(rows[0]) == [
        *("epoch", "onset", "stage", "p_W", "p_S1", "p_S2", "p_S3", "p_S4", "p_REM", "confidence", "clock", "mark")
    ]
    assert (rows[3]["clock"], rows[3]["mark"]) == ("22:31:30", "")
    assert 0 < float(rows[3]["confidence"]) <= 1
    assert (rows[3]["epoch"], rows[3]["onset"], rows[0]["stage"]) == ("3", "90", "W")
    assert sum(float(value) for key, value in rows[5].items() if key.startswith("p_")) == pytest.approx(1, abs=1e-3)
    read = mne.read_annotations(tmp_path / "out/night-hypnogram.edf")
    assert read.description.tolist() == night.annotations.description.tolist()
    np.testing.assert_allclose(read.onset, np.arange(len(STAGES)) * 30)
    header = edfio.read_edf(tmp_path / "out/night-hypnogram.edf")
    assert (header.startdate, header.starttime) == (START.date(), START.time().replace(tzinfo=None))
    assert (tmp_path / "out/night.png").read_bytes()[1:4] == b"PNG"
    account = json.loads((tmp_path / "out/night.json").read_text())
    assert account["statistics"]["time_in_bed"] == len(STAGES) / 2
    assert "not a medical device" in account["note"]
    assert AGES in account["warnings"]
    summary = list(csv.DictReader((tmp_path / "out/summary.csv").open()))
    assert (summary[0]["recording"], summary[0]["time_in_bed"]) == ("night", f"{len(STAGES) / 2:g}")
    assert AGES in summary[0]["warnings"]


def test_its_own_hypnogram_agrees_entirely(stager, tmp_path):
    path = write_edf(tmp_path / "night.edf")
    stage_all(stager, [path], tmp_path)
    for name in ("night-hypnogram.edf", "night.csv"):
        night = stager.stage(path, tmp_path / name)
        assert (night.agreement.accuracy, night.agreement.kappa) == (1, 1)
        assert night.agreement.n_epochs == len(STAGES)


def test_recordings_without_a_start_and_with_an_odd_one(stager, tmp_path):
    for start in (None, datetime.datetime(1970, 1, 2, tzinfo=datetime.UTC)):
        make_raw(start=start).save(tmp_path / "night_raw.fif", overwrite=True, verbose="ERROR")
        assert not stage_all(stager, [tmp_path / "night_raw.fif"], tmp_path).failures
        assert len(mne.read_annotations(tmp_path / "night_raw-hypnogram.edf")) == len(STAGES)


def test_many_at_once_and_one_that_fails(stager, tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        write_edf(tmp_path / folder / "night.edf")
    (tmp_path / "bad.edf").write_bytes(b"no EDF")
    paths = [tmp_path / "a/night.edf", tmp_path / "bad.edf", tmp_path / "b/night.edf"]
    batch = stage_all(stager, paths, tmp_path / "out")
    assert list(batch.accounts) == ["a_night", "b_night"]
    assert "bad.edf: mne cannot read it" in str(batch.failures["bad"])
    rows = list(csv.DictReader((tmp_path / "out/summary.csv").open()))
    assert [(row["recording"], bool(row["time_in_bed"]), bool(row["failed"])) for row in rows] == [
        *(("a_night", True, False), ("bad", False, True), ("b_night", True, False))
    ]
    with pytest.raises(BeetlError, match="expected one --hypnogram for each of 3"):
        find_nights(paths, [tmp_path / "h.edf"])
    with pytest.raises(BeetlError, match=r"--hypnogram .*h\.edf: no such file"):
        find_nights(paths[:1], [tmp_path / "h.edf"])
    with pytest.raises(BeetlError, match="time 'late': expected a clock time"):
        Options(lights_off="late")
    with pytest.raises(BeetlError, match="would both be written as a_night"):
        output_names([tmp_path / "a/night.edf", tmp_path / "a/night.bdf"], tmp_path / "out")


def test_unlike_the_training(monkeypatch):
    def warned(raw, **chosen):
        return " | ".join(Stager(Level(), "65-79", Options(**chosen)).stage(raw).warnings)

    assert warned(make_raw()) == f"lasts 0.9 h: the models compare each epoch with its whole night | {AGES}"
    loud = make_raw()
    loud._data *= 10
    assert "amplitude: Fpz-Cz varies by" in warned(loud)
    flat = make_raw()
    flat._data[1, :30_000] = 0
    assert "flat: Pz-Oz is a flat line in 9% of the epochs" in warned(flat)
    assert "other montage: C3 stands in for Fpz-Cz" in warned(make_raw(("C3", "O1")), channels=["C3", "O1"])
    assert "missing channel: lacks Fpz-Cz and Pz-Oz" in warned(make_raw(("EEG",)))
    monkeypatch.setattr(stager_module, "_LONG_HOURS", 0.5)
    assert "all 0.9 h count as time in bed" in warned(make_raw())
    assert "time in bed" not in warned(make_raw(), lights_off="60")
    assert "sampled at 64 Hz" in warned(make_raw(sfreq=64))


def test_other_units_are_refused_until_named(stager):
    raw = make_raw()
    raw._data *= 1e6
    with pytest.raises(DataError, match="looks like another unit, pass --unit uV"):
        stager.stage(raw)
    with pytest.raises(BeetlError, match="unknown unit 'mc'"):
        read_epochs(raw, unit="mc")
    night = Stager(stager.predictor, "65-79", Options(unit="uV")).stage(raw)
    assert np.mean(night.stages == STAGES) > 0.9


def test_faults_of_recordings(stager, tmp_path):
    with pytest.raises(DataError, match="no such file; give recordings that mne reads"):
        stager.stage(tmp_path / "none.edf")
    with pytest.raises(DataError, match=r"expected channels Fpz-Cz, Pz-Oz, got C3, C4; it lacks Fpz-Cz and Pz-Oz"):
        stager.stage(make_raw(("C3", "C4")))
    with pytest.raises(DataError, match="lasts 10 s, expected at least one epoch"):
        stager.stage(make_raw().crop(0, 9.99))
    raw = make_raw()
    raw._data[0, 5] = np.nan
    with pytest.raises(DataError, match="Fpz-Cz holds NaN"):
        stager.stage(raw)
    raw = make_raw()
    raw._data[1] = 0
    with pytest.raises(DataError, match="got a flat line"):
        stager.stage(raw)


def test_simulated_weights_are_refused(options):
    with pytest.raises(CheckpointError, match="trained on simulated data"):
        stage(make_raw(), **options | {"allow_simulated": False})
    with pytest.raises(CheckpointError, match="no checkpoint there"):
        stage(make_raw(), **options | {"group": "80-95"})


@pytest.mark.parametrize(("age", "group", "warned"), [
    (70, "65-79", False), (64.5, "65-79", True), (79.9, "65-79", False), (80, "80-95", False), (95.5, "80-95", False),
    (99, "80-95", True), (18, "65-79", True)])  # fmt: skip
def test_age_picks_the_group(age, group, warned):
    assert group_for_age(age)[0] == group
    assert bool(group_for_age(age)[1]) is warned


def test_no_age():
    with pytest.raises(BeetlError, match="expected years"):
        group_for_age(-1)


def test_command(checkpoints, tmp_path):
    path = write_edf(tmp_path / "night.edf")
    known = ["--checkpoints", checkpoints, "--recipe", "features-logreg", "--out", tmp_path / "out", "--jobs", 1]
    first = _run(path, "--age", 64, "--allow-simulated", "--lights-off", "22:35", "--scheme", "aasm", *known)
    assert first.exit_code == 0
    assert f"of {len(STAGES) / 2 - 5:g} min" in first.stdout
    assert "N3" in first.stdout
    assert "warning: age 64: the models are tuned to 65-79" in first.stderr
    assert f"warning: {AGES}" in first.stderr
    assert "not a medical device" in first.stdout
    second = _run(
        path, "--group", "65-79", "--allow-simulated", "--hypnogram", tmp_path / "out/night.csv", "--json", *known
    )
    night = json.loads(second.stdout)["nights"]["night"]
    assert night["agreement"]["accuracy"] > 0.95
    assert night["agreement"]["stages"] == ["W", "N1", "N2", "N3", "R"]
    assert AGES in night["warnings"]


@pytest.mark.parametrize(("extra", "message"), [
    ([], "expected either --group or --age"), (["--group", "65-79", "--age", "70"], "expected either"),
    (["--group", "65-79"], "trained on simulated data"),
    (["--group", "65-79", "--allow-simulated", "--channels", "C3,O1"], "got EEG Fpz-Cz, EEG Pz-Oz; it lacks C3 and O1"),
    (["--group", "65-79", "--allow-simulated", "--lights-off", "12:00"], "no epoch of the recording"),
])  # fmt: skip
def test_mistakes_of_the_command(checkpoints, tmp_path, extra, message):
    path = write_edf(tmp_path / "night.edf")
    with pytest.raises(BeetlError, match=message) as caught:
        _run(path, *extra, "--checkpoints", checkpoints, "--recipe", "features-logreg", "--out", tmp_path / "out")
    assert "\n" not in str(caught.value)


def test_the_command_takes_names_of_a_scorer(checkpoints, tmp_path):
    path, hypnogram = write_edf(tmp_path / "night.edf"), tmp_path / "h.txt"
    hypnogram.write_text("\n".join("012334"[stage] for stage in STAGES))
    known = ["--checkpoints", checkpoints, "--recipe", "features-logreg", "--out", tmp_path / "out", "--json"]
    arguments = [path, "--group", "65-79", "--allow-simulated", "--hypnogram", hypnogram, *known]
    with pytest.raises(BeetlError, match="add --stage-names yasa or --stage-names rk"):
        _run(*arguments)
    night = json.loads(_run(*arguments, "--stage-names", "yasa").stdout)["nights"]["night"]
    assert night["agreement"]["accuracy"] > 0.9
    assert (night["unlike_training"], 0.5 < night["confidence"] <= 1) == (False, True)


def _run(*arguments):
    done = CliRunner().invoke(command, [str(argument) for argument in arguments])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def test_real_short_recording(stager, shared_data, tmp_path):
    shutil.copy(shared_data / "sleep_edf_sc4001/short_psg.edf", tmp_path / "SC4001E0-PSG.edf")
    night = stager.stage(tmp_path / "SC4001E0-PSG.edf", shared_data / "sleep_edf_hypnograms/SC4001EC-Hypnogram.edf")
    assert night.channels == ("EEG Fpz-Cz", "EEG Pz-Oz")
    assert len(night.stages) == night.agreement.n_epochs == 10
    assert night.agreement.confusion[0].sum() == 10


def test_real_recording_of_one_channel(stager, shared_data, tmp_path):
    """dynamo: a single EEG channel; its grid of scoring begins at 10 s."""
    signal = np.loadtxt(shared_data / "dynamo/segment_data.csv")
    mne.io.RawArray(signal[None] * 1e-6, mne.create_info(["EEG"], 100, "eeg"), verbose="ERROR").save(
        tmp_path / "dynamo_raw.fif", verbose="ERROR"
    )
    times, codes = np.loadtxt(shared_data / "dynamo/segment_stages.csv", delimiter=",", skiprows=1, unpack=True)
    names = {1: "N3", 2: "N2", 3: "N1", 4: "REM", 5: "W"}
    table = "onset,stage\n" + "".join(f"{t:g},{names[int(c)]}\n" for t, c in zip(times, codes, strict=True))
    (tmp_path / "scored.csv").write_text(table)
    night = stager.stage(tmp_path / "dynamo_raw.fif", tmp_path / "scored.csv")
    assert "missing channel: lacks Fpz-Cz and Pz-Oz" in night.warnings[0]
    assert night.agreement.n_epochs > 150
    assert 0 <= night.agreement.accuracy <= 1
