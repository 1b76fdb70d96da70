"""From prediction to package, and each refusal."""

import json
import shutil

import numpy as np
import pytest
from conftest import experiment, write_tree

from beetl_task1.data.files import DataFolder
from beetl_task1.data.probabilities import load_probabilities, save_probabilities
from beetl_task1.errors import BeetlError, CheckpointError, SubmissionError
from beetl_task1.models.base import Resources
from beetl_task1.recipes.recipe import load_recipe
from beetl_task1.recipes.training import train
from beetl_task1.submission.answer import read_answer
from beetl_task1.submission.log import read_log
from beetl_task1.submission.package import package, package_labels
from beetl_task1.submission.predict import predict

RECIPE, GROUP = "features-logreg", "65-79"


@pytest.fixture(scope="module")
def checkpoints(tree, cache, tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkpoints")
    train(experiment(RECIPE, GROUP, tree), folder, Resources(cache))
    return folder


@pytest.fixture
def predicted(tree, cache, checkpoints, tmp_path):
    """Return a data folder that may be damaged, and the folder of submissions."""
    data = shutil.copytree(tree, tmp_path / "data")
    predict(experiment(RECIPE, GROUP, data), checkpoints, tmp_path / "sub", Resources(cache))
    return data, tmp_path / "sub"


def test_rows_follow_the_files(predicted):
    data, submissions = predicted
    result = package(RECIPE, GROUP, DataFolder(data), submissions)
    rows = result.account["rows"]
    assert [r["recording"] for r in rows] == [f"{GROUP}/s{s}r{r}" for s in (6, 10) for r in (1, 2)]
    assert [r["first_row"] for r in rows] == [0, 24, 48, 72]
    assert rows[-1]["end_row"] == result.account["n_rows"] == 96
    assert all(len(r["sha256"]) == 64 and r["file"].endswith("X.npy") for r in rows)
    assert sum(result.account["label_counts"].values()) == 96
    assert result.account["partial"] is True
    assert json.loads((result.folder / "submission.json").read_text()) == result.account
    np.testing.assert_array_equal(read_answer(result.zip_path), read_answer(result.folder / "answer.txt"))


def test_predicting_again_gives_the_same_bytes(predicted, checkpoints, tmp_path):
    data, submissions = predicted
    folder = predict(experiment(RECIPE, GROUP, data), checkpoints, tmp_path / "again", Resources())
    for name in ("answer.txt", "probabilities.npz"):
        assert (folder / name).read_bytes() == (submissions / f"{RECIPE}-{GROUP}" / name).read_bytes()


def test_the_true_order_and_the_truth_are_never_read(tree, predicted, tmp_path):
    data, submissions = predicted
    for extra in ("order", "truth"):
        assert (data / extra).is_dir()
        shutil.rmtree(data / extra)
    resources = Resources(tmp_path / "another cache")
    train(experiment(RECIPE, GROUP, data), tmp_path / "trained", resources)
    folder = predict(experiment(RECIPE, GROUP, data), tmp_path / "trained", tmp_path / "again", resources)
    assert (folder / "answer.txt").read_bytes() == (submissions / f"{RECIPE}-{GROUP}" / "answer.txt").read_bytes()


def test_a_new_prediction_leaves_no_older_package(predicted, checkpoints, cache):
    data, submissions = predicted
    packed = package(RECIPE, GROUP, DataFolder(data), submissions)
    predict(experiment(RECIPE, GROUP, data), checkpoints, submissions, Resources(cache))
    assert not packed.zip_path.exists()
    assert not (packed.folder / "submission.json").exists()


def test_a_recording_missing_from_the_probabilities(predicted):
    data, submissions = predicted
    path = submissions / f"{RECIPE}-{GROUP}" / "probabilities.npz"
    probabilities, meta = load_probabilities(path)
    probabilities.popitem()
    save_probabilities(path, probabilities, meta)
    with pytest.raises(SubmissionError, match="s10r2 has no rows, expected 24"):
        package(RECIPE, GROUP, DataFolder(data), submissions)


def test_labels_replace_no_prediction_and_leave_no_folder(predicted):
    data, submissions = predicted
    truth = data / "truth" / "65-79.txt"
    with pytest.raises(SubmissionError, match="holds a prediction"):
        package_labels(truth, GROUP, DataFolder(data), submissions, name=RECIPE)
    with pytest.raises(SubmissionError, match="it names a folder"):
        package_labels(truth, GROUP, DataFolder(data), submissions, name="../outside")


def test_a_prediction_replaces_no_labels_from_elsewhere(tree, checkpoints, tmp_path):
    package_labels(tree / "truth" / "65-79.txt", GROUP, DataFolder(tree), tmp_path, name=RECIPE)
    with pytest.raises(SubmissionError, match="holds labels from elsewhere; move it away"):
        predict(experiment(RECIPE, GROUP, tree), checkpoints, tmp_path, Resources())
    assert (tmp_path / f"{RECIPE}-{GROUP}" / "answer.zip").exists()


def _swap(folder, a, b):
    (folder / a).rename(folder / "swap")
    (folder / b).rename(folder / a)
    (folder / "swap").rename(folder / b)


def test_changed_missing_and_new_test_files(predicted, tree):
    data, submissions = predicted
    testing = data / "LeaderboardSleep" / "testing"
    _swap(testing, "leaderboard_s6r1X.npy", "leaderboard_s10r2X.npy")
    with pytest.raises(SubmissionError, match=r"leaderboard_s6r1X\.npy: changed since it was predicted"):
        package(RECIPE, GROUP, DataFolder(data), submissions)
    _swap(testing, "leaderboard_s6r1X.npy", "leaderboard_s10r2X.npy")
    (testing / "leaderboard_s6r1X.npy").rename(testing / "leaderboard_s7r1X.npy")
    with pytest.raises(SubmissionError, match="s7r1: a test recording without prediction"):
        package(RECIPE, GROUP, DataFolder(data), submissions)
    (testing / "leaderboard_s7r1X.npy").unlink()
    with pytest.raises(SubmissionError, match="s6r1: predicted, but no longer in the test folder"):
        package(RECIPE, GROUP, DataFolder(data), submissions)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda lines: lines[:-1], "95 labels, the test set has 96"),
        (lambda lines: [*lines, "0"], "97 labels, the test set has 96"),
        (lambda lines: ["6", *lines[1:]], "line 1 is '6'"),
        (lambda lines: [str((int(lines[0]) + 1) % 6), *lines[1:]], "not the labels that predict wrote"),
    ],
)
def test_an_edited_answer(predicted, edit, message):
    data, submissions = predicted
    path = submissions / f"{RECIPE}-{GROUP}" / "answer.txt"
    path.write_text("\n".join(edit(path.read_text().split())) + "\n")
    with pytest.raises(SubmissionError, match=message):
        package(RECIPE, GROUP, DataFolder(data), submissions)


