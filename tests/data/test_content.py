"""Contents of files, read and hashed at once, and large arrays that stay where they were read."""

import hashlib
import pickle
import struct
import tracemalloc

import numpy as np
import pytest

from beetl_task1.data import content
from beetl_task1.data.content import read_hashed
from beetl_task1.data.pickles import load_array
from beetl_task1.errors import DataError

LARGE = np.random.default_rng(0).standard_normal((400, 2, 300))  # 1.9 MB


@pytest.mark.parametrize("size", [1, 100, content._PIECE, 2 * content._PIECE + 5])
def test_content_and_digest(tmp_path, size):
    data = np.random.default_rng(size).bytes(size)
    (tmp_path / "a").write_bytes(data)
    read, sha256 = read_hashed(tmp_path / "a")
    assert bytes(read) == data
    assert sha256.result() == hashlib.sha256(data).hexdigest()


def test_empty_missing_and_shrunk(tmp_path, monkeypatch):
    (tmp_path / "a").touch()
    with pytest.raises(DataError, match="the file is empty"):
        read_hashed(tmp_path / "a")
    with pytest.raises(DataError, match="cannot be read"):
        read_hashed(tmp_path / "b")
    (tmp_path / "a").write_bytes(b"1234")
    monkeypatch.setattr(content.os, "fstat", lambda number: type("Stat", (), {"st_size": 8}))
    with pytest.raises(DataError, match="became shorter while it was read"):
        read_hashed(tmp_path / "a")


@pytest.mark.parametrize("protocol", [*range(pickle.HIGHEST_PROTOCOL + 1), None])
@pytest.mark.parametrize("array", [LARGE, np.asfortranarray(LARGE), LARGE.astype(">f4")], ids=["C", "F", "big-endian"])
def test_large_arrays_of_every_form(tmp_path, protocol, array):
    path = tmp_path / "a.npy"
    np.save(path, array) if protocol is None else path.write_bytes(pickle.dumps(array, protocol=protocol))
    for found in (load_array(path), load_array(path, read_hashed(path)[0])):
        np.testing.assert_array_equal(found, array)
        assert found.dtype == array.dtype


def test_a_large_array_is_not_copied(tmp_path):
    (tmp_path / "a.npy").write_bytes(pickle.dumps(LARGE, protocol=4))
    tracemalloc.start()
    try:
        found = load_array(tmp_path / "a.npy", read_hashed(tmp_path / "a.npy")[0])
        assert tracemalloc.get_traced_memory()[1] < LARGE.nbytes / 4
    finally:
        tracemalloc.stop()
    assert not found.flags.writeable


def test_large_bytes_within_a_frame(tmp_path):
    whole = pickle.dumps(LARGE, protocol=3)
    framed = b"\x80\x04\x95" + struct.pack("<Q", len(whole) - 2) + whole[2:]
    (tmp_path / "a.npy").write_bytes(framed)
    np.testing.assert_array_equal(load_array(tmp_path / "a.npy", read_hashed(tmp_path / "a.npy")[0]), LARGE)
