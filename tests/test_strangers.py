"""Files of strangers run no code and write nothing outside their folder: one test for each kind of file."""

import io
import json
import os
import pickle
import zipfile

import numpy as np
import pytest
import skops.io
from conftest import experiment
from limits import cheap
from sklearn.linear_model import LogisticRegression

from beetl_task1.data.probabilities import load_probabilities
from beetl_task1.download.unzip import unzip
from beetl_task1.errors import BeetlError
from beetl_task1.models.base import Resources
from beetl_task1.models.registry import make
from beetl_task1.recipes.card import digest_of, load_card
from beetl_task1.recipes.checkpoint import check_whole, load_predictor
from beetl_task1.recipes.recipe import load_recipe
from beetl_task1.recipes.training import train
from beetl_task1.recipes.transport import export_checkpoint, import_checkpoint
from beetl_task1.store import sha256
from beetl_task1.submission.answer import read_answer


class Touch:
    """Unpickled, this makes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


@pytest.fixture(scope="module")
def made(tree, cache, tmp_path_factory):
    root = tmp_path_factory.mktemp("made")
    train(experiment("features-logreg", "65-79", tree), root / "c", Resources(cache))
    export_checkpoint(root / "c", "features-logreg", "65-79", root / "a.zip", "CC0")
    return root


def listing(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def forged(made, folder, *, held=None, **changes):
    """Lay a checkpoint whose card and digests fit each other, whatever they say."""
    card = json.loads((made / "c" / "features-logreg" / "65-79" / "card.json").read_bytes())
    card.pop("digest")
    content = {f"seed0-{sha256(held)[:12]}.weights": held} if held else {}
    card |= {"weights": {name: sha256(c) for name, c in content.items()}} if content else {}
    card |= changes
    folder.mkdir(parents=True)
    for name, c in content.items():
        (folder / name).write_bytes(c)
    (folder / "card.json").write_text(json.dumps(card | {"digest": digest_of(card)}))


def skops_of(proof):
    """Return weights in the format of skops in which a function of the system is to be called."""
    content, out = io.BytesIO(skops.io.dumps(LogisticRegression().fit([[0], [1]], [0, 1]))), io.BytesIO()
    with zipfile.ZipFile(content) as old, zipfile.ZipFile(out, "w") as new:
        schema = json.loads(old.read("schema.json"))
        call = {"__class__": "system", "__module__": "os", "__loader__": "FunctionNode", "__id__": 99991, "content": {}}
        schema["content"]["content"]["C"] = call | {"content": {"module_path": "os", "function": "system"}}
        new.writestr("schema.json", json.dumps(schema))
        for name in old.namelist():
            if name != "schema.json":
                new.writestr(name, old.read(name))
    return out.getvalue()


@pytest.mark.parametrize("kind", ["pickle", "skops"])
def test_weights(made, tmp_path, kind):
    proof = tmp_path / "ran"
    weights = pickle.dumps(Touch(proof)) if kind == "pickle" else skops_of(proof)
    forged(made, tmp_path / "c" / "features-logreg" / "65-79", held=weights)
    with pytest.raises(BeetlError, match="weights cannot be read"):
        load_predictor(tmp_path / "c", "features-logreg", "65-79", Resources(None))
    assert not proof.exists()


def test_weights_of_a_network(tmp_path):
    import torch

    proof = tmp_path / "ran"
    file = io.BytesIO()
    torch.save({"w": Touch(proof)}, file)
    for content in (pickle.dumps(Touch(proof)), file.getvalue()):
        with pytest.raises(BeetlError):
            make("chambon", {}, seed=0, resources=Resources(None)).from_bytes(content)
    assert not proof.exists()


@pytest.mark.parametrize(
    "name", ["/dev/zero", "../outside", "a/../../outside", "..", "/etc/hostname", ".hidden", "a\x00"]
)
@pytest.mark.parametrize("key", ["weights", "members"])
def test_names_in_a_card(made, tmp_path, key, name):
    """Weights and members are read, and copied into ensembles, by these names."""
    folder = tmp_path / "c" / "features-logreg" / "65-79"
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "features-logreg").mkdir()
    (tmp_path / "c" / "features-logreg" / "outside").write_bytes(b"x")
    forged(made, folder, **{key: {name: sha256(b"x")}})

    def refused():
        with pytest.raises(BeetlError, match="not a card as it was written"):
            check_whole(folder, load_card(folder))

    assert cheap(refused) == "ended"


@pytest.mark.parametrize(
    "name", ["../../../evil", "/tmp/evil-of-a-test", "members/../../evil", "evil.py", "members/a/../card.json"]
)
def test_an_exported_checkpoint(made, tmp_path, name):
    with zipfile.ZipFile(made / "a.zip") as old:
        files = {entry: old.read(entry) for entry in old.namelist() if entry != "checkpoint.json"} | {name: b"evil"}
    about = {"sha256": {entry: sha256(content) for entry, content in files.items()}}
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as new:
        for entry, content in {"checkpoint.json": json.dumps(about).encode(), **files}.items():
            new.writestr(entry, content)
    with pytest.raises(BeetlError, match="which no export writes"):
        import_checkpoint(tmp_path / "a.zip", tmp_path / "box" / "c")
    assert listing(tmp_path) == ["a.zip"]


def test_an_exported_checkpoint_of_a_recipe_whose_name_leads_outside(made, tmp_path):
    forged(made, tmp_path / "f", held=b"w", recipe={"name": "../../evil", "model": "features-logreg"})
    files = {path.name: path.read_bytes() for path in (tmp_path / "f").iterdir()}
    about = {"sha256": {name: sha256(content) for name, content in files.items()}}
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as new:
        for entry, content in {"checkpoint.json": json.dumps(about).encode(), **files}.items():
            new.writestr(entry, content)
    before = listing(tmp_path)
    with pytest.raises(BeetlError, match="keys no folder"):
        import_checkpoint(tmp_path / "a.zip", tmp_path / "c")
    assert listing(tmp_path) == before


def test_probabilities(tmp_path):
    proof = tmp_path / "ran"
    with open(tmp_path / "p.npz", "wb") as file:
        np.savez(file, **{"65-79/s6r1": np.array([Touch(proof)], dtype=object)})
    with pytest.raises(BeetlError, match="not a readable file of probabilities"):
        load_probabilities(tmp_path / "p.npz")
    assert not proof.exists()


@pytest.mark.parametrize("entries", [
    {"65-79/s6r1": b"raw bytes"}, {"meta.npy": "[1]"}, {"meta.npy": "3"}, {"meta.npy": "null"}, {"../../s6r1": b"x"},
], ids=str)  # fmt: skip
def test_probabilities_that_hold_something_else(tmp_path, entries):
    rows = io.BytesIO()
    np.save(rows, np.full((3, 6), 1 / 6, np.float32))
    with zipfile.ZipFile(tmp_path / "p.npz", "w") as archive:
        archive.writestr("65-79/s7r1.npy", rows.getvalue())
        for name, content in entries.items():
            buffer = io.BytesIO()
            np.save(buffer, np.array(content))
            archive.writestr(name, buffer.getvalue() if isinstance(content, str) else content)
    with pytest.raises(BeetlError, match="not a readable file of probabilities"):
        load_probabilities(tmp_path / "p.npz")


@pytest.mark.parametrize("text", ['model = "os"', 'model = "../evil"', 'model = "braindecode"\nnetwork = "__init__"',
    'model = "braindecode"\nnetwork = "os.system"', '[[transfer]]\nname = "os.system"'])  # fmt: skip
def test_a_recipe(tree, tmp_path, text):
    (tmp_path / "mine.toml").write_text(text + "\n")
    before = listing(tmp_path)
    with pytest.raises(BeetlError):
        train(experiment(load_recipe(str(tmp_path / "mine.toml")), "65-79", tree), tmp_path / "c", Resources(None))
    assert listing(tmp_path) == before


def test_a_zip(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("good", b"1")
        archive.writestr("../../evil", b"evil")
    with pytest.raises(BeetlError, match="leads outside"):
        unzip(tmp_path / "a.zip", tmp_path / "box" / "out", limit=1000)
    assert listing(tmp_path) == ["a.zip"]


def dictionary_of_gigabytes(name, content):
    """Return a zip whose one entry asks, in five bytes, for a dictionary of 4 GB."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr(name, content)
    whole = bytearray(file.getvalue())
    where = whole.index(b"\x5d\x00\x00")
    whole[where + 1 : where + 5] = b"\xff\xff\xff\xff"
    return bytes(whole)


