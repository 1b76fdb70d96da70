"""Recordings in the dresses that machines and archives give them, and signals that cannot be staged well."""

import datetime
import json
import re

import edfio
import mne
import numpy as np
import pytest

from beetl_task1.context import classifier_prior, forward_backward
from beetl_task1.errors import BeetlError, DataError
from beetl_task1.hypnograms.edf import read_header
from beetl_task1.staging import Options, Stager, stage_all
from beetl_task1.staging.channels import find_channels
from beetl_task1.staging.reading import read_epochs

START = datetime.datetime(2021, 3, 2, 22, 30, tzinfo=datetime.UTC)
N = 40
QUIET = ("lasts", "transitions")


class Level:
    """Calls an epoch asleep if it is loud."""

    def predict_proba(self, recording):
        loud = recording.X.std(axis=(1, 2)) > 1e-5
        return np.where(loud[:, None], [0.02, 0.02, 0.9, 0.02, 0.02, 0.02], [0.9, 0.02, 0.02, 0.02, 0.02, 0.02])


def signals(n=N, sfreq=100):
    """Return two channels (2, n) of volts with the spectrum of a sleeper's: brown, and never twice the same."""
    rng = np.random.default_rng(0)
    white = rng.normal(size=(2, n * 30 * sfreq))
    brown = mne.filter.filter_data(np.cumsum(white, axis=1), sfreq, 0.5, None, verbose="ERROR")
    return 2e-5 * brown / brown.std(axis=1, keepdims=True)


def channel(volts, label, sfreq=100):
    return edfio.EdfSignal(volts * 1e6, sfreq, label=label, physical_dimension="uV", physical_range=(-500, 500))


def write(path, volts=None, labels=("EEG Fpz-Cz", "EEG Pz-Oz"), *, annotations=None, record=30, sfreq=100, **patient):
    volts = signals() if volts is None else volts
    edfio.Edf(
        [channel(row, label, sfreq) for row, label in zip(volts, labels, strict=True)], annotations=annotations,
        recording=edfio.Recording(startdate=START.date()), starttime=START.time(), data_record_duration=record,
        patient=edfio.Patient(**patient) if patient else None,
    ).write(path)  # fmt: skip
    return path


def patch(path, *changes):
    """Write bytes at offsets of a file."""
    content = bytearray(path.read_bytes())
    for offset, text in changes:
        content[offset : offset + len(text)] = text
    path.write_bytes(bytes(content))
    return path


def stage(path, **options):
    return Stager(Level(), options.pop("group", "65-79"), Options(**options)).stage(
        path, options.pop("hypnogram", None)
    )


def told(night):
    """Return the warnings that a clean night of this length does not have."""
    return [line for line in night.warnings if not line.startswith(QUIET)]


def test_a_clean_night_has_no_warning(tmp_path):
    night = stage(write(tmp_path / "n.edf"))
    assert (told(night), night.unlike_training) == ([], False)
    assert night.confidence.shape == (N,)
    assert ((night.confidence > 0.4) & (night.confidence <= 1)).all()


def with_gaps(path, gaps, **options):
    """Write EDF+D: records of 30 s, with ``{record: seconds}`` between it and the one before."""
    write(path, annotations=[edfio.EdfAnnotation(0, None, "x" * 40)], **options)
    header, content = read_header(path), bytearray(path.read_bytes())
    size = header.width * sum(header.per_record)
    width, shift = header.width * header.per_record[-1], 0.0
    for record in range(header.n_there):
        shift += gaps.get(record, 0)
        stamp = f"+{record * header.record_seconds + shift:g}\x14\x14\x00".encode()
        end = header.header_bytes + (record + 1) * size
        content[end - width : end] = stamp.ljust(width, b"\0")
    content[192:197] = b"EDF+D"
    path.write_bytes(bytes(content))
    return path


