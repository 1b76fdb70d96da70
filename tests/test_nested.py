"""Files nested without end, names and counts without end: one line for each reader, soon and in little memory."""

import io
import json
import pickle
import shutil
import zipfile

import numpy as np
import pytest
from conftest import experiment
from fuzz_targets import edf, recording
from limits import cheap

from beetl_task1.data.files import DataFolder
from beetl_task1.data.folds import load_folds
from beetl_task1.data.pickles import load_array, load_header
from beetl_task1.data.probabilities import load_probabilities
from beetl_task1.errors import BeetlError
from beetl_task1.hypnograms.edf import read_header, read_tals
from beetl_task1.hypnograms.formats import read_hypnogram
from beetl_task1.models.base import Resources
from beetl_task1.recipes.card import load_card
from beetl_task1.recipes.recipe import load_recipe
from beetl_task1.recipes.training import train
from beetl_task1.recipes.transport import import_checkpoint
from beetl_task1.staging.reading import read_epochs
from beetl_task1.staging.statistics import statistics_of
from beetl_task1.submission.verify import load_account
from beetl_task1.validation.crossval import load_summary

DEPTHS = (60, 900, 100_000)
"""Levels that Python's readers take, that they take at times, and that they never take."""


def lists(depth):
    return "[" * depth + "]" * depth


def tables(depth):
    return '{"a":' * depth + "1" + "}" * depth


def refused(read, text="nested|bytes, at most"):
    """Check that a reader refuses in one line, soon, whatever the depth of calls around it."""

    def attempt():
        with pytest.raises(BeetlError, match=text) as caught:
            read()
        assert len(str(caught.value).splitlines()) == 1
        assert len(str(caught.value)) < 3000

    assert cheap(attempt) == "ended"


def provenance(path):
    return DataFolder(path.parent).provenance


READERS = {
    "card": ("card.json", lambda path: load_card(path.parent)),
    "summary": ("c/r/65-79/validation.json", lambda path: load_summary(path.parents[2], "r", "65-79")),
    "folds": ("folds-65-79.json", load_folds),
    "simulation": ("simulation.json", provenance),
    "provenance": ("provenance.json", provenance),
    "account": ("submission.json", lambda path: load_account(path.parent)),
    "hypnogram": ("a.json", read_hypnogram),
}


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("make", [lists, tables])
@pytest.mark.parametrize("reader", READERS)
def test_json(tmp_path, reader, make, depth):
    name, read = READERS[reader]
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(make(depth))
    refused(lambda: read(path))


@pytest.mark.parametrize("depth", DEPTHS)
def test_json_in_zips(tmp_path, depth):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("checkpoint.json", tables(depth))
        archive.writestr("card.json", tables(depth))
    refused(lambda: import_checkpoint(tmp_path / "a.zip", tmp_path / "c"))
    np.savez(tmp_path / "p.npz", meta=np.array(tables(depth)), **{"65-79/s6r1": np.full((3, 6), 1 / 6)})
    refused(lambda: load_probabilities(tmp_path / "p.npz"))


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("make", [
    lambda depth: f"a = {lists(depth)}", lambda depth: "a = " + "{a = " * depth + "1" + "}" * depth,
    lambda depth: "a." * depth + "a = 1", lambda depth: f"[{'a.' * depth}a]",
], ids=["lists", "tables", "dotted", "header"])  # fmt: skip
def test_a_recipe(tmp_path, make, depth):
    (tmp_path / "mine.toml").write_text(make(depth))
    refused(lambda: load_recipe(str(tmp_path / "mine.toml")))


@pytest.mark.parametrize("depth", [60, 900, 30_000])
@pytest.mark.parametrize("close", [b"a", b"\x85", b"s"], ids=["lists", "tuples", "dicts"])
@pytest.mark.parametrize("read", [load_array, load_header])
def test_a_pickle(read, close, depth):
    opening = {b"a": b"]" * depth + b"N" + b"a" * depth, b"\x85": b"N" + b"\x85" * depth,
               b"s": b"}K\x01" * depth + b"N" + b"s" * depth}[close]  # fmt: skip
    refused(lambda: read("a.npy", b"\x80\x04" + opening + b"."), "expected")


def test_a_header_whose_values_are_nested():
    value = []
    for _ in range(200):
        value = [value]
    content = pickle.dumps({"ch_names": value, "sfreq": value, "highpass": 1.0, "lowpass": value})
    refused(lambda: load_header("headerInfo.npy", content), "expected")


