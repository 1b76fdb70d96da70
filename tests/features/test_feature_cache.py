"""Features on disk and over many recordings."""

import hashlib
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest

from beetl_task1.errors import DataError
from beetl_task1.features import FEATURE_NAMES, FeatureCache, extract, features_of
from beetl_task1.features import cache as cache_module

from .signals import noise


class Night:
    """A recording that counts how often its signals are read."""

    def __init__(self, seed: int, n_epochs: int = 3):
        self._X = noise(n_epochs, seed).astype(np.float32)
        self.key, self.reads = f"g/s{seed}r1", 0
        self.fingerprint = hashlib.sha256(self._X).hexdigest()

    @property
    def X(self):
        self.reads += 1
        return self._X


@pytest.fixture
def cache(tmp_path):
    return FeatureCache(tmp_path / "features")


def test_a_second_call_reads_no_signals(cache):
    night = Night(0)
    first = cache.features(night)
    np.testing.assert_array_equal(first, extract(night._X))
    np.testing.assert_array_equal(FeatureCache(cache.folder).features(night), first)
    assert night.reads == 1


def test_another_recording_or_version_has_its_own_file(cache, monkeypatch):
    cache.features(Night(0))
    assert (cache.features(Night(1)) != cache.features(Night(0))).any()
    before = cache.path("ab")
    monkeypatch.setattr(cache_module, "FEATURE_VERSION", "other")
    assert cache.path("ab") != before
    again = Night(0)
    cache.features(again)
    assert again.reads == 1


def _spoil(content: bytes, how: str) -> bytes:
    if how == "flipped":
        return content[:200] + bytes([content[200] ^ 1]) + content[201:]
    if how == "wrong header":
        return content.replace(b"<f4", b"<f8")
    return {"empty": b"", "short": content[:-100], "text": b"not an array", "longer": content + b"x"}[how]


@pytest.mark.parametrize("how", ["empty", "short", "longer", "flipped", "text", "wrong header"])
def test_a_damaged_file_is_computed_anew_and_mended(cache, how):
    night = Night(0)
    expected = cache.features(night)
    path = cache.path(night.fingerprint)
    good = path.read_bytes()
    path.write_bytes(_spoil(good, how))
    np.testing.assert_array_equal(cache.features(night), expected)
    assert night.reads == 2
    assert path.read_bytes() == good


def test_a_file_of_another_recording_is_not_taken(cache):
    night, other = Night(0), Night(1)
    cache.features(other)
    cache.path(other.fingerprint).rename(cache.path(night.fingerprint))
    np.testing.assert_array_equal(cache.features(night), extract(night._X))


def test_an_array_with_pickled_objects_is_not_taken(cache):
    night = Night(0)
    path = cache.path(night.fingerprint)
    path.parent.mkdir(parents=True)
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    np.testing.assert_array_equal(cache.features(night), extract(night._X))


def test_one_file_in_two_units_has_two_entries(cache):
    night, other = Night(0), Night(0)
    other._X, other.fingerprint = night._X * 2, "ab" * 32
    cache.features(night)
    np.testing.assert_array_equal(cache.features(other), extract(other._X))


def test_a_folder_in_place_of_the_file_is_no_hit(cache):
    cache.path("ab").mkdir(parents=True)
    assert cache._read("ab") is None


def _features_in_process(folder, seed):
    return FeatureCache(folder).features(Night(seed, 2))


def test_parallel_writers_leave_whole_files(cache):
    with ProcessPoolExecutor(2) as pool:
        results = list(pool.map(_features_in_process, [cache.folder] * 8, [0, 1] * 4))
    for seed in (0, 1):
        for result in results[seed::2]:
            np.testing.assert_array_equal(result, extract(Night(seed, 2)._X))
    assert len([p for p in cache.folder.rglob("*") if p.is_file()]) == 2


@pytest.mark.parametrize("jobs", [1, 2])
def test_many_recordings_come_in_their_order_with_progress(cache, jobs):
    nights, calls = [Night(seed, 1 + seed) for seed in range(4)], []
    tables = features_of(iter(nights), cache, jobs, lambda *call: calls.append(call))
    assert [t.shape for t in tables] == [(1 + seed, len(FEATURE_NAMES)) for seed in range(4)]
    for night, table in zip(nights, tables, strict=True):
        np.testing.assert_array_equal(table, extract(night._X))
    assert calls == [(i + 1, 4, f"g/s{i}r1") for i in range(4)]


def test_a_cache_is_optional_and_no_recordings_are_no_error():
    assert len(features_of([Night(0)])) == 1
    assert features_of([]) == []


def test_an_error_in_a_recording_reaches_the_caller(cache):
    bad = Night(0)
    bad._X[0] = np.nan
    with pytest.raises(DataError, match="finite"):
        features_of([Night(1), bad], cache, jobs=2)
    assert not cache.path(bad.fingerprint).exists()
