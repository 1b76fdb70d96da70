"""What careless people do at the command line: one line, at once, nothing lost, and a next step that works."""

import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from rich.console import Console
from test_commands import check_one_line, main, run

from beetl_task1 import cli
from beetl_task1.cli import inspect as inspect_command
from beetl_task1.cli import options
from beetl_task1.cli import show as show_module
from beetl_task1.cli.advice import Command
from beetl_task1.cli.progress import bars
from beetl_task1.cli.show import package_lines, trained_lines
from beetl_task1.errors import CheckpointError
from beetl_task1.recipes import training
from beetl_task1.recipes.card import Card
from beetl_task1.recipes.recipe import Recipe
from beetl_task1.submission.verify import Verified
from beetl_task1.validation.zoo import zoo

GROUP = ("--group", "65-79", "--recipe", "features-logreg")


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def made(tree, cache, tmp_path_factory):
    """Return a folder with a checkpoint, its validation and a package; not to be written to."""
    root = tmp_path_factory.mktemp("made")
    result = run("submit", *GROUP, *places(tree, cache, root))
    assert result.exit_code == 0, result.output
    return root


def places(tree, cache, root):
    return ("--data", tree, "--cache", cache, "--jobs", "1", "--checkpoints", root / "c", "--submissions", root / "s")


def pasted(command):
    """Run a command as it is printed."""
    words = shlex.split(command)
    assert words[0] == "beetl-task1"
    return run(*words[1:])


def test_each_next_step_works_when_pasted(tree, cache, tmp_path, monkeypatch):
    """From nothing to a package, by what errors and results advise."""
    monkeypatch.chdir(tmp_path)
    odd = tmp_path / "my $x_{1$ 😀 folder"
    common = (*GROUP, "--data", tree)
    network = ("--checkpoints", odd / "c", "--cache", cache, "--jobs", "1")
    followed = []
    with pytest.raises(Exception, match="beetl-task1 predict") as failed:
        run("package", *common)
    with pytest.raises(Exception, match="beetl-task1 train") as failed:
        run("predict", *common, *network)
    step = re.search("beetl-task1 .*", str(failed.value))[0]
    for _ in range(3):
        result = pasted(step)
        assert result.exit_code == 0, result.output
        followed.append(step.split()[1])
        step = next(iter(re.findall("next: (.*)", result.output)), "")
    assert followed == ["train", "predict", "package"]
    assert (tmp_path / "submissions" / "features-logreg-65-79" / "answer.zip").exists()
    with pytest.raises(Exception, match=r"predict --group 65-79 --recipe features-logreg --data .* --submissions s$"):
        run("package", *common, "--submissions", "s")


def test_a_prediction_that_is_not_packaged_says_how(made, tree, tmp_path):
    folder = tmp_path / "features-logreg-65-79"
    folder.mkdir()
    for name in ("answer.txt", "probabilities.npz"):
        shutil.copy(made / "s" / folder.name / name, folder / name)
    with pytest.raises(Exception, match="make it with: beetl-task1 package") as failed:
        run("verify", folder, "--data", tree, "--checkpoints", made / "c")
    step = re.search("beetl-task1 .*", str(failed.value))[0]
    assert pasted(f"{step} --submissions {tmp_path}").exit_code == 0
    with pytest.raises(Exception, match="give the folder of a submission"):
        run("writeup", tmp_path)


def test_train_again_becomes_a_command(made, tree, cache, tmp_path):
    shutil.copytree(made, tmp_path / "m")
    next((tmp_path / "m" / "c").rglob("*.weights")).unlink()
    with pytest.raises(Exception, match="missing; train again with: beetl-task1 train") as failed:
        run("predict", *GROUP, *places(tree, cache, tmp_path / "m"))
    assert pasted(re.search("beetl-task1 .*", str(failed.value))[0]).exit_code == 0
    assert run("predict", *GROUP, *places(tree, cache, tmp_path / "m")).exit_code == 0


BAD_PLACES = [
    ("train", "--checkpoints"), ("validate", "--checkpoints"), ("validate", "--report"), ("submit", "--submissions"),
    ("submit", "--checkpoints"), ("predict", "--submissions"), ("train", "--cache"), ("simulate", "--out"),
    ("download", "--out"),
]  # fmt: skip