READERS = {
    "unzip": ("x", lambda path: unzip(path, path.parent / "out", limit=10_000)),
    "answer": ("answer.txt", read_answer),
    "export": ("checkpoint.json", lambda path: import_checkpoint(path, path.parent / "c")),
    "probabilities": ("65-79/s6r1.npy", load_probabilities),
}


@pytest.mark.parametrize("damage", ["dictionary", "lzma", "bzip2", "cut"])
@pytest.mark.parametrize("reader", READERS)
def test_zips_of_other_methods_and_damaged_ones(tmp_path, reader, damage):
    name, read = READERS[reader]
    if damage == "dictionary":
        content = dictionary_of_gigabytes(name, b"1\n" * 99)
    else:
        file = io.BytesIO()
        method = {"lzma": zipfile.ZIP_LZMA, "bzip2": zipfile.ZIP_BZIP2, "cut": zipfile.ZIP_STORED}[damage]
        with zipfile.ZipFile(file, "w", method) as archive:
            archive.writestr(name, b"0\n1\n" * 99)
        whole = bytearray(file.getvalue())
        if damage == "cut":  # the directory says that the entry goes on behind the end of the file
            where = whole.index(b"PK\x01\x02")
            whole[where + 20 : where + 28] = 2 * (9_000).to_bytes(4, "little")
        else:
            whole[60:64] = b"\xff\x01\xfe\x02"
        content = bytes(whole)
    (tmp_path / "a.zip").write_bytes(content)

    def refused():
        with pytest.raises(BeetlError) as caught:
            read(tmp_path / "a.zip")
        assert len(str(caught.value).splitlines()) == 1

    assert cheap(refused) == "ended"