def test_gaps_between_records(tmp_path):
    night = stage(with_gaps(tmp_path / "n.edf", {10: 600, 30: 45.5}))
    assert night.onsets.tolist() == [30.0 * i + (600 if i >= 10 else 0) + (45.5 if i >= 30 else 0) for i in range(N)]
    assert told(night)[0].startswith("gap: 2 gaps or joints, 10.8 min together")
    assert (N, len(told(night))) == (len(night.stages), 1)
    assert night.annotations.onset[10] == 900


def test_no_epoch_lies_across_a_gap(tmp_path):
    """Records of 10 s, the gap in the middle of an epoch: what is left before it is dropped."""
    night = stage(with_gaps(tmp_path / "n.edf", {4: 100}, record=10))
    assert night.onsets[:3].tolist() == [0, 140, 170]
    assert len(night.stages) == N - 1


def test_no_transition_across_a_gap(tmp_path):
    """Each stretch is smoothed by itself, with the prior of the whole night."""
    loud, chain = signals(), Options().transitions
    loud[:, : 20 * 3000] *= 0.1
    for gap in (0, 3600):
        path = with_gaps(tmp_path / f"{gap}.edf", {20: gap} if gap else {}, volts=loud)
        plain = stage(path, transitions=None).probabilities
        parts = [plain[:20], plain[20:]] if gap else [plain]
        expected = [forward_backward(part, chain, classifier_prior(plain, chain)) for part in parts]
        np.testing.assert_allclose(stage(path).probabilities, np.concatenate(expected))


def test_a_joint_and_what_was_skipped(tmp_path):
    raw = mne.io.RawArray(signals(), mne.create_info(["Fpz-Cz", "Pz-Oz"], 100, "eeg"), verbose="ERROR")
    raw.set_annotations(mne.Annotations([95, 610], [60, 0], ["BAD_ACQ_SKIP", "BAD boundary"]))
    night = stage(raw)
    assert night.onsets[:6].tolist() == [0, 30, 60, 155, 185, 215]
    assert 610 in night.onsets
    assert told(night)[0].startswith("gap: 2 gaps or joints")


def test_what_is_marked_bad_is_told_and_marked(tmp_path):
    raw = mne.io.RawArray(signals(), mne.create_info(["Fpz-Cz", "Pz-Oz"], 100, "eeg"), verbose="ERROR")
    raw.set_annotations(mne.Annotations([95, 400], [60, 1], ["BAD_muscle", "bad sweat"]))
    raw.info["bads"] = ["Pz-Oz"]
    night = stage(raw)
    assert np.flatnonzero(night.unusable).tolist() == [3, 4, 5, 13]
    assert (night.confidence[night.unusable] == 0).all()
    assert "bad: the recording marks channel Pz-Oz as bad" in told(night)
    assert "bad: annotations (bad sweat, bad_muscle) lie over 4 epochs" in " ".join(told(night))


def test_bad_annotations_of_edf(tmp_path):
    night = stage(write(tmp_path / "n.edf", annotations=[edfio.EdfAnnotation(60, 30, "BAD_electrode")]))
    assert np.flatnonzero(night.unusable).tolist() == [2]


