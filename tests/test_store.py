"""The store: what is read is what was written, and anything else is as good as missing."""

import numpy as np
import pytest

from beetl_task1.store import Store, key_of


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "cache")


def test_a_content_comes_back(store):
    store.save("things", "k", b"content")
    assert store.load("things", "k") == b"content"
    assert store.load("others", "k") is None


@pytest.mark.parametrize("damage", [lambda b: b[:-1], lambda b: b"x" + b[1:], lambda b: b"", lambda b: b + b"\0"])
def test_a_damaged_file_is_missing(store, damage):
    store.save("things", "k", b"content")
    path = store.path("things", "k")
    path.write_bytes(damage(path.read_bytes()))
    assert store.load("things", "k") is None


def test_a_file_under_another_key_is_missing(store):
    store.save("things", "k", b"content")
    store.path("things", "k").rename(store.path("things", "other"))
    assert store.load("things", "other") is None


@pytest.mark.parametrize("mapped", [False, True])
def test_an_array_is_made_once(store, mapped):
    made = []
    for _ in range(2):
        found = store.array("a", "k", lambda: made.append(1) or np.arange(6.0).reshape(2, 3), mapped=mapped)
        np.testing.assert_array_equal(found, np.arange(6.0).reshape(2, 3))
    assert len(made) == 1


def test_without_a_folder_nothing_is_kept():
    store = Store(None)
    store.save("things", "k", b"content")
    store.drop("things", "k")
    assert store.load("things", "k") is None
    assert store.array("a", "k", lambda: np.ones(2), mapped=True).sum() == 2


def test_the_key_tells_values_apart():
    assert len({key_of(1), key_of("1"), key_of([1]), key_of(1, None), key_of({"a": 1})}) == 5
    assert key_of({"a": 1, "b": 2}) == key_of({"b": 2, "a": 1})
