"""Blends of saved probabilities, ours and foreign."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from beetl_task1.cli.submissions import blend as command
from beetl_task1.data.files import DataFolder
from beetl_task1.data.probabilities import load_probabilities, save_probabilities
from beetl_task1.data.recording import RecordingKey
from beetl_task1.decision import BalancedDecision
from beetl_task1.errors import BeetlError, SubmissionError
from beetl_task1.submission.answer import read_answer
from beetl_task1.submission.blend import blend
from beetl_task1.submission.log import read_log
from beetl_task1.submission.package import package_labels
from beetl_task1.submission.verify import verify

GROUP = "65-79"
KEYS = [RecordingKey(GROUP, s, r) for s in (6, 10) for r in (1, 2)]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Two files of probabilities, one of them foreign: written by numpy alone."""
    folder = tmp_path_factory.mktemp("probabilities")
    rng = np.random.default_rng(1)
    a, b = ({key: rng.dirichlet(np.ones(6), 24) for key in KEYS} for _ in range(2))
    save_probabilities(folder / "ours.npz", a, {"recipe": {"name": "ours"}})
    np.savez(folder / "theirs.npz", **{str(key): p for key, p in b.items()})
    return folder / "ours.npz", folder / "theirs.npz"


def test_mean_of_ours_and_a_foreign_file(files, tree, tmp_path):
    packed = blend(files, GROUP, DataFolder(tree), tmp_path, name="both")
    assert packed.folder == tmp_path / f"both-{GROUP}"
    (a, _), (b, _), (mean, meta) = (load_probabilities(p) for p in (*files, packed.folder / "probabilities.npz"))
    for key in KEYS:
        np.testing.assert_allclose(mean[key], (a[key] + b[key]) / 2, atol=1e-6)
    assert [item["recipe"] for item in meta["inputs"]] == ["ours", "unknown"]
    expected = BalancedDecision().decide(mean)
    np.testing.assert_array_equal(read_answer(packed.zip_path), np.concatenate([expected[key] for key in KEYS]))
    assert packed.account["n_rows"] == 96


def test_weights_and_plain_argmax(files, tree, tmp_path):
    packed = blend(files, GROUP, DataFolder(tree), tmp_path, weights=[3, 1], strength=0)
    (a, _), (b, _) = (load_probabilities(p) for p in files)
    expected = np.concatenate([(0.75 * a[key] + 0.25 * b[key]).argmax(1) for key in KEYS])
    np.testing.assert_array_equal(read_answer(packed.zip_path), expected)
    assert [item["weight"] for item in packed.account["inputs"]] == [0.75, 0.25]


@pytest.mark.parametrize("weights", [[1], [1, 0], [1, -1], [float("nan"), 1], [1, float("inf")], [1e308, 1e308]])
def test_weights_that_do_not_fit_leave_the_earlier_blend(files, tree, tmp_path, weights):
    folder = blend(files, GROUP, DataFolder(tree), tmp_path).folder
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(SubmissionError, match="one positive number for each of the 2 files"):
        blend(files, GROUP, DataFolder(tree), tmp_path, weights=weights)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_another_blend_of_the_name_has_a_folder_of_its_own(files, tree, tmp_path):
    data, first = DataFolder(tree), blend(files, GROUP, DataFolder(tree), tmp_path)
    before = {path.name: path.read_bytes() for path in first.folder.iterdir()}
    packed = blend(files[::-1], GROUP, data, tmp_path, weights=[3, 1])
    assert [item["weight"] for item in packed.account["inputs"]] == [0.75, 0.25]
    assert packed.folder == tmp_path / f"blend-{GROUP}-2"
    assert blend(files, GROUP, data, tmp_path, strength=0.1).folder == tmp_path / f"blend-{GROUP}-3"
    assert blend(files, GROUP, data, tmp_path).folder == first.folder, "the very same"
    assert {path.name: path.read_bytes() for path in first.folder.iterdir()} == before
    assert {line.submission for line in read_log(tmp_path)} == {f"blend-{GROUP}{n}" for n in ("", "-2", "-3")}


