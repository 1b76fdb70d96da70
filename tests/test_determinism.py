"""The same commands in other processes give the same bytes: training, validation, prediction, package."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from beetl_task1.submission.log import LOG
from beetl_task1.submission.submit import REPORT
from beetl_task1.writing import LOCK

NETWORK = 'model = "eegnet"\n[training]\npasses = 2\n'
COMMANDS = """
import sys
from beetl_task1.cli import cli
for recipe, jobs in zip(sys.argv[3::2], sys.argv[4::2]):
    for command in ["train", "predict"] if recipe == "default" else ["submit"]:
        cli.main([command, f"--data={sys.argv[1]}", f"--group={sys.argv[2]}", f"--recipe={recipe}", f"--jobs={jobs}",
                  "--cache=cache"], standalone_mode=False)
"""
TIME = re.compile(rb"[^,]*(?=,[^,]*$)", re.MULTILINE)
"""What a history tells of the time that a pass took."""


def contents(folder, name):
    """Return the files of a recipe, without what tells the time."""
    found = {}
    for path in sorted(Path(folder).glob(f"*/{name}*/**/*")):
        if path.is_file() and path.name not in (LOCK, LOG, REPORT):
            content = path.read_bytes()
            found[str(path.relative_to(folder))] = (
                TIME.sub(b"", content) if path.name.startswith("history") else content
            )
    return found


@pytest.fixture(scope="module")
def twice(tree, tmp_path_factory):
    """Return two folders in which other processes, with other seeds of Python's hashes, have submitted everything."""
    folders = []
    for number, jobs in enumerate(("1", "2")):
        folder = tmp_path_factory.mktemp("run")
        (folder / "mine.toml").write_text(NETWORK)
        recipes = ("features-mean", "1", "mine.toml", "1", "default", jobs)
        environment = os.environ | {"PYTHONHASHSEED": str(number), "OMP_NUM_THREADS": "1"}
        words = [sys.executable, "-c", COMMANDS, str(tree), "65-79", *recipes]
        done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        folders.append(folder)
    return folders


@pytest.mark.parametrize("recipe", ["features-mean", "mine"])
def test_the_same_bytes(twice, recipe):
    """A recipe on features and a network: weights, cards, histories, validation, probabilities, package."""
    first, second = (contents(folder, recipe) for folder in twice)
    assert first.keys() == second.keys()
    assert [path for path in first if first[path] != second[path]] == []
    names = {Path(path).name for path in first}
    assert {"card.json", "validation.json", "probabilities.npz", "answer.zip", "submission.json"} <= names
    assert any(name.endswith(".weights") for name in names)


def test_the_default_gives_the_same_labels_with_one_job_and_with_two(twice):
    answers = [(folder / "submissions" / "default-65-79" / "answer.txt").read_bytes() for folder in twice]
    assert answers[0] == answers[1]
    assert answers[0].count(b"\n") == 96