@pytest.mark.parametrize(("command", "option"), BAD_PLACES)
@pytest.mark.parametrize("place", ["file/below", "/proc/none/x"])
def test_places_that_take_no_file_are_refused_before_any_work(monkeypatch, capsys, tmp_path, command, option, place):
    """The data folder is not even looked at: it does not exist."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("mine")
    needed = [] if command in ("simulate", "download") else ["--data", "none", *GROUP]
    began = time.monotonic()
    check_one_line(monkeypatch, capsys, [command, *needed, option, place], "cannot be written to", 1)
    assert time.monotonic() - began < 1
    assert contents(tmp_path) == {"file": b"mine"}


@pytest.mark.parametrize("content", ["my own page", "", "<!doctype html>"])
def test_a_report_of_somebody_else_is_refused_before_any_work(monkeypatch, capsys, tmp_path, content):
    page = tmp_path / "report.html"
    page.write_text(content)
    arguments = ["validate", "--data", "none", *GROUP, "--report", page]
    check_one_line(monkeypatch, capsys, arguments, "holds what beetl-task1 did not write", 1)
    assert page.read_text() == content


def test_a_report_is_written_again_unless_somebody_changed_it(tree, cache, made, tmp_path):
    page = tmp_path / "a $x_{1$ 😀.html"
    arguments = ("validate", *GROUP, *places(tree, cache, made)[:-2], "--report", page)
    for _ in range(2):
        assert run(*arguments).exit_code == 0
    page.write_text(page.read_text() + "mine")
    with pytest.raises(Exception, match="stays as it is"):
        run(*arguments)


@pytest.mark.parametrize("seed", ["99999999999999", "-1", "4294967296", "1.5", "x"])
@pytest.mark.parametrize("command", ["train", "validate", "submit", "predict"])
def test_seeds_out_of_range_replace_nothing(monkeypatch, capsys, made, command, seed):
    before = contents(made)
    code, lines = main(monkeypatch, capsys, command, "--data", ".", *GROUP, "--checkpoints", made / "c", "--seed", seed)
    assert (code, len(lines)) == (2, 1)
    assert contents(made) == before


@pytest.mark.parametrize("weights", ["nan,1", "1,-1", "0,0", "0,1", "inf,1", "1,", "a", "1;2", "1,2,3"])
def test_weights_that_cannot_be_replace_nothing(monkeypatch, capsys, made, tree, tmp_path, weights):
    files = [made / "s" / "features-logreg-65-79" / "probabilities.npz"] * 2
    arguments = ["blend", *files, "--data", tree, "--group", "65-79", "--submissions", tmp_path]
    assert run(*arguments).exit_code == 0
    before = contents(tmp_path)
    code, lines = main(monkeypatch, capsys, *arguments, "--weights", weights)
    assert code == (1 if weights == "1,2,3" else 2)
    assert len(lines) == 1
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    ("given", "advice"),
    [
        ("70-80", "did you mean '65-79'?"),
        ("70", "did you mean '65-79'?"),
        ("65 - 79", "did you mean '65-79'?"),
        ("85-90", "did you mean '80-95'?"),
        ("80+", "did you mean '80-95'?"),
        ("80-59", "did you mean '80-95'?"),
        ("25-64", "choose one of: 65-79, 80-95"),
        ("old", "choose one of: 65-79, 80-95"),
        ("", "choose one of: 65-79, 80-95"),
    ],
)
def test_a_group_that_is_near(given, advice):
    with pytest.raises(Exception, match=re.escape(advice)):
        options.GroupName().convert(given, None, None)


NOT_UTF8 = b"caf\xe9".decode("utf-8", "surrogateescape")


@pytest.mark.parametrize("name", [NOT_UTF8, "$x_{1$ 😀 b'c %s{0} [bold]"])
def test_odd_names_of_files(tree, cache, made, tmp_path, name):
    """As a process of its own, since it is the streams that fail."""
    odd = tmp_path / name
    odd.mkdir()
    labels, truth = odd / f"{name}.txt", tree / "truth" / "65-79.txt"
    labels.write_bytes(truth.read_bytes())
    (odd / "note.npy").symlink_to(labels)
    submission = made / "s" / "features-logreg-65-79"
    code = "from beetl_task1.cli import main; main()"

    def call(*arguments, expected=0, encoding="utf-8"):
        environment = os.environ | {"PYTHONIOENCODING": encoding}
        done = subprocess.run([sys.executable, "-c", code, *map(str, arguments)], capture_output=True, env=environment)
        assert b"Traceback" not in done.stderr, done.stderr
        assert done.returncode == expected, done.stderr
        return done

    for encoding in ("utf-8", "ascii"):
        call("score", labels, "--truth", labels, encoding=encoding)
    call("diff", labels, submission / "answer.zip")
    call("writeup", submission, "--checkpoints", made / "c", "--out", odd / f"{name}.md")
    packing = ("package", "--data", tree, "--group", "65-79", "--labels", labels, "--submissions", odd / "s")
    assert call(*packing, expected=1).stderr.count(b"\n") == 1
    assert not (odd / "s").exists()
    call(*packing, "--name", "mine")
    call("log", "--submissions", odd / "s")
    page = odd / f"{name}.html"
    call("validate", *GROUP, *places(tree, cache, made)[:-2], "--report", page, "--brief")
    assert page.exists()


def test_one_damaged_file_hides_no_recipe(made, tmp_path):
    folder = shutil.copytree(made / "c", tmp_path / "c")
    for content in ("{", "", "[]", "null", '{"score": NaN}', '{"score": 61.5}', "[" * 100_000, "\xff"):
        for name, part in (("features-boost", "card.json"), ("chambon", "validation.json"), ("mine", "card.json")):
            path = folder / name / "65-79" / part
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode("latin-1"))
        result = run("models", "--checkpoints", folder)
        assert result.exit_code == 0
        assert "damaged: " in result.output
        rows = {row["recipe"]: row for row in json.loads(run("models", "--checkpoints", folder, "--json").output)}
        assert rows["features-logreg"]["groups"]["65-79"]["score"] > 0
        assert len(rows["features-boost"]["groups"]["65-79"]["problems"]) == 1
        assert rows["features-logreg"]["groups"]["65-79"]["problems"] == []


def test_submit_trains_what_is_missing(made, tree, cache, tmp_path):
    root = shutil.copytree(made, tmp_path / "m")
    next((root / "c").rglob("*.weights")).unlink()
    values = json.loads(run("submit", *GROUP, *places(tree, cache, root), "--json").output)
    assert values["trained"] is True
    assert contents(root / "c") == contents(made / "c")


def test_a_partial_package_is_never_called_one_to_upload():
    account = {"data": "simulated data", "partial": True, "label_counts": {"W": 1}, "n_rows": 1}
    for partial in (True, False):
        packed = SimpleNamespace(account=account | {"partial": partial}, zip_path="a.zip")
        lines = list(package_lines(packed))
        assert any("PARTIAL" in line for line in lines) is partial
        assert lines[-1] == f"1 rows checked; {'a trial, not for upload:' if partial else 'upload'} a.zip"


def test_the_log_of_a_submission_says_what_it_has(made):
    folder = made / "s"
    result = run("log", folder / "features-logreg-65-79", "--submissions", folder)
    assert result.exit_code == 0
    for words in ("features-logreg-65-79", "65-79", "seeds", "local"):
        assert words in result.output
    line = json.loads(run("log", folder / "features-logreg-65-79", "--submissions", folder, "--json").output)[0]
    assert (line["seeds"], line["group"], line["recipe"]) == ("0", "65-79", "features-logreg")
    assert float(line["local_score"]) > 0
    with pytest.raises(Exception, match="not in the log"):
        run("log", "another", "--submissions", folder)


@pytest.mark.parametrize("recipe", ["default", "features-logreg"])
def test_stage_advises_to_train_where_it_looked(tmp_path, recipe):
    given = ("--group", "65-79", "--recipe", recipe, "--checkpoints", tmp_path / "no ne")
    advice = f"train --group 65-79 --recipe {recipe} --checkpoints '{tmp_path}/no ne'"
    with pytest.raises(CheckpointError, match=re.escape(advice)):
        run("stage", tmp_path / "night.edf", *given, "--out", tmp_path / "out")


def test_each_command_completes_what_its_errors_advise():
    assert {name for name in cli.COMMANDS if not isinstance(cli.cli.get_command(None, name), Command)} == set()


def test_verify_prints_ten_lines_and_a_count(monkeypatch, tree):
    found = Verified(96, 96, "predicted", [f"line {i}" for i in range(25)])
    monkeypatch.setattr("beetl_task1.submission.verify.verify", lambda *args, **options: found)
    result = run("verify", "x", "--data", tree)
    assert result.exit_code == 1
    lines = result.output.splitlines()
    assert len(lines) == 12
    assert lines[9:] == ["line 9", "... and 15 more", "predicted again: 96 of 96 labels compared, 25 differences"]
    assert len(json.loads(run("verify", "x", "--data", tree, "--json").output)["differences"]) == 25


def test_every_command_that_yields_a_result_has_json(made, tmp_path):
    for name in cli.COMMANDS:
        assert "--json" in run(name, "--help").output, name
    arguments = (
        "writeup",
        made / "s" / "features-logreg-65-79",
        "--checkpoints",
        made / "c",
        "--out",
        tmp_path / "w.md",
    )
    assert json.loads(run(*arguments, "--json").output) == {"writeup": str(tmp_path / "w.md")}


def test_train_ends_with_what_it_chose():
    chosen = {"seed3": ["source: pass 4 kept, score 61.2 on held-out subjects", "finetune: undone (held-out loss ...)"]}
    card = Card(
        recipe=Recipe(name="mine", model="chambon"),
        group="65-79",
        data={"description": "competition files"},
        training={"source": {"a": []}, "target": {"b": []}},
        versions={},
        fingerprint="f",
        chosen=chosen,
    )
    lines = list(trained_lines(card, "c/mine", 75.2, "beetl-task1 predict --group 65-79 --recipe mine"))
    assert lines == [
        "trained mine for 65-79 on 1 source nights, 1 target nights of competition files",
        "seed3, source: pass 4 kept, score 61.2 on held-out subjects",
        "seed3, finetune: undone (held-out loss ...)",
        "checkpoint: c/mine, after 0:01:15",
        "next: beetl-task1 predict --group 65-79 --recipe mine",
    ]


def test_what_a_network_chose_is_on_its_card():
    model = SimpleNamespace(
        history_=[{"stage": "source", "pass": 2, "kept": True, "valid_score": 61.23},
                  {"stage": "source", "pass": 3, "kept": False, "valid_score": 60.0},
                  {"stage": "finetune", "pass": 1, "kept": True, "valid_score": None}],
        choices_=["finetune: 1 of 8 passes kept (held-out loss 1.2 before, 1.1 at best after)"],
    )  # fmt: skip
    assert training._chosen(model) == [
        "source: pass 2 kept, score 61.2 on held-out subjects",
        "finetune: 1 of 8 passes kept (held-out loss 1.2 before, 1.1 at best after)",
    ]


@pytest.mark.parametrize(
    "text", ["65-79/s0r1", "seed 0, finetune, fold 3, pass 12 of 40: loss 1.234, held out 55.2 " * 2]
)
def test_the_bar_says_what_is_left_at_80_columns(text):
    clock = [0.0]
    stream = io.StringIO()
    drawn = bars(Console(file=stream, width=80, force_terminal=True, color_system=None))
    drawn.get_time = lambda: clock[0]
    task = drawn.add_task("validate attnsleep-finetune", total=None, text="")
    for done in range(5):
        clock[0] += 60
        drawn.update(task, completed=done * 10, total=400, text=text)
    console = Console(file=io.StringIO(), width=80, color_system=None)
    console.print(drawn.get_renderable())
    lines = console.file.getvalue().rstrip("\n").splitlines()
    assert len(lines) == 2
    assert all(len(line) <= 80 for line in lines)
    assert "validate attnsleep-finetune" in lines[0]
    assert re.search(r"10% \d:\d\d:\d\d left 0:36:00", lines[0])
    assert text[:60] in lines[1]


@pytest.mark.parametrize("width", [80, 160])
def test_tables_break_no_word(monkeypatch, capsys, made, width):
    """Names and numbers stay whole; other texts break between words."""
    monkeypatch.setattr(show_module, "console", lambda: Console(width=width, highlight=False, markup=False))
    monkeypatch.setattr(show_module, "asked", lambda name: False)
    rows = zoo(made / "c")
    show_module.show(rows, show_module.zoo_lines(rows, "data"))
    numbers = [("a-long-name-of-a-recipe", f"{k}" * 6, 123_456_789, 61.25) for k in range(3)]
    show_module.show([], [show_module.table("t", "name", "digits", "many", "score", rows=numbers)])
    words = set(capsys.readouterr().out.split())
    for row in rows:
        assert row["recipe"] in words
        assert set(row["description"].split()) <= words
    assert {"a-long-name-of-a-recipe", "000000", "222222", "123,456,789", "61.2"} <= words


@pytest.mark.parametrize("content", [b"{", b"", b"\xff\xfe", b"mine"])
def test_a_damaged_marker_is_one_line(monkeypatch, capsys, tmp_path, content):
    (tmp_path / "simulation.json").write_bytes(content)
    check_one_line(monkeypatch, capsys, ["simulate", "--out", tmp_path], "simulation.json: cannot be read", 1)
    assert contents(tmp_path) == {"simulation.json": content}


def test_inspect_of_a_wrong_folder_is_exit_code_1(tmp_path):
    result = CliRunner().invoke(inspect_command.inspect, ["--data", str(tmp_path), "--jobs", "1"])
    assert result.exit_code == 1
