"""The competition's folders in each layout, their order, and what is refused."""

import json
import shutil

import numpy as np
import pytest
from conftest import SUBJECTS, dump, make_night, write_part, write_tree

from beetl_task1.data.files import COMPETITION, OPEN, SIMULATED, DataFolder, check_distinct
from beetl_task1.data.pickles import load_header
from beetl_task1.errors import DataError
from beetl_task1.task import PARTS, part


def _keys(recordings):
    return [str(r.key) for r in recordings]


def test_order_is_numeric_then_session(tree):
    keys = _keys(DataFolder(tree).recordings("65-79", "test"))
    assert keys == ["65-79/s6r1", "65-79/s6r2", "65-79/s10r1", "65-79/s10r2"]


def test_roles_and_labels(tree):
    for p in PARTS:
        recordings = DataFolder(tree).recordings(p.group, p.role)
        assert len(recordings) == 2 * len(SUBJECTS[p.group, p.role])
        assert all((r.y is not None) == p.labelled for r in recordings)


@pytest.mark.parametrize("layout", ["nested", "loader", "loader nested"])
def test_other_layouts_give_the_same_nights(tree, tmp_path, layout):
    for p in PARTS:
        top, *rest = p.folder.split("/")
        folder = "/".join([top, top, *rest])
        if layout.startswith("loader") and p.loader_folder:
            top, *rest = p.loader_folder.split("/")
            folder = "/".join([top, top, *rest]) if layout == "loader nested" else p.loader_folder
        shutil.copytree(tree / p.folder, tmp_path / folder)
    ours, theirs = DataFolder(tree), DataFolder(tmp_path, allow_partial=True)
    for p in PARTS:
        a, b = ours.recordings(p.group, p.role), theirs.recordings(p.group, p.role)
        assert _keys(a) == _keys(b)
        assert [r.fingerprint for r in a] == [r.fingerprint for r in b]


@pytest.mark.parametrize("prefix", ["testing_", "leaderboard_", "training_", "target_"])
def test_prefixes_of_the_final_target(tmp_path, rng, prefix):
    write_part(tmp_path, "80-95", "target", [0], rng, prefix=prefix)
    assert len(DataFolder(tmp_path, allow_partial=True).recordings("80-95", "target")) == 2


def test_competition_must_be_complete(tmp_path):
    root = write_tree(tmp_path, marked=False)
    with pytest.raises(DataError, match=r"65-79 test lacks 20 of 24 recordings .*s7r1.*--allow-partial") as caught:
        DataFolder(root).recordings("65-79", "test")
    assert caught.value.code == "missing"
    assert len(DataFolder(root, allow_partial=True).recordings("65-79", "test")) == 4


def test_a_recording_that_the_competition_does_not_have(tmp_path, rng):
    write_part(tmp_path, "80-95", "target", [*range(5), 7], rng)
    with pytest.raises(DataError, match=r"does not have.*s7r1") as caught:
        DataFolder(tmp_path).recordings("80-95", "target")
    assert caught.value.code == "surplus"


def test_a_marked_tree_that_lost_a_night(tmp_path):
    root = write_tree(tmp_path)
    marker = json.loads((root / "simulation.json").read_text())
    marker["counts"] = {p.folder: {"recordings": 2 * len(SUBJECTS[p.group, p.role])} for p in PARTS}
    (root / "simulation.json").write_text(json.dumps(marker))
    assert DataFolder(root).recordings("65-79", "test")
    (root / "LeaderboardSleep/testing/leaderboard_s10r2X.npy").unlink()
    with pytest.raises(DataError, match="holds 3 recordings of 4"):
        DataFolder(root).recordings("65-79", "test")


def test_no_folder_and_no_recordings(tmp_path):
    with pytest.raises(DataError, match="no such folder"):
        DataFolder(tmp_path / "none")
    with pytest.raises(DataError, match=r"no recordings of 25-64 source.*training_s0r1X\.npy"):
        DataFolder(tmp_path).recordings("25-64", "source")


