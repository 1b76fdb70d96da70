"""`build`: Sleep-EDF files with all their oddities to the competition's folders."""

import datetime
import json
import pickle
import shutil
from pathlib import Path

import edfio
import numpy as np
import pytest
from click.testing import CliRunner
from sleep_edf_files import START, write_hypnogram, write_pair, write_psg, write_study

from beetl_task1.data.files import DataFolder
from beetl_task1.errors import DataError
from beetl_task1.hypnograms.edf import read_header
from beetl_task1.hypnograms.spans import near_sleep
from beetl_task1.sleep_edf import assign_places, counts_beside_competition, fetch, read_night, rebuild
from beetl_task1.sleep_edf.epochs import epoch_labels
from beetl_task1.sleep_edf.study import study_nights

REAL = Path(__file__).parents[3] / "shared" / "data"
needs_real = pytest.mark.skipif(not REAL.is_dir(), reason="real recordings are not at ../shared/data")
LABELS = {letter: label for label, letter in enumerate("W1234R")}


@pytest.fixture(scope="module")
def small_study(tmp_path_factory):
    return write_study(tmp_path_factory.mktemp("edf"))


@pytest.fixture(scope="module")
def small_tree(small_study, tmp_path_factory):
    out = tmp_path_factory.mktemp("built") / "data"
    return rebuild(small_study, out, seed=3, split="ages")


def test_subjects_get_their_places(small_tree):
    counts = {
        (row["group"], row["role"]): (row["subjects"], row["recordings"])
        for row in counts_beside_competition(small_tree)
    }
    assert counts == {
        ("25-64", "source"): (2, 4),
        ("65-79", "target"): (6, 12),
        ("65-79", "test"): (2, 4),
        ("80-95", "target"): (5, 10),
        ("80-95", "test"): (1, 2),
    }
    left_out = " | ".join(small_tree.assignment.left_out)
    assert "SC4131: the study has one night" in left_out
    assert "SC4731: age 97 is in no group" in left_out
    assert "SC4021: has no hypnogram beside it" in left_out


def test_tree_is_read_like_the_competition(small_tree, small_study):
    folder = DataFolder(small_tree.out)
    assert folder.provenance.kind == "open"
    night = read_night(*sorted(small_study.rglob("SC4001*")))
    recording = folder.recordings("25-64", "source")[0]
    onsets = np.load(small_tree.out / "order/25-64/s0r1.npy")
    order = np.argsort(onsets)
    np.testing.assert_array_equal(onsets[order], night.onsets)
    np.testing.assert_array_equal(recording.y[order], night.y)
    np.testing.assert_array_equal(recording.X[order], night.X.astype(np.float32))
    assert not np.array_equal(order, np.arange(len(order))), "the epochs are shuffled"
    test = folder.recordings("65-79", "test")
    assert [r.key.subject for r in test] == [6, 6, 7, 7]
    truth = [int(line) for line in (small_tree.out / "truth/65-79.txt").read_text().split()]
    assert len(truth) == sum(r.n_epochs for r in test)
    expected = small_tree.stages[test[0].key]
    np.testing.assert_array_equal(np.bincount(truth[: test[0].n_epochs], minlength=6), expected)
    assert not list((small_tree.out / "LeaderboardSleep/testing").glob("*y.npy"))


def test_truth_follows_the_rows(small_tree):
    place = next(place for place in small_tree.assignment.places if place.role == "test")
    assert study_nights()[place.night.name].night == place.key.session
    night = read_night(place.psg, place.hypnogram)
    onsets = np.load(small_tree.out / f"order/{place.key.group}/s{place.key.subject}r{place.key.session}.npy")
    truth = np.loadtxt(small_tree.out / f"truth/{place.key.group}.txt", dtype=int)[: len(onsets)]
    np.testing.assert_array_equal(truth, night.y[np.searchsorted(night.onsets, onsets)])


