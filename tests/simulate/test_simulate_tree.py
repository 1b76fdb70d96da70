"""The written competition: formats, totals, order, truth, resuming, refusals."""

import json
import pickle

import numpy as np
import pytest

from beetl_task1 import task
from beetl_task1.data.recording import RecordingKey
from beetl_task1.errors import BeetlError
from beetl_task1.simulate import MARKER, Slot, simulate, simulate_night, slots, tree


@pytest.fixture(scope="module")
def small_slots():
    """Six nights of forty epochs: one of every folder and a second test subject."""
    subjects = [(0, 0), (1, 0), (2, 9), (2, 10), (3, 0), (4, 5)]
    return tuple(Slot(task.PARTS[p], RecordingKey(task.PARTS[p].group, s, 1), 40) for p, s in subjects)


@pytest.fixture
def small(monkeypatch, small_slots):
    monkeypatch.setattr(tree, "slots", lambda size, seed: small_slots)


def read(path):
    with open(path, "rb") as file:
        return pickle.load(file)


def contents(folder):
    return {p.relative_to(folder): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_full_has_the_subjects_and_epochs_of_the_competition():
    nights = slots("full", 3)
    for part in task.PARTS:
        mine = [n for n in nights if n.part == part]
        assert sorted({n.key.subject for n in mine}) == list(part.subjects)
        assert sum(n.n_epochs for n in mine) == part.n_epochs
        assert len(mine) == 2 * len(part.subjects)
    assert sum(n.n_epochs for n in nights) == 174_059


def test_medium_has_about_eighty_thousand_epochs():
    nights = slots("medium", 0)
    assert 70_000 < sum(n.n_epochs for n in nights) < 90_000
    subjects = {(n.part.group, n.part.role): len({m.key.subject for m in nights if m.part == n.part}) for n in nights}
    assert list(subjects.values()) == [10, 6, 6, 5, 5]
    assert [n.key.subject for n in nights if n.part == task.part("65-79", "test")][::2] == [6, 7, 8, 9, 10, 11]


def test_demo_has_subjects_whose_numbers_sort_otherwise_as_text():
    numbers = [n.key.subject for n in slots("demo", 0) if n.part.role == "test"]
    assert {9, 10} <= set(numbers)


def test_files_have_the_formats_of_the_competition(tmp_path, small):
    simulate(tmp_path / "a")
    X = read(tmp_path / "a/SleepSource/training_s0r1X.npy")
    y = read(tmp_path / "a/SleepSource/training_s0r1y.npy")
    assert (X.shape, X.dtype, X.flags.c_contiguous) == ((40, 2, 3000), np.float64, True)
    assert (y.shape, y.dtype) == ((40,), np.int64)
    assert read(tmp_path / "a/SleepSource/headerInfo.npy")["sfreq"] == 100.0
    assert (tmp_path / "a/LeaderboardSleep/sleep_target/headerInfo.npy").is_file()
    assert not list((tmp_path / "a/LeaderboardSleep/testing").glob("*y.npy"))
    assert not (tmp_path / "a/finalSleep/sleep_target/headerInfo.npy").exists()


def test_order_gives_back_the_night(tmp_path, small):
    simulate(tmp_path / "a", seed=4)
    onsets = np.load(tmp_path / "a/order/25-64/s0r1.npy")
    X = read(tmp_path / "a/SleepSource/training_s0r1X.npy")
    night = simulate_night(RecordingKey("25-64", 0, 1), seed=4, n_epochs=40)
    assert (np.diff(onsets) != 30).any()
    np.testing.assert_array_equal(X[np.argsort(onsets)], night.X)


def test_truth_is_in_the_order_of_a_submission(tmp_path, small):
    simulate(tmp_path / "a")
    truth = np.loadtxt(tmp_path / "a/truth/65-79.txt", dtype=int)
    expected = []
    for subject in (9, 10):
        onsets = np.load(tmp_path / f"a/order/65-79/s{subject}r1.npy")
        expected.append(simulate_night(RecordingKey("65-79", subject, 1), n_epochs=40).y[(onsets / 30).astype(int)])
    np.testing.assert_array_equal(truth, np.concatenate(expected))


def test_the_same_bytes_whatever_the_processes(tmp_path, small):
    simulate(tmp_path / "a", jobs=1)
    simulate(tmp_path / "b", jobs=2)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_a_killed_run_is_taken_up_again(tmp_path, small):
    simulate(tmp_path / "a")
    whole = contents(tmp_path / "a")
    (tmp_path / "a/SleepSource/training_s0r1X.npy").unlink()
    (tmp_path / "a/truth/80-95.txt").unlink()
    simulate(tmp_path / "a")
    assert contents(tmp_path / "a") == whole


def test_the_marker_comes_first(tmp_path, small, monkeypatch):
    def stop(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(tree, "write_slot", stop)
    with pytest.raises(KeyboardInterrupt):
        simulate(tmp_path / "a", seed=3)
    marker = json.loads((tmp_path / "a" / MARKER).read_text())
    assert marker["simulated"] is True
    assert marker["seed"] == 3


def test_progress_counts_the_nights(tmp_path, small):
    seen = []
    simulate(tmp_path / "a", progress=lambda done, total, text: seen.append((done, total)))
    assert seen == [(i, 6) for i in range(1, 7)]


def test_a_folder_with_something_else_is_refused(tmp_path):
    (tmp_path / "precious.txt").write_text("mine")
    with pytest.raises(BeetlError, match=r"not an empty folder nor a simulation"):
        simulate(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["precious.txt"]


def test_another_simulation_is_refused(tmp_path, small):
    simulate(tmp_path / "a", seed=1)
    with pytest.raises(BeetlError, match="another simulation"):
        simulate(tmp_path / "a", seed=2)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"size": "ful"}, "did you mean 'full'"),
        ({"prior": "targt"}, "did you mean 'target'"),
        ({"border_evidence": "hi"}, "unknown border evidence 'hi'"),
        ({"seed": -1}, "seed -1"),
    ],
)
def test_wrong_arguments_are_named(tmp_path, wrong, message):
    with pytest.raises(BeetlError, match=message):
        simulate(tmp_path / "a", **wrong)


@pytest.mark.slow
def test_a_demo_has_every_stage(tmp_path):
    simulate(tmp_path / "a", jobs=2)
    labels = np.concatenate([read(p) for p in (tmp_path / "a").rglob("*y.npy")])
    assert set(labels) == set(range(6))