def test_weights(tree, cache, tmp_path):
    """The schema in a file of weights is JSON too."""
    folder = train(experiment("features-logreg", "65-79", tree), tmp_path / "c", Resources(cache))
    [path] = folder.glob("*.weights")
    out = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(out, "w") as new:
        schema = json.loads(old.read("schema.json"))
        text = json.dumps(schema | {"content": "HERE"}).replace('"HERE"', tables(100_000))
        new.writestr("schema.json", text)
    model = experiment("features-logreg", "65-79", tree).models(Resources(cache))[0]
    refused(lambda: model.from_bytes(out.getvalue()), "weights cannot be read")


@pytest.mark.parametrize(("text", "message"), [
    ("onset,duration,stage\n0,1e12,W\n", "more than 14 days"), ("onset,duration,stage\n0,inf,W\n", "more than 14"),
    ("onset,stage\n0,W\n1e300,N2\n", "more than 14"), ("W\n" * 300_000, "300,000 lines"),
    ("onset,duration,stage\n0,30," + "a" * 10**6 + "\n", "field larger"),
    ("onset,duration,stage\n0,30," + "a" * 10**5 + "\n", "a{60}'"),
    ("epoch,stage\n1,W\n99999999999,N2\n", "more than 14 days"),
], ids=["long", "endless", "late", "lines", "cell", "name", "number"])  # fmt: skip
def test_a_table_of_stages(tmp_path, text, message):
    (tmp_path / "a.csv").write_text(text)
    refused(lambda: statistics_of(tmp_path / "a.csv"), message)


def test_xml_is_nested_as_it_likes(tmp_path):
    (tmp_path / "a.xml").write_text("<a>" * 100_000 + "</a>" * 100_000)
    refused(lambda: read_hypnogram(tmp_path / "a.xml"), "no scored events")
    (tmp_path / "b.xml").write_text('<!DOCTYPE a [<!ENTITY b "' + "b" * 1000 + '">]><a>&b;</a>')
    refused(lambda: read_hypnogram(tmp_path / "b.xml"), "defines entities")


@pytest.mark.parametrize(("where", "count"), [
    (252, b"-1  "), (252, b"9999"), (252, b"0   "), (252 + 4 + 216, b"0       "), (252 + 4 + 216, b"-9999999"),
    (244, b"inf     "), (244, b"nan     "), (244, b"-1e99   "),
], ids=str)  # fmt: skip
def test_an_edf_header(tmp_path, where, count):
    """Channels, samples and lengths that cannot be are no EDF; the file may be as large as it likes."""
    content = bytearray(edf([(0.0, 30.0, "Sleep stage W")]))
    content[where : where + len(count)] = count
    (tmp_path / "a.edf").write_bytes(content + bytes(50_000_000))
    assert cheap(lambda: read_header(tmp_path / "a.edf")) == "ended"
    assert read_header(tmp_path / "a.edf") is None
    assert cheap(lambda: read_hypnogram(tmp_path / "a.edf")) == "ended"  # by mne, which seeks what it can


@pytest.mark.parametrize("records", [b"99999999", b"-1      "])
def test_an_edf_of_other_records_than_it_says(tmp_path, records):
    content = bytearray(edf([(0.0, 30.0, "Sleep stage W")]))
    content[236:244] = records
    (tmp_path / "a.edf").write_bytes(content)
    header = read_header(tmp_path / "a.edf")
    assert header.n_there == 2
    assert [tal.texts for tal in read_tals(tmp_path / "a.edf", header)][1] == ("Sleep stage W",)


@pytest.mark.parametrize(("where", "new", "message"), [
    (688, b"999999  999999  ", "lasts -?[01] s, expected at least one epoch"),
    (272, b"EE\nG \r\nz-Oz     ", "got EEG Fpz-Cz, EE G z-Oz; it lacks Pz-Oz"),
], ids=["records", "lines"])  # fmt: skip
def test_a_recording(tmp_path, where, new, message):
    """Records that are longer than the file, and names of several lines."""
    content = recording()
    assert content[where : where + 16] in (b"100     100     ", b"EEG Pz-Oz       ")
    (tmp_path / "a.edf").write_bytes(content[:where] + new + content[where + 16 :])
    with pytest.raises(BeetlError, match=message) as caught:
        read_epochs(tmp_path / "a.edf")
    assert len(str(caught.value).splitlines()) == 1


def test_the_account_of_a_staging(tmp_path):
    from beetl_task1.staging.batch import NightFiles

    (tmp_path / "night.json").write_text(tables(100_000))
    refused(lambda: NightFiles(tmp_path, "night").check_free("night.edf"), "not as an earlier `stage` wrote it")


def test_what_is_written_by_us_is_read(tree, tmp_path):
    shutil.copy(tree / "simulation.json", tmp_path)
    assert DataFolder(tmp_path).provenance.kind == "simulated"
