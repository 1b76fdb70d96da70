"""A Dask cluster of two processes on this machine does the same as this machine alone, also when it loses one."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from conftest import experiment

from beetl_task1.cli import options
from beetl_task1.cli.sweep import sweep
from beetl_task1.data.files import DataFolder
from beetl_task1.errors import BeetlError, DataError
from beetl_task1.features import features_of
from beetl_task1.models.base import Resources
from beetl_task1.parallel import check_shared, cluster, each, elsewhere
from beetl_task1.recipes.training import train
from beetl_task1.store import Store
from beetl_task1.submission.sweep_table import read_table
from beetl_task1.validation.crossval import validate

distributed = pytest.importorskip("distributed")
SECONDS = 60


def command(*words):
    paths = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    quiet = {"env": os.environ | {"PYTHONPATH": paths}, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen([sys.executable, "-m", "distributed.cli." + words[0], *words[1:]], **quiet)


class Cluster:
    """A scheduler and worker processes, which can be killed."""

    def __init__(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.address, self.workers = f"tcp://127.0.0.1:{port}", []
        self.scheduler = command("dask_scheduler", "--host", self.address, "--no-dashboard", "--no-jupyter")
        self.start(2)

    def start(self, n):
        """Bring the number of workers to ``n``."""
        self.workers = [worker for worker in self.workers if worker.poll() is None]
        for _ in range(n - len(self.workers)):
            options = ("--no-nanny", "--no-dashboard", "--nthreads", "1")
            self.workers.append(command("dask_worker", self.address, *options))
        with distributed.Client(self.address, timeout=SECONDS, set_as_default=False) as client:
            client.wait_for_workers(n, timeout=SECONDS)

    def stop(self):
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def dask():
    made = Cluster()
    yield made
    made.stop()


def note(folder, number, seconds=0.2):
    """Write down that a task begins, with who does it, and that it is done."""
    (folder / f"{number}-{os.getpid()}-begun").touch()
    time.sleep(seconds)
    (folder / f"{number}-{os.getpid()}-done").touch()
    return number, os.getpid()


def refuse(number):
    raise DataError(f"night {number} is damaged", "shape")


def die(number):
    os._exit(1)


def counted(folder, what):
    return sorted(int(path.name.split("-")[0]) for path in folder.glob(f"*-{what}"))


@pytest.mark.parametrize("ordered", [True, False])
def test_results_come_from_both_workers(dask, tmp_path, ordered):
    with cluster(dask.address):
        assert elsewhere()
        found = list(each(note, ((tmp_path, i) for i in range(6)), ordered=ordered))
    assert not elsewhere()
    assert (found if ordered else sorted(found)) == sorted(found)
    assert [number for number, _ in sorted(found)] == list(range(6))
    assert {worker for _, worker in found} == {worker.pid for worker in dask.workers}


def test_a_lost_worker_costs_the_task_that_died_and_no_other(dask, tmp_path):
    dask.start(2)
    with cluster(dask.address):
        results = each(note, ((tmp_path, i, 0.3) for i in range(10)))
        found = [next(results), next(results)]
        victim = dask.workers[0]
        while not (busy := [p for p in tmp_path.glob(f"*-{victim.pid}-begun") if not _done(p).exists()]):
            time.sleep(0.01)
        os.kill(victim.pid, signal.SIGKILL)
        victim.wait()
        found += results
    dask.start(2)
    [died] = [int(path.name.split("-")[0]) for path in busy]
    assert [number for number, _ in found] == list(range(10))
    assert counted(tmp_path, "done") == list(range(10))
    assert counted(tmp_path, "begun") == sorted([*range(10), died])


def _done(begun):
    return begun.with_name(begun.name.replace("begun", "done"))


def test_a_validation_that_loses_a_worker_has_the_same_labels_and_computes_nothing_twice(dask, tree, tmp_path):
    dask.start(2)
    here, there = tmp_path / "here", tmp_path / "there"
    wanted = {"seeds": (0, 1)}
    alone = validate(experiment("features-boost", "65-79", tree, **wanted), here / "c", Resources(here / "cache"))
    told = []

    def kill_one(done, total, text):
        told.append((done, total, text))
        if "held out" in text and dask.workers[0].poll() is None:
            os.kill(dask.workers[0].pid, signal.SIGKILL)
            dask.workers[0].wait()

    with cluster(dask.address):
        resources = Resources(there / "cache", progress=kill_one)
        found = validate(experiment("features-boost", "65-79", tree, **wanted), there / "c", resources)
        assert not found.cached
        again = validate(experiment("features-boost", "65-79", tree, **wanted), there / "c", resources)
    dask.start(2)
    assert again.cached
    assert [(done, total) for done, total, text in told if "held out" in text] == [(i, 8) for i in range(1, 9)]
    for key, labels in alone.labels.items():
        np.testing.assert_array_equal(found.labels[key], labels)
        np.testing.assert_array_equal(found.source_only_labels[key], alone.source_only_labels[key])
    kept = [sorted(p.relative_to(folder) for p in folder.rglob("*/*") if p.is_file()) for folder in (here, there)]
    assert kept[0] == kept[1]


def test_a_network_trains_its_seeds_there_to_the_same_bytes(dask, tree, tmp_path):
    changes = {"seeds": (0, 1), "training": {"passes": 1, "batch_size": 16}}
    made = experiment("chambon", "65-79", tree, **changes)
    alone = train(made, tmp_path / "here", Resources(tmp_path / "a", resume=False))
    with cluster(dask.address):
        found = train(made, tmp_path / "there", Resources(tmp_path / "b", resume=False))
    weights = sorted(path.name for path in alone.glob("seed*"))
    assert len(weights) == 2
    assert [(alone / name).read_bytes() for name in weights] == [(found / name).read_bytes() for name in weights]


def test_features_stay_in_the_store(dask, tree, tmp_path):
    nights = DataFolder(tree).recordings("65-79", "target")
    with cluster(dask.address):
        found = features_of(nights, Store(tmp_path / "cache"))
    for table, other in zip(found, features_of(nights), strict=True):
        np.testing.assert_array_equal(table, other)
    assert len([*(tmp_path / "cache").rglob("*-v*/*")]) == len(nights)


def test_a_sweep_gives_the_same_table_there(dask, tree, tmp_path):
    (tmp_path / "bad.toml").write_text('model = "features-logreg"\nparameters = {C = -1.0}\n')
    tables = []
    for place, more in (("here", ()), ("there", ("--backend", "dask", "--scheduler", dask.address))):
        text = f'data = "{tree}"\nrecipes = ["features-logreg", "bad.toml"]\ncache = "{place}"\ntable = "{place}.csv"'
        (tmp_path / "sweep.toml").write_text(text)
        done = CliRunner().invoke(sweep, [str(tmp_path / "sweep.toml"), "--jobs", "1", *more])
        assert done.exit_code == 1, done.output
        tables.append([row | {"seconds": ""} for row in read_table(tmp_path / f"{place}.csv")])
    assert tables[0] == tables[1]
    assert [bool(row["failed"]) for row in tables[0]] == [False, False, True, True]


def test_errors_of_a_task_are_those_of_this_machine(dask):
    with cluster(dask.address), pytest.raises(DataError, match="night 3 is damaged") as caught:
        list(each(refuse, [(3,)]))
    assert caught.value.code == "shape"


def test_a_task_that_kills_every_worker_is_told_in_one_line():
    made = Cluster()
    try:
        made.start(4)
        with cluster(made.address), pytest.raises(BeetlError, match="die killed 4 workers"):
            list(each(die, [(0,)]))
    finally:
        made.stop()


def test_a_worker_without_the_code_is_told_in_one_line(dask, monkeypatch, tmp_path):
    (tmp_path / "only_here.py").write_text("def work(number):\n    return number\n")
    monkeypatch.syspath_prepend(tmp_path)
    from only_here import work

    with cluster(dask.address), pytest.raises(BeetlError, match="a worker does not understand the work"):
        list(each(work, [(0,)]))


def test_a_scheduler_that_goes_is_told_in_one_line(tmp_path):
    made = Cluster()
    try:
        with cluster(made.address):
            results = each(note, ((tmp_path, i) for i in range(9)))
            next(results)
            made.scheduler.kill()
            with pytest.raises(BeetlError, match="scheduler is gone"):
                list(results)
    finally:
        made.stop()


def test_a_folder_that_workers_do_not_see_is_refused(dask, tmp_path, monkeypatch):
    with cluster(dask.address):
        check_shared(tmp_path)
        monkeypatch.setattr(os.path, "exists", _blind)
        with pytest.raises(BeetlError, match=r"not the same folder for the worker tcp.* and 1 more"):
            check_shared(tmp_path)
    assert list(tmp_path.iterdir()) == []


def _blind(path):
    return False


def told_by(*words):
    @options.command()
    @options.workers
    def worker(jobs):
        """Say where work goes."""
        print("there" if elsewhere() else "here")

    return CliRunner().invoke(worker, words)


def test_the_options_choose_the_cluster(dask):
    assert told_by().output == "here\n"
    assert told_by("--scheduler", dask.address, "--backend", "dask").output == "there\n"
    assert told_by("--scheduler", dask.address).exit_code == 2
    assert "dask scheduler --port" in str(told_by("--backend", "dask").exception)


def test_a_scheduler_that_is_not_there_is_told_in_one_line(monkeypatch):
    import dask.config

    soon = dask.config.set({"distributed.comm.timeouts.connect": "1s"})
    with soon, pytest.raises(BeetlError, match="no Dask scheduler answers"), cluster("tcp://127.0.0.1:1"):
        pass


def test_the_missing_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(BeetlError, match="pip install 'beetl-task1\\[cluster\\]'"), cluster("tcp://127.0.0.1:1"):
        pass
