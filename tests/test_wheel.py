"""The wheel and the source distribution hold every file of the package, and work outside the repository."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BUILD = "import sys; from setuptools import build_meta; getattr(build_meta, sys.argv[1])(sys.argv[2])"


def ran(*words, cwd, **environment):
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | environment
    done = subprocess.run([*map(str, words)], cwd=cwd, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Return a source distribution, and a wheel that is built of it alone."""
    pytest.importorskip("setuptools", minversion="70.1")
    root = tmp_path_factory.mktemp("built")
    ours = ("setup.py", "pyproject.toml", "README.md", "LICENSE")
    for name in ours:
        shutil.copy(ROOT / name, root)
    shutil.copytree(ROOT / "beetl_task1", root / "beetl_task1", ignore=shutil.ignore_patterns("__pycache__"))
    ran(sys.executable, "-c", BUILD, "build_sdist", root / "out", cwd=root)
    [sdist] = (root / "out").glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(root / "unpacked", filter="data")
    [source] = (root / "unpacked").iterdir()
    ran(sys.executable, "-c", BUILD, "build_wheel", root / "out", cwd=source)
    [wheel] = (root / "out").glob("*.whl")
    return sdist, wheel


def package_files():
    files = (path for path in (ROOT / "beetl_task1").rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(ROOT).as_posix() for path in files}


def test_the_wheel_holds_the_files_of_the_package(built):
    with zipfile.ZipFile(built[1]) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        assert names == package_files()
        assert all(archive.read(name) == (ROOT / name).read_bytes() for name in names)


def test_the_source_distribution_holds_them_too(built):
    with tarfile.open(built[0]) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert package_files() | {"setup.py", "pyproject.toml", "README.md", "LICENSE"} <= names


@pytest.mark.slow
def test_the_wheel_works_outside_the_repository(built, tree, tmp_path):
    """Recipes, measured scores, tables of the simulator and templates are found, and the command is there."""
    pytest.importorskip("pip")
    site = tmp_path / "site"
    install = (sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", site, built[1])
    ran(*install, cwd=tmp_path)
    (tmp_path / "empty").mkdir()

    def beetl(*words):
        return ran(site / "bin" / "beetl-task1", *words, cwd=tmp_path / "empty", PYTHONPATH=str(site))

    where = ran(sys.executable, "-c", "import beetl_task1; print(beetl_task1.__file__)", cwd="/", PYTHONPATH=str(site))
    assert Path(where.strip()) == site / "beetl_task1" / "__init__.py"
    assert "default" in beetl("models")
    given = ("--group=65-79", "--recipe=features-logreg", "--jobs=1", f"--cache={tmp_path / 'cache'}")
    beetl("submit", f"--data={tree}", *given)
    folder = Path("submissions", "features-logreg-65-79")
    beetl("writeup", folder)
    made = {path.name for path in (tmp_path / "empty" / folder).iterdir()}
    assert {"answer.zip", "report.html", "writeup.md"} <= made
    code = "from beetl_task1.simulate.tables import load; print(len(load('hypnogram')))"
    assert int(ran(sys.executable, "-c", code, cwd="/", PYTHONPATH=str(site))) > 1