def test_labels_or_signal_missing(tmp_path):
    root = write_tree(tmp_path)
    y = root / "SleepSource/training_s1r1y.npy"
    y.rename(root / "y.npy")
    with pytest.raises(DataError, match=r"training_s1r1X\.npy: its labels .* are missing") as caught:
        DataFolder(root).recordings("25-64", "source")
    assert caught.value.code == "missing-labels"
    (root / "y.npy").rename(y)
    (root / "SleepSource/training_s1r1X.npy").unlink()
    with pytest.raises(DataError, match=r"training_s1r1y\.npy: its signal .* is missing") as caught:
        DataFolder(root).recordings("25-64", "source")
    assert caught.value.code == "missing-signal"


def test_the_same_night_twice_by_name(tmp_path, rng):
    write_part(tmp_path, "80-95", "test", [5], rng)
    write_part(tmp_path, "80-95", "test", [5], rng, prefix="leaderboard_")
    with pytest.raises(DataError, match="the same night twice"):
        DataFolder(tmp_path, allow_partial=True).recordings("80-95", "test")


def test_the_same_night_twice_by_content(tmp_path, rng):
    write_part(tmp_path, "80-95", "test", [5, 6], rng)
    folder = tmp_path / part("80-95", "test").folder
    shutil.copy(folder / "testing_s5r1X.npy", folder / "testing_s6r2X.npy")
    recordings = DataFolder(tmp_path, allow_partial=True).recordings("80-95", "test")
    with pytest.raises(DataError, match=r"s6r2X\.npy: the same night twice, its content equals .*s5r1X\.npy"):
        check_distinct(recordings)


def test_files_of_different_sizes_are_not_hashed(tmp_path, rng):
    write_part(tmp_path, "80-95", "test", [5, 6], rng)
    recordings = DataFolder(tmp_path, allow_partial=True).recordings("80-95", "test")
    with recordings[0].path.open("ab") as file:
        file.write(b"more")
    check_distinct(recordings)
    assert [recording.hashed for recording in recordings] == [False, True, True, True]


def test_provenance_by_marker(tree, tmp_path):
    assert DataFolder(tree).provenance.kind == SIMULATED
    assert DataFolder(tmp_path).provenance.kind == COMPETITION
    (tmp_path / "provenance.json").write_text('{"data": "open", "source": "Sleep-EDF Expanded"}')
    assert DataFolder(tmp_path).provenance.kind == OPEN
    assert "Sleep-EDF Expanded" in DataFolder(tmp_path).provenance.describe()
    (tmp_path / "simulation.json").write_text("{")
    for content in ("{", "[]", '{"counts": {"SleepSource": {"recordings": "many"}}}'):
        (tmp_path / "simulation.json").write_text(content)
        with pytest.raises(DataError, match=r"simulation\.json: cannot be read \(.*\); make the tree again"):
            DataFolder(tmp_path).provenance  # noqa: B018


def test_header(tmp_path):
    import mne

    folder = tmp_path / "SleepSource"
    dump(folder / "headerInfo.npy", mne.create_info(["Fpz-Cz", "Pz-Oz"], 100.0, "eeg"))
    data = DataFolder(tmp_path)
    assert load_header(data.header_path("25-64", "source"))["sfreq"] == 100
    assert data.header_path("80-95", "test") is None


def test_unreadable_header_does_not_hinder(tmp_path, rng):
    write_part(tmp_path, "25-64", "source", [0], rng)
    (tmp_path / "SleepSource" / "headerInfo.npy").write_bytes(b"rubbish")
    nights = DataFolder(tmp_path, allow_partial=True).recordings("25-64", "source")
    assert nights[0].X.shape == (24, 2, 3000)


def test_full_size_pass_stays_small(tmp_path):
    """One night at a time: the peak over a pass does not grow with the number of nights."""
    import tracemalloc

    X, _ = make_night(np.random.default_rng(0), 60)
    for subject in range(5, 14):
        dump(tmp_path / f"finalSleep/testing/testing_s{subject}r1X.npy", X + subject * 1e-7)
    recordings = DataFolder(tmp_path, allow_partial=True).recordings("80-95", "test")
    tracemalloc.start()
    for recording in recordings:
        recording.X.sum()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6 * X.nbytes
