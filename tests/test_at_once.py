"""Two commands at once: real processes on one checkpoint, submission folder, cache, tree and folder of stages."""

import contextlib
import fcntl
import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import experiment

from beetl_task1.errors import BeetlError
from beetl_task1.models.base import Resources
from beetl_task1.recipes import checkpoint, training
from beetl_task1.recipes.training import train
from beetl_task1.submission import predict
from beetl_task1.submission.log import read_log
from beetl_task1.writing import LOCK, alone

BEETL = [sys.executable, "-c", "from beetl_task1.cli import main; main()"]
HOLD = """import sys, time; from beetl_task1.writing import alone
with alone(sys.argv[1]): print(1, flush=True); time.sleep(600)
"""


def start(*words, **kwargs):
    return subprocess.Popen([*map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **kwargs)


def together(*commands):
    """Run commands at once; return their error streams, after each has ended well."""
    running = [start(*BEETL, *command) for command in commands]
    told = [process.communicate(timeout=120) for process in running]
    assert [process.returncode for process in running] == [0] * len(running), told
    return [errors for _, errors in told]


def contents(folder, *but):
    """Return the digest of each file that is not a lock, by its place."""
    files = (path for path in Path(folder).rglob("*") if path.is_file() and path.name not in (LOCK, *but))
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture
def holder(tmp_path):
    """Return a function that lets another process hold a folder."""
    running = []

    def hold(folder):
        running.append(start(sys.executable, "-c", HOLD, folder))
        assert running[-1].stdout.readline() == "1\n"
        return running[-1]

    yield hold
    for process in running:
        process.kill()
        process.communicate()


def given(tree, root, recipe="features-logreg", group="65-79"):
    """Return the options that commands share."""
    places = {"data": tree, "cache": root / "cache", "checkpoints": root / "c", "jobs": 1}
    return [f"--{name}={value}" for name, value in (places | {"group": group, "recipe": recipe}).items()]


def test_what_is_held_may_be_taken_again_and_is_free_afterwards(tmp_path):
    with alone(tmp_path / "new"), alone(tmp_path / "new"):
        assert (tmp_path / "new").is_dir()
    with alone(tmp_path / "new"):
        pass


def test_the_second_waits_and_says_for_what(tree, tmp_path, holder):
    folder = tmp_path / "c" / "features-logreg" / "65-79"
    first = holder(folder)
    second = start(*BEETL, "train", *given(tree, tmp_path))
    assert second.stderr.readline() == f"waiting for {folder}: another command writes there\n"
    assert not (folder / "card.json").exists()
    first.kill()
    assert second.communicate(timeout=120)[1] == ""
    assert second.returncode == 0
    assert (folder / "card.json").exists()


def test_a_killed_command_holds_nobody_up(tmp_path, holder, caplog):
    first = holder(tmp_path)
    first.kill()
    first.wait()
    with alone(tmp_path):
        pass
    assert not caplog.records


def _interruptible():
    """Undo what a shell does to commands in the background, which would ignore the interrupt."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_whoever_waits_can_be_interrupted(tree, tmp_path, holder):
    holder(tmp_path / "c" / "features-logreg" / "65-79")
    told = tmp_path / "told"
    with open(told, "wb") as file:
        words = [str(word) for word in (*BEETL, "train", *given(tree, tmp_path))]
        second = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=file, preexec_fn=_interruptible)
    while "waiting" not in told.read_text():  # not sooner: what imports libraries may take an interrupt for its own
        with contextlib.suppress(subprocess.TimeoutExpired):
            raise AssertionError(f"it ended with {second.wait(timeout=0.1)}: {told.read_text()}")
    second.send_signal(signal.SIGINT)
    assert second.wait(timeout=60) == 130
    assert "stopped" in told.read_text()


def test_one_checkpoint_and_cache(tree, tmp_path):
    """An ensemble and one of its members, which both train at once."""
    for root in (tmp_path / "one", tmp_path / "both"):
        commands = [["train", *given(tree, root, recipe)] for recipe in ("features-mean", "features-boost")]
        for step in [[c] for c in commands] if root.name == "one" else [commands]:
            together(*step)
    assert contents(tmp_path / "one") == contents(tmp_path / "both")


def test_one_submission_folder(tree, tmp_path):
    """Two groups and the same group twice, at once: as one after the other."""
    groups = ("65-79", "80-95", "65-79")
    for root in (tmp_path / "one", tmp_path / "both"):
        commands = [["submit", *given(tree, root, group=group), f"--submissions={root / 's'}"] for group in groups]
        for step in [[c] for c in commands] if root.name == "one" else [commands]:
            together(*step)
    log = {line.submission: line.answer_sha256 for line in read_log(tmp_path / "one" / "s")}
    assert {line.submission: line.answer_sha256 for line in read_log(tmp_path / "both" / "s")} == log
    assert len(read_log(tmp_path / "both" / "s")) == 2
    but = ("log.csv", "report.html")  # these tell the time
    assert contents(tmp_path / "one", *but) == contents(tmp_path / "both", *but)
    assert os.path.exists(tmp_path / "both" / "s" / "features-logreg-65-79" / "answer.zip")


def test_one_simulation(tmp_path):
    together(["simulate", "--out", tmp_path / "one", "--jobs", "1"])
    told = together(*[["simulate", "--out", tmp_path / "both", "--jobs", "1"]] * 2)
    assert contents(tmp_path / "one") == contents(tmp_path / "both")
    assert sum("waiting for" in errors for errors in told) <= 1


def test_another_simulation_into_a_folder_that_is_held(tmp_path, holder):
    """What was free when it was looked at first may be taken when it is let go."""
    first = holder(tmp_path / "out")
    second = start(*BEETL, "simulate", "--out", tmp_path / "out", "--jobs", "1")
    second.stderr.readline()
    (tmp_path / "out" / "mine.txt").write_text("of the user")
    first.kill()
    assert "is not an empty folder" in second.communicate(timeout=60)[1]
    assert second.returncode == 1
    assert contents(tmp_path / "out").keys() == {"mine.txt"}


def test_the_log_loses_no_line(tree, tmp_path):
    """Three answers are packed into one folder at once."""
    for name in "abc":
        (tmp_path / f"{name}.txt").write_text(f"{'abc'.index(name)}\n" * 96)
    where = [f"--data={tree}", "--group=65-79", f"--submissions={tmp_path / 's'}"]
    together(*[["package", *where, "--labels", tmp_path / f"{name}.txt", "--name=mine"] for name in "abc"])
    assert len({line.answer_sha256 for line in read_log(tmp_path / "s")}) == 3
    assert len({line.submission for line in read_log(tmp_path / "s")}) == 3


def trained_meanwhile(monkeypatch, module, name, again):
    """Let something be trained anew right before or behind the first call of a function, as another command may."""
    function, calls = getattr(module, name), []

    def call(*args, **kwargs):
        if not calls:
            calls.append(again())
        return function(*args, **kwargs)

    monkeypatch.setattr(module, name, call)
    return calls


def test_a_checkpoint_that_is_trained_anew_while_it_is_read(tree, cache, tmp_path, monkeypatch):
    """Its weights are gone when they are to be read: card and weights are read again."""
    resources = Resources(cache)
    old, new = (experiment("features-logreg", "65-79", tree, parameters={"C": C}) for C in (1.0, 0.01))
    train(old, tmp_path, resources)
    calls = trained_meanwhile(monkeypatch, checkpoint, "load_weights", lambda: train(new, tmp_path, resources))
    _, card = checkpoint.load_predictor(tmp_path, "features-logreg", "65-79", resources)
    assert len(calls) == 1
    assert card.fingerprint == new.key


def test_a_prediction_names_the_card_that_made_it(tree, cache, tmp_path, monkeypatch):
    resources = Resources(cache)
    old, new = (experiment("features-logreg", "65-79", tree, seeds=(seed,)) for seed in (0, 1))
    train(old, tmp_path / "c", resources)
    trained_meanwhile(monkeypatch, predict, "card_sha256", lambda: train(new, tmp_path / "c", resources))
    with pytest.raises(BeetlError, match="was trained anew just now; predict again"):
        predict.predict(old, tmp_path / "c", tmp_path / "s", resources)
    assert not (tmp_path / "s").exists()


def test_members_are_held_while_an_ensemble_copies_them(tree, cache, tmp_path, monkeypatch):
    def held(name):
        with open(tmp_path / name / "65-79" / LOCK, "rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    names = ("features-mean", "features-logreg", "features-boost")
    calls = trained_meanwhile(monkeypatch, training, "save_ensemble", lambda: [held(name) for name in names])
    train(experiment("features-mean", "65-79", tree), tmp_path, Resources(cache))
    assert calls == [[True] * 3]
    assert not any(map(held, names))