@pytest.mark.parametrize("lost", [12_000, 12_001, 240_000])
def test_a_file_cut_short_is_told(tmp_path, lost):
    path = write(tmp_path / "n.edf")
    path.write_bytes(path.read_bytes()[:-lost])
    night = stage(path)
    left = N - -(-lost // 12_000)
    assert len(night.stages) == left
    assert f"file: is cut short: its header says {N} records (20.0 min), the file holds {left}" in told(night)[0]


@pytest.mark.parametrize("clock", [b"22:30:00", b"22-30-00", b"22.30.00"])
def test_start_times_however_they_are_written(tmp_path, clock):
    path = patch(write(tmp_path / "n.edf"), (176, clock))
    assert read_epochs(path).start.time() == datetime.time(22, 30)
    night = stage(path, lights_off="22:35", lights_on="22:45")
    assert night.in_bed == slice(10, 30)
    with pytest.raises(BeetlError, match="no epoch of the recording"):
        stage(path, lights_off="00:10", lights_on="01:10")


def test_an_anonymous_start(tmp_path):
    anonymous = [(168, b"01.01.85"), (88, b"Startdate X X X X".ljust(80))]
    with_clock = read_epochs(patch(write(tmp_path / "a.edf"), *anonymous))
    assert with_clock.start.time() == datetime.time(22, 30)
    assert read_epochs(patch(write(tmp_path / "b.edf"), *anonymous, (176, b"00.00.00"))).start is None
    with pytest.raises(BeetlError, match="does not say when it began"):
        stage(tmp_path / "b.edf", lights_off="23:00")


@pytest.mark.parametrize("year", [b"1921", b"1800"])
def test_the_time_of_day_outlives_an_anonymous_date(tmp_path, year):
    path = patch(write(tmp_path / "n.edf"), (88, b"Startdate 02-MAR-" + year))
    stage_all(Stager(Level(), "65-79", Options()), [path], tmp_path / "out")
    content = (tmp_path / "out/n-hypnogram.edf").read_bytes()
    assert content[176:184] == b"22.30.00"


@pytest.mark.parametrize("labels", [("EEG Fpz-Cz", "EEG Pz-Oz") * 2, ("Fpz-Cz", "Fpz-Cz", "Pz-Oz", "Pz-Oz")])
def test_doubled_labels(tmp_path, labels):
    volts = signals()[[0 if "Fpz" in label else 1 for label in labels]]
    path = write(tmp_path / "n.edf", volts, labels)
    night = stage(path)
    assert night.channels == (f"{labels[0]}-0", f"{next(label for label in labels if 'Pz-Oz' in label)}-0")
    assert len(told(night)) == 2
    assert "is there 2 times; taken:" in told(night)[0]
    again = stage(path, channels=list(night.channels))
    np.testing.assert_array_equal(again.probabilities, night.probabilities)
    single = read_epochs(write(tmp_path / "s.edf"))
    np.testing.assert_array_equal(read_epochs(path).X, single.X)


@pytest.mark.parametrize("name", ["n.rec", "N.REC", "n.edf+", "n", "n.dat"])
def test_an_edf_is_known_by_its_content(tmp_path, name):
    assert len(stage(write(tmp_path / name)).stages) == N


def test_latin_1_in_a_recording(tmp_path):
    path = write(tmp_path / "n.edf", annotations=[edfio.EdfAnnotation(5, 1, "M\xfcde")])
    path.write_bytes(path.read_bytes().replace("M\xfcde".encode(), b"M\xfcde "))
    assert len(stage(path).stages) == N


def units(path, *names):
    return patch(path, (256 + 96 * len(names), b"".join(name.encode("latin-1").ljust(8) for name in names)))


@pytest.mark.parametrize(("names", "factors", "unit"), [
    (("nV", "nV"), (1e3, 1e3), "V"), (("uV", ""), (1, 1), "uV"), (("", "uV"), (1e-3, 1), "mV"),
    (("\xb5V", "nV"), (1, 1e3), "V"),
    (("V", "mV"), (1e-6, 1e-3), "V"), (("", ""), (1, 1), "uV"), (("V", "V"), (1, 1), "uV")])  # fmt: skip
def test_units(tmp_path, names, factors, unit):
    """The numbers in the file are in the unit of their channel."""
    expected, path = read_epochs(write(tmp_path / "n.edf")).X, tmp_path / "u.edf"
    edfio.Edf([
        edfio.EdfSignal(row * 1e6 * f, 100, label=label, physical_range=(-500 * f, 500 * f))
        for row, f, label in zip(signals(), factors, ("EEG Fpz-Cz", "EEG Pz-Oz"), strict=True)
    ]).write(path)  # fmt: skip
    np.testing.assert_allclose(read_epochs(units(path, *names), unit=unit).X, expected, atol=1e-7)


@pytest.mark.parametrize(("factor", "advice"), [(1e6, "--unit uV"), (1e3, "--unit mV"), (1e9, "--channels")])
def test_the_advice_about_units_works(factor, advice):
    raw = mne.io.RawArray(signals() * factor, mne.create_info(["Fpz-Cz", "Pz-Oz"], 100, "eeg"), verbose="ERROR")
    with pytest.raises(DataError, match=advice) as caught:
        stage(raw)
    unit = re.search(r"--unit (\w+)", str(caught.value))
    if factor < 1e9:
        assert len(stage(raw, unit=unit[1]).stages) == N


@pytest.mark.parametrize(("there", "wanted", "warned"), [
    (["EEG Fpz-A1", "EEG Cz-A2", "EEG Pz-Oz"], None, True), (["Fpz-REF", "Cz", "Pz-Oz"], None, True),
    (["Fpz-A2", "Cz-M2", "Pz-Oz"], None, False), (["Fpz-A1", "Fpz-A2", "Cz-A2", "Pz-Oz"], None, False),
    (["C3-A2", "C4-A1", "O1-A2", "O2-A1"], ["C3-C4", "O1-O2"], True),
    (["C3-A2", "C4-A1", "O1-A2", "O2-A1"], ["C3-O1", "C4-O2"], False)])  # fmt: skip
def test_unlike_references(there, wanted, warned):
    lines = find_channels(there, there, wanted).warnings
    assert any(line.startswith("reference: ") for line in lines) is warned


def test_noise_mains_and_flat_epochs_are_named(tmp_path):
    rng = np.random.default_rng(1)
    good = signals()
    white = np.stack([rng.normal(scale=2e-5, size=good.shape[1]), good[1]])
    night = stage(write(tmp_path / "white.edf", white))
    assert night.unlike_training
    assert "noise: 6" in told(night)[0]
    assert night.confidence.mean() < 0.1
    assert told(night)[-1].startswith("confidence: ")
    t = np.arange(N * 30 * 256) / 256
    fast = signals(sfreq=256)
    for hertz in (50, 60):
        fast[1] = 5e-5 * np.sin(2 * np.pi * hertz * t) + 1e-5 * rng.normal(size=len(t))
        night = stage(write(tmp_path / f"{hertz}.edf", fast, sfreq=256))
        assert "of the power of EEG Pz-Oz lies at 50 or 60 Hz" in told(night)[0]
        assert night.unlike_training
    flat = signals()
    flat[0, 3000:6000] = 0
    night = stage(write(tmp_path / "flat.edf", flat))
    assert "flat: EEG Fpz-Cz is a flat line in 2% of the epochs (1)" in told(night)
    assert np.flatnonzero(night.unusable).tolist() == [1]
    flat[:, 9000:11_000] = 3e-5
    assert np.flatnonzero(stage(write(tmp_path / "stuck.edf", flat)).unusable).tolist() == [1, 3]


@pytest.mark.parametrize(("off", "on", "message"), [
    ("22:45", "22:35", "lights on 22:35 comes before lights off 22:45: .*; swap them"),
    ("07:00", "23:10", "no epoch of the recording"), ("1200", "600", "comes before"),
    ("22:35", "23:30", "22:30:00 to 22:50:00"), ("9000", None, "no epoch of the recording")])  # fmt: skip
def test_lights_that_are_reversed_or_outside(tmp_path, off, on, message):
    with pytest.raises(BeetlError, match=message):
        stage(write(tmp_path / "n.edf"), lights_off=off, lights_on=on)


@pytest.mark.parametrize(("off", "on", "message"), [
    ("22:29", "22:45", "lights off 22:29 lies 60 s before the recording begins"),
    ("22:35", "22:55", "lights on 22:55 lies 5.0 min after the recording ends"), ("22:30", "22:50", None)])  # fmt: skip
def test_lights_a_little_outside_are_told(tmp_path, off, on, message):
    lines = told(stage(write(tmp_path / "n.edf"), lights_off=off, lights_on=on))
    assert (message in lines[0]) if message else not lines


@pytest.mark.parametrize(("born", "group", "warned"), [
    (1951, "65-79", False), (1951, "80-95", True), (1990, "65-79", True), (1935, "80-95", False)])  # fmt: skip
def test_another_age_than_the_models(tmp_path, born, group, warned):
    path = write(tmp_path / "n.edf", birthdate=datetime.date(born, 1, 1))
    night = stage(path, group=group)
    assert any(line.startswith("age: the header tells of a person of") for line in told(night)) is warned
    assert night.unlike_training is warned


def test_files_of_others_are_left_alone(tmp_path):
    stager, path = Stager(Level(), "65-79", Options()), write(tmp_path / "night.edf")
    for name in ("night.csv", "night-hypnogram.edf", "night.png", "night.json", "summary.csv"):
        (tmp_path / name).write_text('{"SamplingFrequency": 100}')
        before = sorted(tmp_path.iterdir())
        with pytest.raises(BeetlError, match=rf"{name}: is there and .* left alone: choose another folder"):
            stage_all(stager, [path], tmp_path)
        assert sorted(tmp_path.iterdir()) == before
        assert (tmp_path / name).read_text() == '{"SamplingFrequency": 100}'
        (tmp_path / name).unlink()
    stage_all(stager, [path], tmp_path)
    stage_all(stager, [path], tmp_path)
    (tmp_path / "night.csv").write_text((tmp_path / "night.csv").read_text() + "corrected by hand\n")
    with pytest.raises(BeetlError, match=r"night\.csv: is there and not as an earlier `stage` wrote it"):
        stage_all(stager, [path], tmp_path)


def test_a_summary_keeps_earlier_nights(tmp_path):
    out = tmp_path / "out"
    for name, group in (("a", "65-79"), ("b", "80-95"), ("a", "65-79")):
        stage_all(Stager(Level(), group, Options()), [write(tmp_path / f"{name}.edf")], out)
    lines = (out / "summary.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in lines] == ["recording", "a", "b"]
    (tmp_path / "other").mkdir()
    with pytest.raises(BeetlError, match="is of another recording"):
        stage_all(Stager(Level(), "65-79", Options()), [write(tmp_path / "other/a.edf")], out)


def test_a_killed_staging_does_not_stop_the_next(tmp_path, monkeypatch):
    """The account is written first: files of the staging before it are still its own."""
    stager, path, out = Stager(Level(), "65-79", Options()), write(tmp_path / "a.edf"), tmp_path / "out"
    stage_all(stager, [path], out)
    table = (out / "a.csv").read_bytes()
    stage_all(Stager(Level(), "65-79", Options(scheme="aasm")), [path], out)
    (out / "a.csv").write_bytes(table)
    assert not stage_all(stager, [path], out).failures
    assert json.loads((out / "a.json").read_text())["scheme"] == "rk"


def test_a_gap_is_drawn(tmp_path):
    stage_all(Stager(Level(), "65-79", Options()), [with_gaps(tmp_path / "n.edf", {10: 600})], tmp_path / "out")
    assert (tmp_path / "out/n.png").read_bytes()[1:4] == b"PNG"
    lines = (tmp_path / "out/n.csv").read_text().splitlines()
    assert lines[11].split(",")[1] == "900"
    assert lines[11].split(",")[-2] == "22:45:00"


def test_what_the_reader_warns_of_is_told(tmp_path):
    path = write(tmp_path / "n.edf")
    content = bytearray(path.read_bytes())
    content[8:88] = b"X F X X shoes=42".ljust(80)
    path.write_bytes(bytes(content))
    assert any(line.startswith("reader: Invalid patient information") for line in stage(path).warnings)
