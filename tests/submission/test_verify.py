"""``verify`` predicts again in a new process and names whatever differs."""

import json
import shutil

import numpy as np
import pytest
from click.testing import CliRunner
from conftest import experiment

from beetl_task1.cli.submissions import verify as command
from beetl_task1.data.files import DataFolder
from beetl_task1.errors import SubmissionError
from beetl_task1.models.base import Resources
from beetl_task1.recipes.recipe import load_recipe
from beetl_task1.recipes.training import train
from beetl_task1.submission.answer import read_answer, write_answer, write_zip
from beetl_task1.submission.blend import blend
from beetl_task1.submission.package import package, package_labels
from beetl_task1.submission.predict import predict
from beetl_task1.submission.verify import verify

RECIPE, GROUP = "features-logreg", "65-79"


@pytest.fixture(scope="module")
def made(tree, cache, tmp_path_factory):
    """Return a folder with data, checkpoints and a packed submission; not to be written to."""
    root = tmp_path_factory.mktemp("verify")
    shutil.copytree(tree, root / "data")
    data, resources = DataFolder(root / "data"), Resources(cache)
    train(experiment(RECIPE, GROUP, data), root / "checkpoints", resources)
    predict(experiment(RECIPE, GROUP, data), root / "checkpoints", root / "submissions", resources)
    package(RECIPE, GROUP, data, root / "submissions")
    return root


@pytest.fixture
def place(made, tmp_path, monkeypatch):
    """A copy that may be changed; verified in this process, to save the start of another."""
    monkeypatch.setattr("beetl_task1.submission.verify._in_new_process", lambda function, *args: function(*args))
    return shutil.copytree(made, tmp_path / "place")


def check(place, **options):
    submission = place / "submissions" / f"{RECIPE}-{GROUP}"
    return verify(submission, DataFolder(place / "data"), place / "checkpoints", **options)


def test_nothing_differs_in_a_new_process(made):
    result = check(made)
    assert result.ok, result.differences
    assert (result.n_rows, result.n_compared, result.how) == (96, 96, "predicted")


def test_trained_again_from_scratch(place):
    shutil.rmtree(place / "checkpoints")
    result = check(place, retrain=True)
    assert result.ok, result.differences
    assert result.how == "retrained"


def test_one_label_changed(place):
    answer = place / "submissions" / f"{RECIPE}-{GROUP}" / "answer.txt"
    lines = answer.read_text().splitlines()
    lines[30] = str((int(lines[30]) + 1) % 6)
    answer.write_text("\n".join(lines) + "\n")
    result = check(place)
    assert any("answer.txt: changed since it was packed" in line for line in result.differences)
    labels = [line for line in result.differences if line.startswith("line ")]
    assert len(labels) == 1
    assert labels[0].startswith("line 31 (65-79/s6r2, epoch 6): the answer says ")


def test_one_label_changed_everywhere_it_is_written(place):
    """Someone changes a label and makes the account agree: only predicting again tells."""
    from beetl_task1.submission.answer import answer_sha256

    folder = place / "submissions" / f"{RECIPE}-{GROUP}"
    labels = read_answer(folder / "answer.txt")
    labels[0] = (labels[0] + 1) % 6
    write_answer(folder / "answer.txt", labels)
    write_zip(folder / "answer.zip", labels)
    account = json.loads((folder / "submission.json").read_text())
    (folder / "submission.json").write_text(json.dumps(account | {"answer_sha256": answer_sha256(labels)}))
    assert [line.split(":")[0] for line in check(place).differences] == ["line 1 (65-79/s6r1, epoch 0)"]


def test_zip_that_holds_other_labels(place):
    folder = place / "submissions" / f"{RECIPE}-{GROUP}"
    write_zip(folder / "answer.zip", np.zeros(96, dtype=int))
    differences = check(place).differences
    assert len(differences) == 1
    assert "answer.zip: changed since it was packed" in differences[0]


def test_one_byte_of_a_checkpoint_changed(place):
    weights = next((place / "checkpoints" / RECIPE / GROUP).glob("*.weights"))
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 1
    weights.write_bytes(content)
    result = check(place)
    assert len(result.differences) == 1
    assert weights.name in result.differences[0]
    assert "changed since training" in result.differences[0]
    assert result.how == "not predicted"