@pytest.mark.parametrize("name", ["../x", "a/b", "/x", "", ".", "-x", "x y"])
def test_a_name_that_would_lead_elsewhere(files, tree, tmp_path, name):
    with pytest.raises(SubmissionError, match="it names a folder; use letters"):
        blend(files, GROUP, DataFolder(tree), tmp_path / "submissions", name=name)
    assert not list(tmp_path.iterdir())


def test_nothing_that_another_command_made_is_replaced(files, tree, tmp_path):
    data = DataFolder(tree)
    save_probabilities(tmp_path / f"features-logreg-{GROUP}" / "probabilities.npz", load_probabilities(files[0])[0], {})
    package_labels(tree / "truth" / f"{GROUP}.txt", GROUP, data, tmp_path, "mine")
    for name, holds in (("features-logreg", "a prediction"), ("mine", "labels from elsewhere")):
        folder = tmp_path / f"{name}-{GROUP}"
        before = {path.name: path.read_bytes() for path in folder.iterdir()}
        with pytest.raises(SubmissionError, match=f"{name}-{GROUP}: holds {holds}; give the blend another --name"):
            blend(files, GROUP, data, tmp_path, name=name)
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_labels_replace_no_blend(files, tree, tmp_path):
    blend(files, GROUP, DataFolder(tree), tmp_path, name="both")
    with pytest.raises(SubmissionError, match="holds a blend; give your labels another --name"):
        package_labels(tree / "truth" / f"{GROUP}.txt", GROUP, DataFolder(tree), tmp_path, "both")


def test_a_blend_is_not_its_own_input(files, tree, tmp_path):
    packed = blend(files, GROUP, DataFolder(tree), tmp_path)
    with pytest.raises(SubmissionError, match="would be replaced by the blend of it; give the blend another --name"):
        blend([packed.folder / "probabilities.npz", files[0]], GROUP, DataFolder(tree), tmp_path)


def test_paths_mean_the_same_from_any_folder(files, tree, tmp_path, monkeypatch):
    monkeypatch.setattr("beetl_task1.submission.verify._in_new_process", lambda function, *args: function(*args))
    monkeypatch.chdir(files[0].parent)
    packed = blend([Path("ours.npz"), Path("theirs.npz")], GROUP, DataFolder(tree), tmp_path)
    assert [item["file"] for item in packed.account["inputs"]] == [str(path.resolve()) for path in files]
    monkeypatch.chdir(tmp_path)
    result = verify(packed.folder, DataFolder(tree), tmp_path / "checkpoints")
    assert (result.how, result.differences) == ("blended", [])


def test_one_file_is_no_blend(files, tree, tmp_path):
    with pytest.raises(SubmissionError, match="two or more"):
        blend(files[:1], GROUP, DataFolder(tree), tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: p | {KEYS[1]: p[KEYS[1]][:-1]}, "65-79/s6r2 is missing or has not the 24 rows"),
        (lambda p: {k: v for k, v in p.items() if k != KEYS[0]}, "65-79/s6r1 is missing"),
        (lambda p: p | {RecordingKey(GROUP, 7, 1): p[KEYS[0]]}, "holds 65-79/s7r1, which the test set does not have"),
        (lambda p: p | {KEYS[0]: p[KEYS[0]] * 2}, "no probabilities"),
    ],
)
def test_files_that_do_not_fit(files, tree, tmp_path, change, message):
    probabilities, _ = load_probabilities(files[0])
    save_probabilities(tmp_path / "bad.npz", change(probabilities), {})
    with pytest.raises(BeetlError, match=message):
        blend([files[0], tmp_path / "bad.npz"], GROUP, DataFolder(tree), tmp_path)


def test_command(files, tree, tmp_path):
    arguments = [*files, "--data", tree, "--group", GROUP, "--submissions", tmp_path, "--weights", "2,1"]
    result = CliRunner().invoke(command, list(map(str, arguments)), catch_exceptions=False)
    assert result.exit_code == 0
    assert str(tmp_path / f"blend-{GROUP}" / "answer.zip") in result.output
    wrong = CliRunner().invoke(command, [*map(str, arguments[:-1]), "a,b"])
    assert wrong.exit_code == 2
    assert "expected numbers with commas" in wrong.output