def test_files_are_raw_pickles_in_volts(small_tree):
    path = small_tree.out / "finalSleep/testing/testing_s5r1X.npy"
    with open(path, "rb") as file:
        X = pickle.load(file)
    assert (X.dtype, X.shape[1:]) == (np.float64, (2, 3000))
    assert 1.8e-5 < X.std() < 2.2e-5
    with open(small_tree.out / "SleepSource/headerInfo.npy", "rb") as file:
        info = pickle.load(file)
    assert (info["ch_names"], info["sfreq"], info["highpass"], info["lowpass"]) == (["Fpz-Cz", "Pz-Oz"], 100, 0.5, 100)
    assert DataFolder(small_tree.out).header_path("65-79", "target").exists()


def test_provenance_says_what_it_is(small_tree):
    content = json.loads((small_tree.out / "provenance.json").read_text())
    assert content["complete"] is True
    assert content["counts"]["finalSleep/testing"] == {
        "subjects": 1,
        "recordings": 2,
        "epochs": 28,
        "stages": [8, 4, 4, 4, 4, 4],
    }
    assert content["subjects"]["25-64/s0"] == {
        "sleep_edf_subject": 0,
        "age": 33,
        "sex": "female",
        "records": ["SC4001", "SC4002"],
    }


def test_same_seed_same_bytes_whatever_the_jobs(small_study, small_tree, tmp_path):
    again = rebuild(small_study, tmp_path / "again", ["65-79"], seed=3, jobs=2, split="ages")
    other = rebuild(small_study, tmp_path / "other", ["65-79"], seed=4, split="ages")
    name = "LeaderboardSleep/testing/leaderboard_s6r2X.npy"
    first = (small_tree.out / name).read_bytes()
    assert (again.out / name).read_bytes() == first != (other.out / name).read_bytes()
    assert not (again.out / "SleepSource").exists()


def test_building_again_replaces_the_earlier_tree(small_study, tmp_path):
    rebuild(small_study, tmp_path, ["25-64"])
    stale = tmp_path / "SleepSource/training_s9r1X.npy"
    stale.write_bytes(b"")
    rebuild(small_study, tmp_path, ["25-64"])
    assert not stale.exists()


@pytest.mark.parametrize("marker", ["simulation.json", "anything"])
def test_other_data_are_not_overwritten(small_study, tmp_path, marker):
    (tmp_path / marker).write_text("{}")
    with pytest.raises(DataError, match="expected an empty folder or an earlier build"):
        rebuild(small_study, tmp_path)


def test_a_missing_night_is_left_out(tmp_path):
    write_pair(tmp_path, "SC4001", "WW12WW")
    write_pair(tmp_path, "SC4012", "WW12WW")
    found = assign_places(tmp_path, split="ages")
    assert [str(place.key) for place in found.places] == ["25-64/s0r1", "25-64/s1r2"]
    assert [line.split(" is not")[0] for line in found.left_out] == [
        "SC400: one of its two nights",
        "SC401: one of its two nights",
    ]


def test_single_nights_on_request(tmp_path):
    write_pair(tmp_path, "SC4131", "WW12WW")
    with pytest.raises(DataError, match="one night of this subject only"):
        assign_places(tmp_path, split="ages")
    assert [str(place.key) for place in assign_places(tmp_path, split="everybody").places] == ["25-64/s0r1"]


def test_movement_unscored_and_what_runs_past_the_signal(tmp_path):
    write_pair(tmp_path, "SC4001", "W1M2?3R", past="R4WW")
    night = read_night(*sorted(tmp_path.glob("*")))
    assert night.y.tolist() == [0, 1, 2, 3, 5]
    assert (night.onsets / 30).tolist() == [0, 1, 3, 5, 6]


def test_an_epoch_that_the_signal_holds_in_part_is_dropped(tmp_path):
    write_psg(tmp_path / "p.edf", 70)
    write_hypnogram(tmp_path / "h.edf", "W12")
    assert read_night(tmp_path / "p.edf", tmp_path / "h.edf").y.tolist() == [0, 1]


def test_the_right_samples_in_the_right_order_of_channels(tmp_path):
    write_psg(tmp_path / "p.edf", 90, channels=("Pz-Oz", "EEG Fpz-Cz"))
    write_hypnogram(tmp_path / "h.edf", "?12")
    night = read_night(tmp_path / "p.edf", tmp_path / "h.edf")
    signals = {signal.label: signal.data * 1e-6 for signal in edfio.read_edf(tmp_path / "p.edf").signals}
    for row, name in enumerate(("EEG Fpz-Cz", "Pz-Oz")):
        np.testing.assert_allclose(night.X[:, row].ravel(), signals[name][3000:9000], atol=1e-12)


