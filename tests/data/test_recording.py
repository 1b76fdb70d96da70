"""The night at the door: each thing that can be wrong has its own line."""

import gc
import pickle
import weakref

import numpy as np
import pytest
from conftest import dump, make_night

from beetl_task1.data.recording import Recording, RecordingKey
from beetl_task1.errors import BeetlError, DataError

KEY = RecordingKey("65-79", 6, 1)


@pytest.fixture
def files(tmp_path, rng):
    X, y = make_night(rng, 6)
    dump(tmp_path / "X.npy", X)
    dump(tmp_path / "y.npy", y)
    return tmp_path / "X.npy", tmp_path / "y.npy", X, y


def test_reads_float32_volts_and_labels(files):
    x_path, y_path, X, y = files
    recording = Recording(KEY, x_path, y_path)
    assert recording.X.dtype == np.float32
    np.testing.assert_allclose(recording.X, X, rtol=1e-6)
    np.testing.assert_array_equal(recording.y, y)
    assert recording.n_epochs == 6


def test_is_lazy_and_holds_one_copy(files):
    recording = Recording(KEY, files[0])
    X = recording.X
    assert recording.X is X
    gone = weakref.ref(X)
    del X
    gc.collect()
    assert gone() is None


def test_hidden_labels_are_none(files):
    assert Recording(KEY, files[0]).y is None


def test_goes_to_another_process(files):
    recording = Recording(KEY, files[0], files[1])
    recording.X  # noqa: B018
    again = pickle.loads(pickle.dumps(recording))
    np.testing.assert_array_equal(again.X, recording.X)
    assert again.file_sha256 == recording.file_sha256


def test_converts_units(files, tmp_path):
    dump(tmp_path / "uV.npy", files[2] * 1e6)
    in_microvolts = Recording(KEY, tmp_path / "uV.npy", unit="uV")
    np.testing.assert_allclose(in_microvolts.X, files[2], rtol=1e-5)
    in_volts = Recording(KEY, tmp_path / "uV.npy")
    assert in_microvolts.fingerprint != in_volts.fingerprint
    assert in_microvolts.file_sha256 == in_volts.file_sha256
    assert not hasattr(in_volts, "sha256"), "a name that does not say whether the unit belongs to it"


def _wrong(X, **changes):
    return {
        "microvolts": (X * 1e6, "--unit uV", "unit"),
        "two dimensions": (X[0], r"expected shape \(n_epochs, 2, 3000\), got \(2, 3000\)", "shape"),
        "one channel": (X[:, :1], r"got \(6, 1, 3000\)", "shape"),
        "short epochs": (X[:, :, :2999], "2999", "shape"),
        "no epoch": (X[:0], "holds no epoch", "empty"),
        "integers": ((X * 1e6).astype(int), "expected float32 or float64, got int64", "dtype"),
        "half precision": ((X * 1e3).astype(np.float16), "expected float32 or float64, got float16", "dtype"),
        "huge": (X * 1e300, "NaN or infinite", "non-finite"),
        "flat": (X * 0, "never varies", "unreadable"),
        "faint": (X * 1e-9, "name the right unit", "unit"),
        "microvolts, mostly flat": (np.where(np.arange(6)[:, None, None] > 0, 0, X * 1e6), "--unit uV", "unit"),
        "NaN": (np.where(np.arange(6)[:, None, None] == 2, np.nan, X), r"1 epochs hold NaN.*row 2", "non-finite"),
        "infinite": (
            np.where(np.arange(6)[:, None, None] == 3, np.inf, X),
            r"1 epochs hold NaN or infinite.*row 3",
            "non-finite",
        ),
    }


@pytest.mark.parametrize("case", list(_wrong(np.zeros((6, 2, 3000)))))
def test_each_wrong_signal_has_its_line(files, tmp_path, case):
    X, message, code = _wrong(files[2])[case]
    dump(tmp_path / "bad.npy", X)
    with pytest.raises(DataError, match=message) as caught:
        Recording(KEY, tmp_path / "bad.npy").X  # noqa: B018
    assert "bad.npy" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.code == code
    with pytest.raises(DataError, match=message):
        Recording.from_arrays(KEY, X)


def test_volts_read_as_microvolts_are_refused(files):
    with pytest.raises(DataError, match="name the right unit"):
        Recording(KEY, files[0], unit="uV").X  # noqa: B018


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.array([0, 1, 2, 3, 4, 6]), "label 6 in row 5"),
        (np.array([0, -1, 2, 3, 4, 5]), "label -1 in row 1"),
        (np.array([0, 1.5, 2, 3, 4, 5]), "label 1.5 in row 1"),
        (np.array([0, np.nan, 2, 3, 4, 5]), "label nan in row 1"),
        (np.zeros(6, bool), "got dtype bool"),
        (np.zeros((6, 1), int), r"expected labels of shape \(n_epochs,\), got \(6, 1\)"),
        (np.array([], int), r"got \(0,\)"),
    ],
)
def test_each_wrong_label_has_its_line(files, tmp_path, labels, message):
    dump(tmp_path / "bad_y.npy", labels)
    with pytest.raises(DataError, match=message) as caught:
        Recording(KEY, files[0], tmp_path / "bad_y.npy").y  # noqa: B018
    assert "bad_y.npy" in str(caught.value)
    assert caught.value.code == "labels"


@pytest.mark.parametrize("first", ["X", "y"])
def test_labels_of_another_length(files, tmp_path, first):
    dump(tmp_path / "short_y.npy", files[3][:5])
    recording = Recording(KEY, files[0], tmp_path / "short_y.npy")
    with pytest.raises(DataError, match=r"short_y\.npy: 5 labels for the 6 epochs of"):
        getattr(recording, first), getattr(recording, "yX"[first == "y"])


def test_key_as_text():
    assert RecordingKey.parse(str(KEY)) == KEY
    with pytest.raises(BeetlError, match="expected group/s<subject>r<session>"):
        RecordingKey.parse("s6r1")


def test_keys_sort_by_number():
    keys = [RecordingKey("65-79", s, r) for s, r in ((10, 1), (6, 2), (6, 1), (9, 1))]
    assert [str(k) for k in sorted(keys)] == ["65-79/s6r1", "65-79/s6r2", "65-79/s9r1", "65-79/s10r1"]
