"""The public loader package reads what `build` and `simulate` write: same arrays, same order."""

import numpy as np
import pytest
from sleep_edf_files import write_study

from beetl_task1.data.files import DataFolder
from beetl_task1.sleep_edf import rebuild

loaders = pytest.importorskip("beetl.task_datasets", reason="the public loader package is not installed")


@pytest.fixture(params=["build", "simulate"])
def tree(request, tmp_path):
    out = tmp_path / "tree"
    if request.param == "build":
        rebuild(write_study(tmp_path / "edf"), out, split="ages")
    else:
        from beetl_task1.simulate import simulate

        simulate(out, size="demo", seed=1)
    return out


@pytest.fixture
def lay_out(monkeypatch, tmp_path):
    """Put a tree where the loader package expects it; figshare is not asked."""

    def link(tree):
        root = tmp_path / "mne_data"
        root.mkdir()
        (root / "MNE-beetlsleepsource-data").symlink_to(tree / "SleepSource")
        (root / "MNE-beetlsleepleaderboard-data").symlink_to(tree / "LeaderboardSleep")
        for name, answer in (
            ("fs_get_file_list", []),
            ("fs_get_file_hash", {}),
            ("fs_get_file_id", {}),
            ("get_dataset_path", str(root)),
        ):
            monkeypatch.setattr(loaders, name, lambda *_, answer=answer: answer)

    return link


def stacked(tree, group, role, attribute):
    return np.concatenate([getattr(night, attribute) for night in DataFolder(tree).recordings(group, role)])


def subjects(tree, group, role):
    return sorted({night.key.subject for night in DataFolder(tree).recordings(group, role)})


def test_source(tree, lay_out):
    lay_out(tree)
    X, y, info = loaders.BeetlSleepSource().get_data(subjects=subjects(tree, "25-64", "source"))
    np.testing.assert_array_equal(X.astype(np.float32), stacked(tree, "25-64", "source", "X"))
    np.testing.assert_array_equal(y, stacked(tree, "25-64", "source", "y"))
    assert info is not None


def test_leaderboard(tree, lay_out):
    lay_out(tree)
    wanted = subjects(tree, "65-79", "target") + subjects(tree, "65-79", "test")
    X, y, test, _ = loaders.BeetlSleepLeaderboard().get_data(subjects=wanted)
    np.testing.assert_array_equal(X.astype(np.float32), stacked(tree, "65-79", "target", "X"))
    np.testing.assert_array_equal(y, stacked(tree, "65-79", "target", "y"))
    np.testing.assert_array_equal(test.astype(np.float32), stacked(tree, "65-79", "test", "X"))
