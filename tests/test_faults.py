"""Full disks, read-only folders, data that vanish or change, clocks that jump: one line, and nothing half-written."""

import os
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime

import numpy as np
import pytest
from conftest import dump, experiment, make_night

from beetl_task1 import cli
from beetl_task1.data.files import DataFolder
from beetl_task1.errors import BeetlError
from beetl_task1.features import features_of
from beetl_task1.models.base import Resources
from beetl_task1.recipes.training import train
from beetl_task1.store import Store
from beetl_task1.submission.answer import latest_prediction
from beetl_task1.submission.log import log_package, read_log
from beetl_task1.submission.predict import predict
from beetl_task1.submission.submit import submit
from beetl_task1.validation.crossval import validate
from beetl_task1.writing import LOCK

from kills import write_edf

SIZE = 4_000_000
PAGE = 4096


def mounted(*words):
    """Mount something, or skip where that is not allowed."""
    tool = shutil.which("mount")
    if tool is None or subprocess.run([tool, *map(str, words)], capture_output=True).returncode:
        pytest.skip("needs the right to mount")


@pytest.fixture
def disk(tmp_path):
    """Return a folder that is a small disk of its own."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted("-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", place)
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


@pytest.fixture
def read_only(tmp_path):
    """Return a function that makes a folder read-only, for root too."""
    folders = []

    def make(folder):
        mounted("--bind", folder, folder)
        folders.append(folder)
        mounted("-o", "remount,ro,bind", folder)

    yield make
    for folder in folders:
        subprocess.run(["umount", "--lazy", folder], check=True)


def leave(disk, room):
    """Fill a disk but for some bytes."""
    filler = disk / "filler"
    filler.unlink(missing_ok=True)
    state = os.statvfs(disk)
    filler.write_bytes(bytes(max(state.f_bavail * state.f_frsize - room, 0)))


@pytest.fixture
def ran(monkeypatch, capsys):
    """Return a function that runs a command as a user does; its exit code and error lines."""

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["beetl-task1", *map(str, words)])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        return stopped.value.code or 0, capsys.readouterr().err.strip().splitlines()

    return run


def contents(folder):
    files = [path for path in folder.rglob("*") if path.is_file() and path.name not in (LOCK, "filler")]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def made(tree, cache, tmp_path_factory):
    """Return a folder of what there was before: everything of one recipe and seed."""
    root = tmp_path_factory.mktemp("made")
    submit(experiment("features-logreg", "65-79", tree), root / "c", root / "s", Resources(cache))
    write_edf(root / "night.edf")
    return root


def commands(tree, cache, made, root):
    """Return commands that write into a folder what is not in it yet."""
    shared = ["--data", tree, "--group", "65-79", "--recipe", "features-logreg"]
    c, s, new = ["--checkpoints", root / "c"], ["--submissions", root / "s"], ["--seed", "1"]
    kept = ["--cache", cache, "--jobs", "1"]
    return {
        "train": ["train", *shared, *c, *new, *kept],
        "validate": ["validate", *shared, *c, *new, *kept, "--report", root / "report.html"],
        "predict": ["predict", *shared, *c, *kept, "--submissions", root / "other"],
        "package": [
            "package",
            "--data",
            tree,
            "--group",
            "65-79",
            *s,
            "--labels",
            made / "s" / "features-logreg-65-79" / "answer.txt",
        ],
        "submit": ["submit", *shared, *c, *s, *new, *kept],
        "export": ["export", *shared[2:], *c, "--licence", "CC0", "--out", root / "a.zip"],
        "log": ["log", root / "s" / "features-logreg-65-79", *s, "--score", "66.78"],
        "writeup": ["writeup", root / "s" / "features-logreg-65-79", *c, "--out", root / "writeup.md"],
        "cache": ["train", *shared, "--checkpoints", root.parent / "c", "--cache", root / "cache", "--jobs", "1"],
        "stage": [
            "stage",
            made / "night.edf",
            *shared[2:],
            "--checkpoints",
            made / "c",
            "--allow-simulated",
            "--out",
            root / "staged",
            "--jobs",
            "1",
        ],
        "simulate": ["simulate", "--out", root / "data", "--jobs", "2"],
    }


WRITERS = ["train", "validate", "predict", "package", "submit", "export", "log", "writeup", "stage", "cache"]


@pytest.mark.parametrize("name", WRITERS)
def test_a_full_disk(tree, cache, made, disk, tmp_path, ran, name):
    """With a little more room each time, until it is enough: each file of the command is once the one that fails."""
    root, room, sizes = disk / "root", 0, []
    before = contents(made)
    while True:
        shutil.rmtree(root, ignore_errors=True)
        (disk / "filler").unlink(missing_ok=True)
        shutil.copytree(made, root)
        shutil.rmtree(tmp_path / "c", ignore_errors=True)
        leave(disk, room)
        code, errors = ran(*commands(tree, cache, made, root)[name])
        sizes.append((room, contents(root)))
        if code == 0:
            break
        assert code == 1
        assert len(errors) == 1, errors
        assert "No space left" in errors[0]
        room += PAGE * max(1, room // PAGE // 3)
        assert room < SIZE // 2, "the command never has enough"
    assert len(sizes) > 1
    after = sizes[-1][1]
    for size, found in sizes[:-1]:
        strange = [p for p, content in found.items() if content not in (before.get(p), after.get(p)) and p not in TIMED]
        assert strange == [], f"with {size} bytes of room"
        missing = before.keys() - found.keys()
        assert all(path.endswith((".weights", "answer.zip", "submission.json")) for path in missing), missing


TIMED = ("s/log.csv", "s/features-logreg-65-79/report.html", "staged/summary.csv")
"""Files that hold the time at which they were written, or name what failed."""


def test_a_full_disk_under_processes(tree, cache, disk, ran):
    code, errors = ran(*commands(tree, cache, disk, disk)["simulate"])
    assert (code, len(errors)) == (1, 1)
    assert "X.npy: cannot be written (No space left on device)" in errors[0]
    assert not [path for path in disk.rglob(".*.tmp") if path.stat().st_size]


def test_a_full_temporary_folder(disk, made, tree, cache, tmp_path, ran, monkeypatch):
    """Nothing of size is written there, so the work is done."""
    root = tmp_path / "root"
    shutil.copytree(made, root)
    leave(disk, 0)
    monkeypatch.setenv("TMPDIR", str(disk))
    monkeypatch.setattr(tempfile, "tempdir", None)
    ran(*commands(tree, cache, made, root)["export"])
    for words in (
        ["import", root / "a.zip", "--checkpoints", tmp_path / "new"],
        ["verify", root / "s" / "features-logreg-65-79", "--data", tree, "--checkpoints", root / "c", "--jobs", "1"],
        commands(tree, cache, made, root)["submit"],
    ):
        assert ran(*words) == (0, []), words[0]


@pytest.mark.parametrize("name", [*WRITERS, "simulate"])
def test_a_read_only_folder(tree, cache, made, tmp_path, ran, read_only, name):
    root = tmp_path / "root"
    shutil.copytree(made, root)
    before = contents(root)
    read_only(root)
    code, errors = ran(*commands(tree, cache, made, root)[name])
    assert (code, len(errors)) == (1, 1), errors
    assert "Read-only file system" in errors[0]
    assert contents(root) == before


def test_data_that_are_read_only_suffice(tree, cache, tmp_path, read_only):
    shutil.copytree(tree, tmp_path / "data")
    read_only(tmp_path / "data")
    submit(experiment("features-logreg", "65-79", tmp_path / "data"), tmp_path / "c", tmp_path / "s", Resources(cache))


def spoiled(spoil, after):
    """Return a progress that spoils something once, behind its n-th call."""
    calls = []

    def progress(done, total, text):
        calls.append(text)
        if len(calls) == after:
            spoil()

    return progress


@pytest.mark.parametrize("after", [1, 4, 8])
@pytest.mark.parametrize("work", [train, validate])
def test_data_that_vanish_in_the_middle(tree, tmp_path, work, after):
    shutil.copytree(tree, tmp_path / "data")
    resources = Resources(tmp_path / "cache", progress=spoiled(lambda: shutil.rmtree(tmp_path / "data"), after))
    with pytest.raises(BeetlError) as caught:
        work(experiment("features-logreg", "65-79", tmp_path / "data"), tmp_path / "c", resources)
    assert len(str(caught.value).splitlines()) == 1
    assert "cannot be read" in str(caught.value) or "no recordings" in str(caught.value)
    assert [path.name for path in (tmp_path / "c").rglob("*.json")] == (
        ["folds-65-79.json"] if work is validate else []
    )


def test_a_file_that_changes_while_it_is_used(tree, tmp_path):
    """What is computed from the new content is never kept under the name of the old."""
    shutil.copytree(tree, tmp_path / "data")
    night = DataFolder(tmp_path / "data").recordings("65-79", "test")[0]
    store = Store(tmp_path / "cache")
    old = night.fingerprint
    dump(night.path, make_night(np.random.default_rng(5))[0])
    with pytest.raises(BeetlError, match=r"s6r1X\.npy: changed while it was used"):
        features_of([night], store)
    [fresh] = DataFolder(tmp_path / "data").recordings("65-79", "test")[:1]
    assert fresh.fingerprint != old
    features_of([fresh], store)
    assert [path.name for path in (tmp_path / "cache").rglob("*") if path.is_file()] == [fresh.fingerprint]


@pytest.mark.parametrize("moment", [0, 4_000_000_000])
def test_files_of_any_time(tree, cache, tmp_path, moment):
    """Data from 1970 or 2096 give the same submission."""
    shutil.copytree(tree, tmp_path / "data")
    for path in (tmp_path / "data").rglob("*"):
        os.utime(path, (moment, moment))
    for data, name in ((tree, "now"), (tmp_path / "data", "then")):
        given = experiment("features-logreg", "65-79", data)
        submit(given, tmp_path / name / "c", tmp_path / name / "s", Resources(cache))
    zips = [(tmp_path / name / "s" / "features-logreg-65-79" / "answer.zip").read_bytes() for name in ("now", "then")]
    assert zips[0] == zips[1]


def test_the_latest_prediction_when_the_clock_went_back(tree, cache, tmp_path):
    resources, folders = Resources(cache), []
    for seed in (0, 1, 2):
        given = experiment("features-boost", "65-79", tree, seeds=(seed,), parameters={"max_iter": 3 + seed})
        train(given, tmp_path / "c", resources)
        folders.append(predict(given, tmp_path / "c", tmp_path / "s", resources))
        assert latest_prediction(tmp_path / "s", "features-boost", "65-79") == folders[-1]
        if seed == 0:  # from here on the clock is years behind
            os.utime(folders[-1] / "probabilities.npz", (4_000_000_000, 4_000_000_000))
    assert len(set(folders)) == 3


def test_the_log_keeps_its_order_when_the_clock_went_back(tmp_path):
    for year in (2031, 1999, 2030):
        log_package(tmp_path, tmp_path / "a", {"answer_sha256": str(year)}, now=datetime(year, 1, 1, tzinfo=UTC))
    assert [line.packed[:4] for line in read_log(tmp_path)] == ["2031", "1999", "2030"]
