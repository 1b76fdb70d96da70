"""The file of probabilities."""

import numpy as np
import pytest

from beetl_task1.data.probabilities import load_probabilities, save_probabilities
from beetl_task1.data.recording import RecordingKey
from beetl_task1.errors import BeetlError


@pytest.fixture
def probabilities(rng):
    return {RecordingKey("65-79", s, 1): rng.dirichlet(np.ones(6), 5) for s in (10, 6)}


def test_round_trip_with_the_same_bytes(tmp_path, probabilities):
    save_probabilities(tmp_path / "a.npz", probabilities, {"b": 1, "a": [2]})
    save_probabilities(tmp_path / "b.npz", dict(reversed(probabilities.items())), {"a": [2], "b": 1})
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    loaded, meta = load_probabilities(tmp_path / "a.npz")
    assert meta == {"a": [2], "b": 1}
    assert list(loaded) == sorted(probabilities)
    for key, p in loaded.items():
        np.testing.assert_allclose(p, probabilities[key], atol=1e-7)


def test_foreign_file_without_meta(tmp_path, probabilities):
    np.savez(tmp_path / "a.npz", **{str(k): p for k, p in probabilities.items()})
    assert load_probabilities(tmp_path / "a.npz")[1] == {}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.ones((3, 5)) / 5, "shape"),
        (np.ones((3, 6)), "no probabilities"),
        (np.full((3, 6), np.nan), "no probabilities"),
    ],
)
def test_what_are_no_probabilities(tmp_path, value, message):
    np.savez(tmp_path / "a.npz", **{"65-79/s6r1": value})
    with pytest.raises(BeetlError, match=message):
        load_probabilities(tmp_path / "a.npz")


def test_damaged(tmp_path):
    (tmp_path / "a.npz").write_bytes(b"PK rubbish")
    with pytest.raises(BeetlError, match="not a readable file of probabilities"):
        load_probabilities(tmp_path / "a.npz")