def _edit_meta(submissions, edit):
    path = submissions / f"{RECIPE}-{GROUP}" / "probabilities.npz"
    probabilities, meta = load_probabilities(path)
    meta["files"] = edit(meta["files"])
    save_probabilities(path, probabilities, meta)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda files: files[2:] + files[:2], "65-79/s6r1 follows 65-79/s10r2: rows go by subject number"),
        (lambda files: [files[1], files[0], *files[2:]], "s6r1 follows 65-79/s6r2"),
        (lambda files: files[1:], "s6r1: a test recording without prediction"),
        (lambda files: [files[0] | {"rows": 3}, *files[1:]], "has 24 rows, expected 3"),
        (lambda files: [files[0] | {"recording": "80-95/s6r1"}, *files[1:]], "not of group 65-79"),
        (lambda files: [{"x": 1}], "says nothing of its test files"),
    ],
)
def test_a_manifest_out_of_order(predicted, edit, message):
    data, submissions = predicted
    _edit_meta(submissions, edit)
    with pytest.raises(SubmissionError, match=message):
        package(RECIPE, GROUP, DataFolder(data), submissions)


def test_without_prediction(tree, tmp_path):
    with pytest.raises(SubmissionError, match="no prediction there; make it with: beetl-task1 predict"):
        package(RECIPE, GROUP, DataFolder(tree), tmp_path)


def test_labels_from_elsewhere(tree, tmp_path):
    truth = tree / "truth" / "65-79.txt"
    result = package_labels(truth, GROUP, DataFolder(tree), tmp_path, name="mine")
    assert result.folder == tmp_path / "mine-65-79"
    np.testing.assert_array_equal(read_answer(result.zip_path), read_answer(truth))
    (tmp_path / "short.txt").write_text("0\n" * 95)
    with pytest.raises(SubmissionError, match="95 labels, the test set has 96"):
        package_labels(tmp_path / "short.txt", GROUP, DataFolder(tree), tmp_path)
    assert not (tmp_path / "short-65-79").exists()


