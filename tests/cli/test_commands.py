"""The commands: help, a line in the docs, one-line errors, JSON, and the whole road on a small tree."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from beetl_task1 import cli

PAGE = (Path(__file__).parents[2] / "docs" / "commands.md").read_text(encoding="utf-8")


def run(*args, env=None):
    """Run the entry point in this process; return exit code, output and errors."""
    result = CliRunner().invoke(cli.cli, [str(a) for a in args], env=env)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def main(monkeypatch, capsys, *args):
    """Run as a user does; return exit code and error lines."""
    monkeypatch.setattr(sys, "argv", ["beetl-task1", *map(str, args)])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    return stopped.value.code, capsys.readouterr().err.strip().splitlines()


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_help_has_an_example_and_the_page_of_commands_a_line(name):
    result = run(name, "--help")
    assert result.exit_code == 0
    assert f"Example:\n    beetl-task1 {name}" in result.output
    assert re.search(rf"^\| `beetl-task1 {name}\b", PAGE, re.MULTILINE)


def test_help_imports_nothing_heavy():
    heavy = ["torch", "mne", "sklearn", "pandas", "numpy", "scipy", "matplotlib", "rich", "braindecode"]
    code = (
        "import sys; sys.argv=['beetl-task1','--help']\n"
        "from beetl_task1.cli import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        f"heavy = set({heavy}) & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["train", "--data", ".", "--group", "65-79", "--recipe", "defualt"], "did you mean 'default'?"),
        (["train", "--data", "no/such", "--group", "65-79"], "no/such: no such folder"),
        (["predict", "--data", ".", "--group", "65-79", "--checkpoints", "no/such"], "no checkpoint there"),
        (["score", "no.txt", "--truth", "no.txt"], "no.txt: cannot be read"),
    ],
)
def test_what_a_user_can_mend_is_one_line_and_exit_code_1(monkeypatch, capsys, args, message):
    check_one_line(monkeypatch, capsys, args, message, 1)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["trian"], "unknown command 'trian'; did you mean 'train'?"),
        (["train", "--data", ".", "--group", "65-97"], "unknown group '65-97'; did you mean '65-79'?"),
        (["train", "--data", "."], "Missing option '--group'"),
        (["train", "--data", ".", "--group", "65-79", "--sed", "3"], "No such option '--sed'"),
        (["train", "--data", ".", "--group", "65-79", "--jobs", "0"], "(see beetl-task1 train --help)"),
        (["simulate", "--out", "x", "--size", "huge"], "'huge' is not one of"),
        (["score"], "Missing argument"),
        (["package", "--data", ".", "--group", "65-79", "--name", "x"], "--name goes with --labels"),
        (["log", "--score", "66.78"], "to enter a score, name the submission"),
        (["blend", "a", "b", "--data", ".", "--group", "65-79", "--weights", "a,b"], "expected numbers with commas"),
    ],
)
def test_a_mistyped_command_is_one_line_and_exit_code_2(monkeypatch, capsys, args, message):
    check_one_line(monkeypatch, capsys, args, message, 2)


def check_one_line(monkeypatch, capsys, args, message, expected):
    code, lines = main(monkeypatch, capsys, *args)
    assert code == expected
    assert len(lines) == 1
    assert lines[0].startswith("Error: ")
    assert message in lines[0]


def test_an_interrupt_is_one_line_and_exit_code_130(monkeypatch, capsys, tree):
    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("beetl_task1.submission.scored.score_answer", interrupted)
    truth = tree / "truth" / "65-79.txt"
    code, lines = main(monkeypatch, capsys, "score", truth, "--truth", truth)
    assert (code, lines) == (130, ["Error: stopped; what was finished is kept"])


def test_a_full_disk_or_a_forbidden_folder_is_one_line(monkeypatch, capsys, tmp_path, tree):
    (tmp_path / "file").write_text("")
    code, lines = main(
        monkeypatch, capsys, "package", "--data", tree, "--group", "65-79", "--labels", tree / "truth" / "65-79.txt",
        "--submissions", tmp_path / "file",
    )  # fmt: skip
    assert code == 1
    assert len(lines) == 1


@pytest.fixture(scope="module")
def places(tree, tmp_path_factory):
    root = tmp_path_factory.mktemp("places")
    return {
        "BEETL_DATA": str(tree),
        "BEETL_CHECKPOINTS": str(root / "checkpoints"),
        "BEETL_SUBMISSIONS": str(root / "submissions"),
        "BEETL_CACHE": str(root / "cache"),
        "BEETL_JOBS": "1",
    }


def test_the_whole_road(places, tree):
    """Each step on its own, then submit, which repeats nothing; places come from the environment."""
    common = ("--group", "65-79", "--recipe", "features-logreg")
    trained = json.loads(run("train", *common, "--json", env=places).output)
    assert trained["nights"] == {"source": 6, "target": 6}
    validated = json.loads(run("validate", *common, "--json", env=places).output)["validations"][0]
    assert validated["cached"] is False
    predicted = json.loads(run("predict", *common, "--json", env=places).output)
    packed = json.loads(run("package", *common, "--json", env=places).output)
    assert packed["label_counts"] == predicted["label_counts"]
    assert packed["n_rows"] == 96
    submitted = json.loads(run("submit", *common, "--json", env=places).output)
    assert submitted["trained"] is False
    assert submitted["validation"]["score"] == validated["score"]
    assert submitted["zip"] == packed["zip"]
    scored = json.loads(run("score", packed["zip"], "--truth", tree / "truth/65-79.txt", "--json").output)
    bare = json.loads(run("score", predicted["answer"], "--truth", tree / "truth/65-79.txt", "--json").output)
    assert scored == bare
    assert scored["score"] > 70
    zoo = {row["recipe"]: row for row in json.loads(run("models", "--json", env=places).output)}
    assert zoo["features-logreg"]["groups"]["65-79"]["score"] == pytest.approx(validated["score"])


def test_output_for_people(places, tree):
    common = ("--group", "65-79", "--recipe", "features-logreg")
    out = run("submit", *common, env=places).output
    assert "data: simulated data" in out
    assert "held-out epochs" in out
    assert "answer.zip" in out
    assert "PARTIAL" in out
    assert "score: " in run("score", tree / "truth/65-79.txt", "--truth", tree / "truth/65-79.txt").output
    assert "features-boost" in run("models", env=places).output


def test_brief_prints_scores_without_tables(places, tree):
    out = run("validate", "--group", "65-79", "--recipe", "features-logreg", "--brief", env=places).output
    assert "held-out epochs" in out
    assert len(out.splitlines()) == 2
    truth = tree / "truth/65-79.txt"
    assert run("score", truth, "--truth", truth, "--brief").output == "score: 100.00\n"


def test_no_progress_bar_where_nobody_looks(places):
    done = subprocess.run(
        [sys.executable, "-c", "from beetl_task1.cli import main; main()", "validate", "--group", "65-79",
         "--recipe", "features-logreg", "--seed", "9"],
        capture_output=True, text=True, env={"PATH": "/usr/bin:/bin", **places},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