def test_epochs_off_the_grid_need_their_whole_length(tmp_path):
    write_hypnogram(tmp_path / "h.edf", "1222", seconds=20)
    assert epoch_labels(tmp_path / "h.edf", 3).tolist() == [-1, 2, -1]


def test_wake_is_cropped_to_thirty_minutes():
    labels = np.array([0] * 100 + [2] * 3 + [-1] + [5] + [0] * 100)
    assert near_sleep(labels) == slice(40, 165)
    assert near_sleep(np.zeros(5, dtype=int)) == slice(0, 5), "no sleep: nothing to crop around"


def test_faults_of_the_files(tmp_path):
    psg, hypnogram = tmp_path / "SC4001E0-PSG.edf", tmp_path / "SC4001EC-Hypnogram.edf"
    write_hypnogram(hypnogram, "W12")
    faults = [
        ({"channels": ("EEG Fpz-Cz", "EEG C3-A2")}, r"expected channels Fpz-Cz, Pz-Oz, got .*EEG C3-A2"),
        ({"sfreq": 200}, "expected 100 Hz, got 200 Hz"),
        ({"unit": "mV"}, "names another unit"),
    ]
    for options, message in faults:
        write_psg(psg, 90, **options)
        with pytest.raises(DataError, match=message):
            read_night(psg, hypnogram)
    psg.write_bytes(b"no EDF")
    with pytest.raises(DataError, match="cannot be read as EDF"):
        read_night(psg, hypnogram)
    write_psg(psg, 90)
    write_hypnogram(hypnogram, "???")
    with pytest.raises(DataError, match="expected annotations such as"):
        read_night(psg, hypnogram)
    write_hypnogram(hypnogram, "???W")
    with pytest.raises(DataError, match="scores none of the 3 whole epochs"):
        read_night(psg, hypnogram)
    for content in (b"", b"no EDF" * 99):
        hypnogram.write_bytes(content)
        with pytest.raises(DataError, match=r"EC-Hypnogram\.edf: (cannot be read|expected annotations)"):
            read_night(psg, hypnogram)


def test_stages_that_the_study_does_not_have_are_refused(tmp_path):
    """Five stages have no S4: dropping or merging them would spoil the counts without a word."""
    names = ["Sleep stage W", "Sleep stage N2", "Sleep stage N3"]
    annotations = [edfio.EdfAnnotation(30 * i, 30, name) for i, name in enumerate(names)]
    edfio.Edf([], annotations=annotations).write(tmp_path / "h.edf")
    with pytest.raises(DataError, match=r"h\.edf: expected annotations such as 'Sleep stage 3', got .*Sleep stage N2"):
        epoch_labels(tmp_path / "h.edf", 3)


