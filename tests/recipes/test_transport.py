"""A checkpoint as one file: there and back, and what is refused."""

import json
import zipfile

import pytest
from conftest import experiment

from beetl_task1.errors import BeetlError
from beetl_task1.models.base import Resources
from beetl_task1.recipes.training import train
from beetl_task1.recipes.transport import export_checkpoint, import_checkpoint


@pytest.fixture(scope="module")
def made(tree, cache, tmp_path_factory):
    root = tmp_path_factory.mktemp("made")
    train(experiment("features-mean", "65-79", tree), root / "c", Resources(cache))
    export_checkpoint(root / "c", "features-mean", "65-79", root / "made.zip", "CC-BY-4.0")
    return root


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_there_and_back(made, tmp_path):
    for _ in range(2):
        folder, about = import_checkpoint(made / "made.zip", tmp_path / "c")
        assert contents(folder) == contents(made / "c" / "features-mean" / "65-79")
    assert (about["licence"], about["recipe"], about["group"]) == ("CC-BY-4.0", "features-mean", "65-79")
    export_checkpoint(tmp_path / "c", "features-mean", "65-79", tmp_path / "again.zip", "CC-BY-4.0")
    assert (tmp_path / "again.zip").read_bytes() == (made / "made.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "again.zip") as archive:
        assert {name.rpartition(".")[2] for name in archive.namelist()} == {"json", "weights"}


def test_another_checkpoint_and_other_files_stay(made, tree, cache, tmp_path):
    train(experiment("features-mean", "65-79", tree, seeds=(4,)), tmp_path / "c", Resources(cache))
    before = contents(tmp_path / "c")
    with pytest.raises(BeetlError, match="holds another checkpoint, which stays"):
        import_checkpoint(made / "made.zip", tmp_path / "c")
    assert contents(tmp_path / "c") == before
    with pytest.raises(BeetlError, match="is there already, and stays"):
        export_checkpoint(made / "c", "features-mean", "65-79", made / "made.zip", "CC0")
    for licence in ("", " ", "two\nlines"):
        with pytest.raises(BeetlError, match="say in one line"):
            export_checkpoint(made / "c", "features-mean", "65-79", tmp_path / "a.zip", licence)


def rewritten(made, path, change):
    with zipfile.ZipFile(made / "made.zip") as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    change(files)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)


def _change(files):
    name = next(name for name in files if name.endswith(".weights"))
    files[name] = files[name][:-1] + b"x"


WRONG = {
    "changed": (_change, "changed since it was exported"),
    "no card": (lambda files: files.pop("card.json"), "changed since it was exported"),
    "code": (lambda files: files.update({"run.py": b"print()"}), "holds 'run.py'"),
    "outside": (lambda files: files.update({"members/../../card.json": b"{}"}), "which no export writes"),
    "nothing said": (lambda files: files.pop("checkpoint.json"), "not an exported checkpoint"),
    "no sums": (lambda files: files.update({"checkpoint.json": json.dumps({}).encode()}), "not an exported checkpoint"),
}


@pytest.mark.parametrize("wrong", list(WRONG))
def test_what_is_refused_leaves_nothing(made, tmp_path, wrong):
    rewritten(made, tmp_path / "a.zip", WRONG[wrong][0])
    with pytest.raises(BeetlError, match=WRONG[wrong][1]):
        import_checkpoint(tmp_path / "a.zip", tmp_path / "c")
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]


@pytest.mark.parametrize("content", [b"", b"PK", b"text"])
def test_what_is_no_zip(tmp_path, content):
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(BeetlError, match="not an exported checkpoint"):
        import_checkpoint(tmp_path / "a.zip", tmp_path / "c")