def test_card_changed_or_gone(place):
    card = place / "checkpoints" / RECIPE / GROUP / "card.json"
    card.write_text(card.read_text() + "\n")
    assert "its card is another" in check(place).differences[0]
    card.unlink()
    assert "the checkpoint is gone" in check(place).differences[0]


def test_one_test_file_swapped_with_another(place):
    testing = place / "data" / "LeaderboardSleep" / "testing"
    a, b = testing / "leaderboard_s6r1X.npy", testing / "leaderboard_s10r2X.npy"
    content = a.read_bytes()
    a.write_bytes(b.read_bytes())
    b.write_bytes(content)
    result = check(place)
    assert len(result.differences) == 2
    assert "leaderboard_s6r1X.npy (65-79/s6r1): changed since it was predicted" in result.differences[0]
    assert "it holds what leaderboard_s10r2X.npy held" in result.differences[0]
    assert result.n_compared == 48


def test_labels_from_elsewhere_have_nothing_to_be_predicted_from(made, tmp_path):
    data = DataFolder(made / "data")
    packed = package_labels(made / "data" / "truth" / f"{GROUP}.txt", GROUP, data, tmp_path, "mine")
    result = verify(packed.folder, data, made / "checkpoints")
    assert result.ok
    assert (result.how, result.n_compared) == ("not predicted", 0)


def test_blend_is_blended_again(place, tmp_path):
    data = DataFolder(place / "data")
    mine = place / "submissions" / f"{RECIPE}-{GROUP}" / "probabilities.npz"
    other = tmp_path / "other.npz"
    shutil.copy(mine, other)
    packed = blend([mine, other], GROUP, data, tmp_path)
    assert verify(packed.folder, data, place / "checkpoints").how == "blended"
    other.write_bytes(other.read_bytes() + b" ")
    assert "changed since it was blended" in verify(packed.folder, data, place / "checkpoints").differences[0]


def test_no_submission(tmp_path, tree):
    with pytest.raises(SubmissionError, match=r"no submission.json there"):
        verify(tmp_path, DataFolder(tree), tmp_path)


def test_command(place):
    places = ["--data", place / "data", "--checkpoints", place / "checkpoints", "--jobs", "1"]
    arguments = [str(a) for a in (place / "submissions" / f"{RECIPE}-{GROUP}", *places)]
    good = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert good.exit_code == 0
    assert good.output.strip() == "predicted again: 96 of 96 labels compared, nothing differs"
    (place / "checkpoints" / RECIPE / GROUP / "card.json").unlink()
    bad = CliRunner().invoke(command, [*arguments, "--json"], catch_exceptions=False)
    assert bad.exit_code == 1
    assert json.loads(bad.output)["ok"] is False


def test_training_again_with_the_same_settings_changes_nothing(place, cache, monkeypatch):
    monkeypatch.setattr("beetl_task1.submission.verify._in_new_process", lambda function, *args: function(*args))
    train(experiment(RECIPE, GROUP, place / "data"), place / "checkpoints", Resources(cache))
    assert check(place).ok


def test_an_ensemble_whose_member_is_trained_otherwise(tree, cache, tmp_path, monkeypatch):
    monkeypatch.setattr("beetl_task1.submission.verify._in_new_process", lambda function, *args: function(*args))
    data, resources = DataFolder(tree), Resources(cache)
    train(experiment("features-mean", GROUP, data), tmp_path / "checkpoints", resources)
    predict(experiment("features-mean", GROUP, data), tmp_path / "checkpoints", tmp_path, resources)
    folder = package("features-mean", GROUP, data, tmp_path).folder
    assert verify(folder, data, tmp_path / "checkpoints").ok
    member = load_recipe("features-logreg")
    for recipe in (member, member.varied(seed=3)):
        train(experiment(recipe, GROUP, data), tmp_path / "checkpoints", resources)
        assert verify(folder, data, tmp_path / "checkpoints").ok
    copies = tmp_path / "checkpoints" / "features-mean" / GROUP / "members"
    next(copies.glob("features-boost-*/*.weights")).unlink()
    found = verify(folder, data, tmp_path / "checkpoints")
    assert len(found.differences) == 1
    assert "are missing; train again" in found.differences[0]
