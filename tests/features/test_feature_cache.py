"""Features in the store and over many recordings."""

import time
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest
from conftest import write_part

from beetl_task1.data import recording as recording_module
from beetl_task1.data.files import DataFolder
from beetl_task1.data.recording import Recording, RecordingKey
from beetl_task1.errors import DataError
from beetl_task1.features import FEATURE_VERSION, extract, feature_names, features_of, night_features, prepare_features
from beetl_task1.features import cache as cache_module
from beetl_task1.store import Store

from .signals import noise


class Counted(Recording):
    """A recording that counts how often its signals are read."""

    def __init__(self, seed: int, n_epochs: int = 3):
        super().__init__(RecordingKey("g", seed, 1))
        self._array, self.reads = noise(n_epochs, seed).astype(np.float32), 0

    @property
    def X(self):
        self.reads += 1
        return self._array


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "cache")


def path(store, recording):
    return store.path(f"features-v{FEATURE_VERSION}", recording.fingerprint)


def test_a_second_call_reads_no_signals(store):
    night = Counted(0)
    first = night_features(night, store)
    np.testing.assert_array_equal(first, extract(night._array))
    np.testing.assert_array_equal(night_features(night, Store(store.folder)), first)
    assert night.reads == 1


def test_another_recording_or_version_has_its_own_file(store, monkeypatch):
    night_features(Counted(0), store)
    assert (night_features(Counted(1), store) != night_features(Counted(0), store)).any()
    assert path(store, Counted(0)).is_file()
    monkeypatch.setattr(cache_module, "KIND", "features-vother")
    again = Counted(0)
    night_features(again, store)
    assert again.reads == 1


def _spoil(content: bytes, how: str) -> bytes:
    if how == "flipped":
        return content[:200] + bytes([content[200] ^ 1]) + content[201:]
    if how == "wrong header":
        return content.replace(b"<f4", b"<f8")
    return {"empty": b"", "short": content[:-100], "text": b"not an array", "longer": content + b"x"}[how]


def test_a_file_is_read_once_for_its_digest_and_its_signals(store, tmp_path, monkeypatch, rng):
    """And not unpickled where its features are kept, which tell the number of epochs."""
    write_part(tmp_path, "80-95", "test", [5], rng)
    read, unpickled = [], []
    for name, seen in (("read_hashed", read), ("digest", read), ("load_array", unpickled)):
        plain = getattr(recording_module, name)
        monkeypatch.setattr(recording_module, name, lambda *given, s=seen, f=plain: s.append(given[0]) or f(*given))
    for times in (1, 2):
        first, _ = DataFolder(tmp_path, allow_partial=True).recordings("80-95", "test")
        prepare_features([first], store)
        found = night_features(first, store)
        assert (first.n_epochs, len(first.file_sha256)) == (len(found), 64)
        assert (read, unpickled) == ([first.name] * times, [first.name])
    np.testing.assert_array_equal(found, extract(first.X))


@pytest.mark.parametrize("how", ["empty", "short", "longer", "flipped", "text", "wrong header"])
def test_a_damaged_file_is_computed_anew_and_mended(store, how):
    night = Counted(0)
    expected = night_features(night, store)
    good = path(store, night).read_bytes()
    path(store, night).write_bytes(_spoil(good, how))
    np.testing.assert_array_equal(night_features(night, store), expected)
    assert night.reads == 2
    assert path(store, night).read_bytes() == good


def test_a_file_of_another_recording_is_not_taken(store):
    night, other = Counted(0), Counted(1)
    night_features(other, store)
    path(store, other).rename(path(store, night))
    np.testing.assert_array_equal(night_features(night, store), extract(night._array))


def test_an_array_with_pickled_objects_is_not_taken(store):
    night = Counted(0)
    path(store, night).parent.mkdir(parents=True)
    with path(store, night).open("wb") as file:
        np.save(file, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    np.testing.assert_array_equal(night_features(night, store), extract(night._array))


def test_one_file_in_two_units_has_two_entries(store):
    night, other = Counted(0), Counted(0)
    other._sha256, other._array, other.unit = night.file_sha256, night._array * 2, "mV"
    night_features(night, store)
    np.testing.assert_array_equal(night_features(other, store), extract(other._array))


def test_a_folder_in_place_of_the_file_is_no_hit(store):
    path(store, Counted(0)).mkdir(parents=True)
    assert store.load(f"features-v{FEATURE_VERSION}", Counted(0).fingerprint) is None


def _features_in_process(folder, seed):
    return night_features(Counted(seed, 2), Store(folder))


def test_parallel_writers_leave_whole_files(store):
    with ProcessPoolExecutor(2) as pool:
        results = list(pool.map(_features_in_process, [store.folder] * 8, [0, 1] * 4))
    for seed in (0, 1):
        for result in results[seed::2]:
            np.testing.assert_array_equal(result, extract(Counted(seed, 2)._array))
    assert len([p for p in store.folder.rglob("*") if p.is_file()]) == 2


@pytest.mark.parametrize("jobs", [1, 2])
def test_many_recordings_come_in_their_order_with_progress(store, jobs):
    nights, calls = [Counted(seed, 1 + seed) for seed in range(4)], []
    tables = features_of(iter(nights), store, jobs, lambda *call: calls.append(call))
    assert [t.shape for t in tables] == [(1 + seed, len(feature_names())) for seed in range(4)]
    for night, table in zip(nights, tables, strict=True):
        np.testing.assert_array_equal(table, extract(night._array))
    assert calls == [(i + 1, 4, f"g/s{i}r1") for i in range(4)]


def test_one_recording_is_read_at_a_time(store):
    reading, most = [], []

    class Slow(Counted):
        @property
        def X(self):
            reading.append(self)
            most.append(len(reading))
            time.sleep(0.02)
            reading.remove(self)
            return self._array

    features_of([Slow(seed) for seed in range(6)], store, jobs=3)
    assert max(most) == 1


def test_a_store_is_optional_and_no_recordings_are_no_error():
    assert len(features_of([Counted(0)])) == 1
    assert features_of([]) == []


def test_an_error_in_a_recording_reaches_the_caller(store):
    bad = Counted(0)
    bad._array[0] = np.nan
    with pytest.raises(DataError, match="finite"):
        features_of([Counted(1), bad], store, jobs=2)
    assert not path(store, bad).exists()