def test_partial_competition_files_need_a_switch(tmp_path, checkpoints, cache):
    """What passes for the competition's own files must be complete, and refuses simulated weights."""
    data = write_tree(tmp_path / "data", seed=5, marked=False)
    places = checkpoints, tmp_path / "sub", Resources(cache)
    with pytest.raises(CheckpointError, match="--allow-simulated"):
        predict(experiment(RECIPE, GROUP, DataFolder(data, allow_partial=True)), *places)
    with pytest.raises(BeetlError, match="--allow-partial"):
        predict(experiment(RECIPE, GROUP, data), *places, allow_simulated=True)
    partial = DataFolder(data, allow_partial=True)
    predict(experiment(RECIPE, GROUP, partial), *places, allow_simulated=True)
    with pytest.raises(BeetlError, match="--allow-partial"):
        package(RECIPE, GROUP, DataFolder(data), tmp_path / "sub")
    account = package(RECIPE, GROUP, partial, tmp_path / "sub").account
    assert account["partial"] is True
    assert account["trained_on"].startswith("simulated")
    assert account["data"] == "competition files"


def test_seed_of_the_checkpoint(tree, checkpoints, tmp_path):
    with pytest.raises(CheckpointError, match=r"trained with seeds \[0\], not 7"):
        predict(experiment(RECIPE, GROUP, tree), checkpoints, tmp_path, Resources(), seed=7)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_another_seed_has_a_folder_of_its_own(predicted, checkpoints, tmp_path):
    """Neither the first prediction nor its package is touched, and the log tells them apart."""
    data, submissions = predicted
    first = package(RECIPE, GROUP, DataFolder(data), submissions).folder
    before, resources = contents(first), Resources(tmp_path / "cache")
    train(experiment(load_recipe(RECIPE).varied(seed=5), GROUP, data), tmp_path / "five", resources)
    second = predict(experiment(RECIPE, GROUP, data), tmp_path / "five", submissions, resources)
    assert second == submissions / f"{RECIPE}-{GROUP}-2"
    packed = package(RECIPE, GROUP, DataFolder(data), submissions)
    assert packed.folder == second, "the latest prediction is packaged"
    assert contents(first) == before
    assert [(line.submission, line.group, line.recipe, line.seeds) for line in read_log(submissions)] == [
        (first.name, GROUP, RECIPE, "0"),
        (second.name, GROUP, RECIPE, "5"),
    ]
    assert predict(experiment(RECIPE, GROUP, data), checkpoints, submissions, resources) == first
    assert package(RECIPE, GROUP, DataFolder(data), submissions).folder == first
    assert contents(first) == before
    assert contents(second) == contents(packed.folder)


def test_other_labels_of_the_name_have_a_folder_of_their_own(tree, tmp_path):
    truth = tree / "truth" / "65-79.txt"
    first = package_labels(truth, GROUP, DataFolder(tree), tmp_path, "mine").folder
    before = contents(first)
    (tmp_path / "wake.txt").write_text("0\n" * 96)
    for _ in range(2):
        assert package_labels(tmp_path / "wake.txt", GROUP, DataFolder(tree), tmp_path, "mine").folder.name.endswith(
            "-2"
        )
    assert contents(first) == before
    assert package_labels(truth, GROUP, DataFolder(tree), tmp_path, "mine").folder == first


@pytest.mark.parametrize("name", ["probabilities.npz", "answer.txt", "answer.zip", "submission.json"])
def test_what_cannot_be_read_in_a_folder_is_not_written_over(files_of_user, tree, name):
    folder = files_of_user(name)
    before = contents(folder)
    labels = tree / "truth" / "65-79.txt", GROUP, DataFolder(tree), folder.parent, "mine"
    if name == "probabilities.npz":
        with pytest.raises(SubmissionError, match="give your labels another --name"):
            package_labels(*labels)
    else:
        assert package_labels(*labels).folder.name == f"mine-{GROUP}-2"
    assert contents(folder) == before


@pytest.fixture
def files_of_user(tmp_path):
    def write(name):
        folder = tmp_path / f"mine-{GROUP}"
        folder.mkdir()
        (folder / name).write_bytes(b"of the user")
        return folder

    return write
