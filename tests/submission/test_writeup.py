"""The method document says what the cards say."""

import json
import shutil

import pytest
from click.testing import CliRunner
from conftest import experiment

from beetl_task1.cli.submissions import writeup as command
from beetl_task1.data.files import DataFolder
from beetl_task1.data.probabilities import save_probabilities
from beetl_task1.errors import BeetlError
from beetl_task1.models.base import Resources
from beetl_task1.recipes.recipe import load_recipe
from beetl_task1.recipes.training import train
from beetl_task1.submission.blend import blend
from beetl_task1.submission.package import package_labels
from beetl_task1.submission.submit import submit
from beetl_task1.submission.writeup import compose, writeup
from beetl_task1.validation.crossval import validate

GROUP = "80-95"


@pytest.fixture(scope="module")
def submitted(tree, cache, tmp_path_factory):
    root = tmp_path_factory.mktemp("writeup")
    recipe = load_recipe("features-logreg")
    done = submit(experiment(recipe, GROUP, tree), root / "checkpoints", root / "submissions", Resources(cache))
    return done, root


def test_filled_from_the_cards(submitted):
    done, root = submitted
    text = writeup(done.submission.folder, root / "checkpoints").read_text()
    validation = done.validation
    for words in (
        "people of 80-95", "simulated data", "| source | 25-64 | 3 | 6 |", "| source | 65-79 | 3 | 6 |",
        "| target | 80-95 | 2 | 4 |", "features-logreg", "target_weight 3", "Seeds: 0", "without: source only",
        f"| with transfer | {validation.summary['score']:.2f} |",
        f"| without: source only | {validation.card_without().score:.2f} |",
        "How to reproduce", "--recipe features-logreg", "verify", "scikit-learn",
        done.submission.account["answer_sha256"],
    ):  # fmt: skip
        assert words in text, words
    assert len(text.split()) < 1000, "two pages"


def test_submit_links_a_report_and_logs(submitted):
    done, root = submitted
    assert done.report.read_text().startswith("<!doctype html>")
    assert "log.csv" in {path.name for path in (root / "submissions").iterdir()}


def test_without_validation_or_cards(submitted, tmp_path):
    text = compose(submitted[0].submission.account, tmp_path)
    assert "Not validated yet" in text
    assert "not at hand" in text


def test_a_validation_of_another_training_is_not_quoted(submitted, tree, cache, tmp_path):
    done, root = submitted
    checkpoints = shutil.copytree(root / "checkpoints", tmp_path / "checkpoints")
    recipe = load_recipe("features-logreg")
    validate(experiment(recipe, GROUP, tree, parameters={"C": 1e-4}), checkpoints, Resources(cache))
    text = compose(done.submission.account, checkpoints)
    assert "with transfer |" not in text
    assert f"None was made for this training: `beetl-task1 validate --group {GROUP} --recipe features-logreg`" in text
    validate(experiment(recipe, GROUP, tree), checkpoints, Resources(cache))
    assert "| with transfer |" in compose(done.submission.account, checkpoints)


def test_the_card_of_a_later_training_is_not_quoted(submitted, tree, cache, tmp_path):
    done, root = submitted
    checkpoints = shutil.copytree(root / "checkpoints", tmp_path / "checkpoints")
    recipe = load_recipe("features-logreg").but(parameters={"C": 1e-4})
    train(experiment(recipe, GROUP, tree), checkpoints, Resources(cache))
    text = compose(done.submission.account, checkpoints)
    assert "0.0001" not in text
    assert "not at hand" in text
    validate(experiment(recipe, GROUP, tree), checkpoints, Resources(cache))
    assert "None was made for this training" in compose(done.submission.account, checkpoints)


def test_a_validation_that_says_not_of_what_it_is_is_not_quoted(submitted, tmp_path):
    done, root = submitted
    checkpoints = shutil.copytree(root / "checkpoints", tmp_path / "checkpoints")
    path = checkpoints / "features-logreg" / GROUP / "validation.json"
    path.write_text(json.dumps({k: v for k, v in json.loads(path.read_text()).items() if k != "experiment"}))
    account = {k: v for k, v in done.submission.account.items() if k != "experiment"}
    for each in (account, done.submission.account):
        assert "None was made for this training" in compose(each, checkpoints)


def test_blend_and_labels_from_elsewhere(submitted, tree, tmp_path):
    from beetl_task1.data.probabilities import load_probabilities

    ours = submitted[0].submission.folder / "probabilities.npz"
    save_probabilities(tmp_path / "theirs.npz", load_probabilities(ours)[0], {})
    packed = blend([ours, tmp_path / "theirs.npz"], GROUP, DataFolder(tree), tmp_path)
    text = compose(packed.account, submitted[1] / "checkpoints")
    assert "beetl-task1 blend" in text
    assert "theirs.npz" in text
    assert "weight 0.500" in text
    assert "--name blend --weights 0.5,0.5 --strength 0.5" in text
    assert "are not validated" in text
    bare = package_labels(tree / "truth" / f"{GROUP}.txt", GROUP, DataFolder(tree), tmp_path, "bare")
    assert "come from elsewhere" in compose(bare.account, tmp_path)


def test_command(submitted, tmp_path):
    done, root = submitted
    arguments = [done.submission.folder, "--checkpoints", root / "checkpoints", "--out", tmp_path / "doc.md"]
    result = CliRunner().invoke(command, list(map(str, arguments)), catch_exceptions=False)
    assert result.output.strip() == f"wrote {tmp_path / 'doc.md'}"


CHANGES = {
    "filled in": lambda text: text.replace("Team: (name)", "Team: us"),
    "longer": lambda text: text + "mine\n",
    "line ends": lambda text: text.replace("\n", "\r\n"),
    "empty": lambda text: "",
    "another": lambda text: "mine",
}


@pytest.mark.parametrize("change", list(CHANGES))
def test_what_somebody_wrote_stays(submitted, tmp_path, change):
    done, root = submitted
    path = tmp_path / "doc.md"
    for _ in range(2):
        assert writeup(done.submission.folder, root / "checkpoints", path) == path, "its own is written again"
    path.write_bytes(CHANGES[change](path.read_text()).encode())
    before = path.read_bytes()
    with pytest.raises(BeetlError, match=r"doc\.md: holds what beetl-task1 did not write, and stays as it is"):
        writeup(done.submission.folder, root / "checkpoints", path)
    assert path.read_bytes() == before
