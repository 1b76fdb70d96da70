"""``validate`` with several recipes, in both schemes, and ``score`` with the same tables."""

import json
import re

import numpy as np
import pytest
from click.testing import CliRunner

from beetl_task1.cli.recipes import validate
from beetl_task1.cli.submissions import score
from beetl_task1.data.files import DataFolder
from beetl_task1.errors import BeetlError
from beetl_task1.submission.package import package_labels
from beetl_task1.typed import typed
from beetl_task1.validation.scorecard import Scorecard


@pytest.fixture(scope="module")
def recipes(tmp_path_factory):
    """Two quick recipes of one's own."""
    folder = tmp_path_factory.mktemp("recipes")
    for name, strength in (("weak", 0.0001), ("strong", 0.1)):
        text = f'model = "features-logreg"\ndescription = "{name}"\n[parameters]\nC = {strength}\n'
        (folder / f"{name}.toml").write_text(text)
    return [str(folder / "weak.toml"), str(folder / "strong.toml")]


@pytest.fixture(scope="module")
def run(tree, cache, tmp_path_factory):
    checkpoints = tmp_path_factory.mktemp("checkpoints")

    def call(*arguments):
        places = ["--data", tree, "--cache", cache, "--checkpoints", checkpoints, "--group", "65-79", "--jobs", "1"]
        return CliRunner().invoke(validate, [*map(str, places), *map(str, arguments)], catch_exceptions=False)

    return call


def test_two_recipes_side_by_side(run, recipes, tmp_path):
    page = tmp_path / "report.html"
    result = run("--recipe", recipes[0], "--recipe", recipes[1], "--report", page)
    assert result.exit_code == 0, result.output
    for words in (
        "data: simulated data", "scoreboard", "interval", "weak", "strong", "recall", "s0r1", "confusion", "kappa",
        "reliability", "sign-flip test", "without transfer", "one seed", "test, predicted", str(page),
    ):  # fmt: skip
        assert words in result.output
    assert page.stat().st_size < 3e6
    lines = result.output.splitlines()
    assert re.match(r"(weak|strong) leads by \d+\.\d: .*(people|person); expect about \d+$", lines[1])
    assert lines[1] in page.read_text(encoding="utf-8")
    command = re.search(r"<code>(.+?)</code>", page.read_text(encoding="utf-8"))[1]
    assert command.startswith("beetl-task1 validate --data ")
    assert command.count("--recipe ") == 2
    assert f"--report {page}" in command


def test_json_of_one_and_of_several(run, recipes):
    alone = json.loads(run("--recipe", recipes[0], "--json").output)
    one = alone["validations"][0]
    assert typed(Scorecard, one["scorecard"], "the scorecard").score == one["score"]
    both = json.loads(run("--recipe", recipes[0], "--recipe", recipes[1], "--scheme", "aasm", "--json").output)
    assert alone.keys() == both.keys()
    assert alone["comparisons"] == []
    assert [v["recipe"] for v in both["validations"]] == ["weak", "strong"]
    assert both["validations"][0]["cached"]
    assert both["validations"][0]["scorecard"]["stages"] == ["W", "N1", "N2", "N3", "REM"]
    assert {both["comparisons"][0]["first"], both["comparisons"][0]["second"]} == {"weak", "strong"}


def test_two_recipes_of_one_name(run, recipes, tmp_path):
    (tmp_path / "weak.toml").write_text('model = "features-logreg"\n')
    with pytest.raises(BeetlError, match="two recipes are called weak"):
        run("--recipe", recipes[0], "--recipe", tmp_path / "weak.toml")


def test_five_stages_in_the_tables(run, recipes):
    output = run("--recipe", recipes[0], "--scheme", "aasm").output
    assert "N3" in output
    assert "0 held-out" not in output


@pytest.fixture(scope="module")
def packed(tree, tmp_path_factory):
    out = tmp_path_factory.mktemp("submissions")
    truth = np.loadtxt(tree / "truth" / "65-79.txt", dtype=int)
    wrong = np.where(np.arange(len(truth)) % 5 == 0, 0, truth)
    (out / "mine.txt").write_text("".join(f"{label}\n" for label in wrong))
    return package_labels(out / "mine.txt", "65-79", DataFolder(tree), out), tree / "truth" / "65-79.txt", wrong, truth


def test_score_by_subject_and_night(packed):
    submission, truth_file, wrong, truth = packed
    result = CliRunner().invoke(score, [str(submission.zip_path), "--truth", str(truth_file)], catch_exceptions=False)
    for words in ("score: ", "scoreboard", "s6r1", "s10r2", "s10", "confusion", "kappa"):
        assert words in result.output
    values = json.loads(
        CliRunner().invoke(score, [str(submission.zip_path), "--truth", str(truth_file), "--json"]).output
    )
    expected = 100 * np.mean([np.mean(wrong[truth == k] == k) for k in range(6)])
    assert values["score"] == pytest.approx(expected)
    assert [unit["name"] for unit in values["scorecard"]["subjects"]] == ["s6", "s10"]


def test_score_of_a_bare_list(packed, tmp_path):
    _, truth_file, wrong, _ = packed
    bare = tmp_path / "bare.txt"
    bare.write_text("".join(f"{label}\n" for label in wrong))
    result = CliRunner().invoke(score, [str(bare), "--truth", str(truth_file), "--scheme", "aasm"])
    assert "N3" in result.output
    assert "s6r1" not in result.output


def test_a_stage_that_the_truth_lacks(tmp_path):
    for name in ("answer.txt", "truth.txt"):
        (tmp_path / name).write_text("0\n1\n2\n")
    result = CliRunner().invoke(score, [str(tmp_path / "answer.txt"), "--truth", str(tmp_path / "truth.txt")])
    assert "score: 100.00" in result.output
    assert "S3, S4, REM absent from the truth" in result.output