@pytest.mark.parametrize("name", ["Sleep stage N1", "N2", "Sleep stage X", "Light"])
def test_strange_names_are_refused_before_anything_is_written(tmp_path, name):
    write_pair(tmp_path / "edf", "SC4001", "WW12WW")
    write_pair(tmp_path / "edf", "SC4002", "WW12WW")
    path = tmp_path / "edf/SC4002EC-Hypnogram.edf"
    edfio.Edf([], annotations=[edfio.EdfAnnotation(0, 30, "Sleep stage W"), edfio.EdfAnnotation(30, 30, name)]).write(
        path
    )
    with pytest.raises(DataError, match=f"SC4002EC-Hypnogram.edf: expected annotations such as .*{name}"):
        rebuild(tmp_path / "edf", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_night_that_is_cut_short_is_left_out(tmp_path):
    for record in ("SC4001", "SC4002", "SC4011"):
        write_pair(tmp_path / "edf", record, "WW1122WW")
    cut = tmp_path / "edf/SC4001E0-PSG.edf"
    cut.write_bytes(cut.read_bytes()[:-1000])
    short = tmp_path / "edf/SC4011E0-PSG.edf"
    write_psg(short, 30)
    write_hypnogram(tmp_path / "edf/SC4011EC-Hypnogram.edf", "W" * 10 + "2" * 20)
    built = rebuild(tmp_path / "edf", tmp_path / "out")
    assert [place.night.name for place in built.assignment.places] == ["SC4002"]
    left_out = " | ".join(built.assignment.left_out)
    assert "SC4001: SC4001E0-PSG.edf is cut short: its header says 8 records (4.0 min), the file holds 7" in left_out
    assert "SC4011: SC4011E0-PSG.edf lasts 0.01 h, but 10 min of sleep are scored after its end" in left_out


@pytest.mark.parametrize("later", [60, 90])
def test_a_scoring_that_begins_later_is_placed_by_the_clock(tmp_path, later):
    write_psg(tmp_path / "p.edf", 240)
    write_hypnogram(tmp_path / "h.edf", "W1234R", start=START + datetime.timedelta(seconds=later))
    night = read_night(tmp_path / "p.edf", tmp_path / "h.edf")
    assert night.onsets[0] == later
    assert night.y.tolist() == [0, 1, 2, 3, 4, 5][: (240 - later) // 30]


def test_labels_that_are_there_twice(tmp_path):
    write_psg(tmp_path / "p.edf", 90, channels=("EEG Fpz-Cz", "EEG Pz-Oz", "EEG Fpz-Cz", "EEG Pz-Oz"))
    write_hypnogram(tmp_path / "h.edf", "W12")
    first = {}
    for signal in edfio.read_edf(tmp_path / "p.edf").signals:
        first.setdefault(signal.label, signal.data * 1e-6)
    night = read_night(tmp_path / "p.edf", tmp_path / "h.edf")
    np.testing.assert_allclose(night.X[:, 0].ravel(), first["EEG Fpz-Cz"], atol=1e-12)
    np.testing.assert_allclose(night.X[:, 1].ravel(), first["EEG Pz-Oz"], atol=1e-12)


def test_faults_of_the_folder(tmp_path):
    with pytest.raises(DataError, match="no such folder; --sleep-edf"):
        assign_places(tmp_path / "none")
    with pytest.raises(DataError, match=r"got none to build; pass --fetch"):
        assign_places(tmp_path)
    write_pair(tmp_path, "SC4001", "W12")
    (tmp_path / "copy").mkdir()
    shutil.copy(tmp_path / "SC4001E0-PSG.edf", tmp_path / "copy")
    taken = tmp_path / "SC4001E0-PSG.edf"
    assert f"SC4001: the copy {tmp_path / 'copy' / taken.name} of its psg; {taken} is taken" in (
        assign_places(tmp_path).left_out
    )


def test_of_copies_the_whole_one_is_taken(tmp_path):
    write_pair(tmp_path / "a", "SC4001", "WW12WW")
    write_pair(tmp_path / "b", "SC4001", "WW12WW")
    cut = tmp_path / "a/SC4001E0-PSG.edf"
    cut.write_bytes(cut.read_bytes()[:-1000])
    [place] = assign_places(tmp_path).places
    assert (place.psg.parent.name, place.hypnogram.parent.name) == ("b", "a")
    longer = tmp_path / "a/SC4001E0-PSG.edf"
    write_psg(longer, 300)
    assert assign_places(tmp_path).places[0].psg == longer


def test_names_in_upper_and_lower_case(tmp_path):
    for record in ("SC4001", "SC4002"):
        write_pair(tmp_path / "edf", record, "WW12WW")
    for path in sorted((tmp_path / "edf").iterdir()):
        change = str.upper if "4001" in path.name else str.lower
        path.rename(path.with_name(change(path.name)))
    built = rebuild(tmp_path / "edf", tmp_path / "out", split="ages")
    assert [str(key) for key in sorted(built.stages)] == ["25-64/s0r1", "25-64/s0r2"]
    assert built.assignment.left_out == []


def test_the_telemetry_study_on_request(tmp_path):
    """One placebo night of each person, numbered after the cassette study's; ages by mne's table."""
    for record in ("SC4001", "SC4002", "ST7011", "ST7012", "ST7022", "ST7041", "ST7082"):
        write_pair(tmp_path / "edf", record, "WW12WW")
    for split in ("beetl", "ages"):
        plain = assign_places(tmp_path / "edf", split=split)
        assert [place.night.name for place in plain.places] == ["SC4001", "SC4002"]
        expected = "5 nights of the telemetry study; add --split everybody to take its placebo nights"
        assert plain.left_out[0] == expected
    built = rebuild(tmp_path / "edf", tmp_path / "out", split="everybody")
    assert {place.night.name: str(place.key) for place in built.assignment.places} == {
        "SC4001": "25-64/s0r1", "SC4002": "25-64/s0r2", "ST7011": "25-64/s1r1", "ST7022": "25-64/s2r2",
        "ST7082": "65-79/s0r2"}  # fmt: skip
    assert built.assignment.left_out == [
        "ST7012: a night with temazepam",
        "ST7041: age 18 is in no group of the competition",
    ]
    marker = json.loads((tmp_path / "out/provenance.json").read_text())
    assert "sleep-telemetry study" in marker["source"]
    assert marker["subjects"]["25-64/s1"] == {"sleep_edf_subject": 701, "age": 60, "sex": "male", "records": ["ST7011"]}
    assert len([n for n in study_nights().values() if n.drug == "Placebo"]) == 22


def test_gaps_between_records_are_left_out(tmp_path):
    """EDF+D: the second half of the records begins 10 minutes later."""
    for record in ("SC4001", "SC4002"):
        write_pair(tmp_path / "edf", record, "WW1122WW")
    path = tmp_path / "edf/SC4001E0-PSG.edf"
    edf = edfio.read_edf(path)
    edf.set_annotations([edfio.EdfAnnotation(0, None, "x" * 40)])
    edf.write(path)
    header, content = read_header(path), bytearray(path.read_bytes())
    size, width = 2 * sum(header.per_record), 2 * header.per_record[-1]
    for record in range(header.n_there):
        end = header.header_bytes + (record + 1) * size
        onset = record * header.record_seconds + (600 if record >= 4 else 0)
        content[end - width : end] = f"+{onset:g}\x14\x14\x00".encode().ljust(width, b"\0")
    content[192:197] = b"EDF+D"
    path.write_bytes(bytes(content))
    built = rebuild(tmp_path / "edf", tmp_path / "out")
    assert [place.night.name for place in built.assignment.places] == ["SC4002"]
    assert "SC4001: SC4001E0-PSG.edf has gaps (EDF+D)" in " | ".join(built.assignment.left_out)


def test_what_the_reader_warns_of_reaches_the_user(tmp_path):
    from beetl_task1.cli.build import build as command

    write_pair(tmp_path / "edf", "SC4001", "WW12WW")
    path = tmp_path / "edf/SC4001E0-PSG.edf"
    content = bytearray(path.read_bytes())
    content[8:88] = b"X F X X shoes=42".ljust(80)
    path.write_bytes(bytes(content))
    options = ["--sleep-edf", str(tmp_path / "edf"), "--out", str(tmp_path / "out"), "--jobs", "1"]
    done = CliRunner().invoke(command, options, catch_exceptions=False)
    assert "warning: SC4001: reader: Invalid patient information" in done.stderr
    marker = json.loads((tmp_path / "out/provenance.json").read_text())
    assert marker["warnings"][0].startswith("SC4001: reader: Invalid patient information")


def test_fetch_asks_mne_for_the_groups_subjects(tmp_path, monkeypatch):
    from mne.datasets.sleep_physionet import age, temazepam

    asked = []
    monkeypatch.setattr(age, "fetch_data", lambda subjects, **options: asked.append((subjects[0], options["path"])))
    fetch(tmp_path, ["80-95"], split="ages")
    assert len(asked) == 13, "and nobody of the telemetry study"
    asked.clear()
    fetch(tmp_path, ["80-95"])
    assert [subject for subject, _ in asked] == [60, 61, 62, 63, 64, 65, 66, 67, 70, 71, 72, 74, 75, 77]
    assert asked[0][1] == str(tmp_path)

    def broken(subjects, **options):
        raise OSError("no route")

    monkeypatch.setattr(age, "fetch_data", broken)
    asked.clear()
    monkeypatch.setattr(temazepam, "fetch_data", lambda subjects, **options: asked.append((subjects, options["path"])))
    monkeypatch.setattr(age, "fetch_data", lambda subjects, **options: None)
    fetch(tmp_path, ["65-79"], split="everybody")
    assert asked == [([i], str(tmp_path)) for i in (6, 13, 14)], "66, 66 and 79 years, by mne's numbers"
    monkeypatch.setattr(age, "fetch_data", broken)
    with pytest.raises(DataError, match=r"could not be fetched \(no route\); run this again"):
        fetch(tmp_path, ["80-95"])


def test_command(small_study, tmp_path):
    from beetl_task1.cli.build import build as command

    options = [
        "--sleep-edf",
        str(small_study),
        "--out",
        str(tmp_path / "out"),
        "--group",
        "80-95",
        "--jobs",
        "1",
        "--split",
        "ages",
    ]
    done = CliRunner().invoke(command, options, catch_exceptions=False)
    assert done.exit_code == 0
    line = next(line for line in done.output.splitlines() if line.startswith("80-95  test"))
    assert line.split() == ["80-95", "test", "2", "1", "9", "28", "25,756", "8", "4", "4", "4", "4", "4"]
    assert "left out: SC4731" in done.output
    assert "not the competition's split" in done.output
    done = CliRunner().invoke(command, [*options, "--json"], catch_exceptions=False)
    assert json.loads(done.output)["counts"][-1]["epochs"] == 28


@needs_real
def test_real_short_recording(tmp_path):
    edf = tmp_path / "edf"
    edf.mkdir()
    shutil.copy(REAL / "sleep_edf_sc4001/short_psg.edf", edf / "SC4001E0-PSG.edf")
    shutil.copy(REAL / "sleep_edf_hypnograms/SC4001EC-Hypnogram.edf", edf)
    night = read_night(edf / "SC4001E0-PSG.edf", edf / "SC4001EC-Hypnogram.edf")
    assert night.X.shape == (10, 2, 3000)
    assert night.y.tolist() == [0] * 10
    with pytest.raises(DataError, match=r"SC4001E0-PSG\.edf lasts 0\.08 h, but .* scored after its end"):
        rebuild(edf, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@needs_real
def test_real_hypnograms_imply_the_known_epochs():
    """Against the published stages as text, where epochs of Movement time are absent."""
    lines = dict(line.split() for line in (REAL / "sleep_edf_20_hypnograms.txt").read_text().splitlines())
    paths = sorted((REAL / "sleep_edf_hypnograms").glob("*.edf"))
    assert len(paths) == 20
    for path in paths:
        text = lines[path.name[:6]]
        labels = epoch_labels(path, 2880)
        scored = labels[labels >= 0]
        np.testing.assert_array_equal(scored, [LABELS[letter] for letter in text if letter != "?"])


@needs_real
@pytest.mark.slow
def test_build_on_the_real_hypnograms_gets_the_epochs_they_imply(tmp_path):
    """Simulated signals as long as the real ones; expected counts from the published stages as text."""
    import mne

    lines = dict(line.split() for line in (REAL / "sleep_edf_20_hypnograms.txt").read_text().splitlines())
    expected = {}
    for path in sorted((REAL / "sleep_edf_hypnograms").glob("*.edf")):
        stages = list(lines[path.name[:6]])
        for run in mne.read_annotations(path):
            if run["description"] == "Movement time":  # absent from the text
                stages[int(run["onset"] // 30) : 0] = "M" * int(run["duration"] // 30)
        asleep = [i for i, stage in enumerate(stages) if stage in "1234R"]
        kept = stages[max(0, asleep[0] - 60) : asleep[-1] + 61]
        expected[path.name[:6]] = [kept.count(letter) for letter in "W1234R"]
        write_psg(tmp_path / f"{path.name[:6]}E0-PSG.edf", 30 * len(stages))
        shutil.copy(path, tmp_path)
    built = rebuild(tmp_path, tmp_path / "out", jobs=2, split="ages")
    assert {place.night.name: built.stages[place.key].tolist() for place in built.assignment.places} == expected
