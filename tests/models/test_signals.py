"""How networks see signals, and rows of many nights."""

import numpy as np
import pytest
from tiny import night, tiny

from beetl_task1.data.recording import Recording, RecordingKey
from beetl_task1.errors import BeetlError
from beetl_task1.models.base import Resources
from beetl_task1.models.signals import FIXED, LIMIT, Rows, night_signals, scaled, signals_of, spread_of
from beetl_task1.store import Store


@pytest.fixture
def three(rng):
    first, second, third = night(0), night(1, n_epochs=10, labelled=False), night(2, n_epochs=7)
    return [first, second, Recording.from_arrays(third.key, 3 * third.X, third.y, onsets=30.0 * np.arange(7))]


def square(size, n_epochs=3):
    """Return a night whose channels are square waves of that size and twice it, the last epoch ten times as large."""
    X = np.tile([size, -size], 1500) * np.ones((n_epochs, 2, 1)) * np.array([1, 2])[:, None]
    X[-1] *= 10
    return X.astype(np.float32)


def test_scalings_by_hand():
    X = square(1e-5)
    np.testing.assert_allclose(spread_of(X, "night"), [1e-5, 2e-5], rtol=1e-4)
    by_night = scaled(X, "night", spread_of(X, "night")[:, None])
    np.testing.assert_allclose(by_night[:, :, 0], [[1, 1], [1, 1], [10, 10]], rtol=1e-4)
    shifted = X + np.float32(3e-6)
    by_window = scaled(shifted, "window", None)
    np.testing.assert_allclose(by_window[:, :, 0], 1, rtol=1e-3)
    np.testing.assert_allclose(by_window[:, :, 1], -1, rtol=1e-3)
    np.testing.assert_allclose(scaled(X, "fixed", FIXED)[:2, :, 0], [[0.5, 1], [0.5, 1]], rtol=1e-4)
    assert scaled(100 * X, "fixed", FIXED).max() == LIMIT
    assert scaled(100 * X, "fixed", FIXED).min() == -LIMIT


def test_a_silent_channel_stays_finite():
    X = square(1e-5)
    X[:, 1] = 0
    for scaling in ("night", "window"):
        out = scaled(X, scaling, spread_of(X, "night")[:, None])
        assert np.isfinite(out).all()
        assert not out[:, 1].any()


@pytest.mark.parametrize("scaling", ["night", "window", "fixed"])
@pytest.mark.parametrize("kept", [False, True])
def test_rows_are_those_of_the_nights(three, scaling, kept, tmp_path, rng):
    rows = Rows(three, ["source", "unlabelled", "target"], Store(tmp_path if kept else None), scaling)
    index = rng.permutation(len(rows))[:20]
    whole = [night_signals(n, Store(None), scaling) for n in three]
    np.testing.assert_array_equal(rows.signals(index), np.concatenate(whole)[index])
    assert rows.signals(index).dtype == np.float32
    assert len(rows) == 24 + 10 + 7
    assert rows.labelled.tolist() == [True] * 24 + [False] * 10 + [True] * 7
    assert rows.role[[0, 24, 34]].tolist() == ["source", "unlabelled", "target"]
    assert (rows.y == np.concatenate([three[0].y, np.zeros(10, int), three[2].y])).all()
    assert np.isnan(rows.onset[:34]).all()
    assert (rows.onset[34:] == three[2].onsets).all()


def test_signals_are_mapped_not_copied(three, tmp_path):
    rows = Rows(three, ["source"] * 3, Store(tmp_path), "night")
    assert all(isinstance(array, np.memmap) for array in rows._arrays)
    assert len(list((tmp_path / "signals").iterdir())) == 3
    held = Rows(three, ["source"] * 3, Store(None), "night")
    assert all(array is n.X for array, n in zip(held._arrays, three, strict=True))


def test_a_damaged_file_of_signals_is_written_anew(three, tmp_path):
    store = Store(tmp_path)
    signals_of(three[0], store)
    path = next((tmp_path / "signals").iterdir())
    path.write_bytes(path.read_bytes()[:1000])
    np.testing.assert_array_equal(signals_of(three[0], store), three[0].X)


def test_scaling_by_another_name():
    with pytest.raises(BeetlError, match="'nihgt'; did you mean 'night'"):
        tiny(scaling="nihgt")


def test_preparing_lays_the_signals_ready(three, tmp_path):
    told = []
    tiny(resources=Resources(tmp_path, progress=lambda *args: told.append(args))).prepare(three)
    assert len(list((tmp_path / "signals").iterdir())) == 3
    assert [args[:2] for args in told] == [(1, 3), (2, 3), (3, 3)]
    assert three[0].key == RecordingKey("25-64", 0, 1)
