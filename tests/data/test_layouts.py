"""However an array lies in memory or in its file, the answer is that of the plain order, bit for bit."""

import pickle
import shutil

import numpy as np
import pytest
from click.testing import CliRunner
from conftest import dump, experiment, make_night

from beetl_task1.audit import audit
from beetl_task1.cli.inspect import inspect
from beetl_task1.data.files import DataFolder
from beetl_task1.data.probabilities import load_probabilities
from beetl_task1.data.recording import Recording, RecordingKey
from beetl_task1.features import extract, relative
from beetl_task1.models.base import Resources
from beetl_task1.models.signals import spread_of
from beetl_task1.recipes.training import train
from beetl_task1.scoring import leaderboard_score
from beetl_task1.store import Store
from beetl_task1.submission.answer import PROBABILITIES
from beetl_task1.submission.predict import predict

KEY = RecordingKey("65-79", 6, 1)


def _strided(a):
    wide = np.zeros((len(a) * 2, *a.shape[1:]), a.dtype)
    wide[::2] = a
    return wide[::2]


def _read_only(a):
    a = a.copy()
    a.setflags(write=False)
    return a


LAYOUTS = {
    "Fortran": np.asfortranarray,
    "every second row": _strided,
    "reversed view": lambda a: a[::-1].copy()[::-1],
    "channels last": lambda a: np.moveaxis(np.moveaxis(a, -1, 0).copy(), 0, -1),
    "transposed": lambda a: a.T.copy().T,
    "big-endian": lambda a: a.astype(a.dtype.newbyteorder(">")),
    "big-endian Fortran": lambda a: np.asfortranarray(a.astype(a.dtype.newbyteorder(">"))),
    "read-only": _read_only,
}
layouts = pytest.mark.parametrize("layout", list(LAYOUTS))


@layouts
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("protocol", [2, 5, "npy"])
def test_a_night_of_any_layout(tmp_path, rng, layout, dtype, protocol):
    X, y = make_night(rng, 6)
    X, laid = X.astype(dtype), LAYOUTS[layout]
    plain = Recording.from_arrays(KEY, X, y)
    for name, array in (("X.npy", X), ("y.npy", y)):
        if protocol == "npy":
            np.save(tmp_path / name, laid(array))
        else:
            (tmp_path / name).write_bytes(pickle.dumps(laid(array), protocol))
    made = Recording.from_arrays(KEY, laid(X), laid(y))
    assert made.fingerprint == plain.fingerprint
    for night in (made, Recording(KEY, tmp_path / "X.npy", tmp_path / "y.npy")):
        assert night.X.flags.c_contiguous
        assert night.X.dtype == np.dtype("=f4")
        np.testing.assert_array_equal(night.X, plain.X)
        np.testing.assert_array_equal(night.y, y)
        assert night.y.dtype == np.dtype("=i8")


@layouts
def test_what_is_computed_of_arrays_does_not_depend_on_their_layout(rng, layout):
    X, y = make_night(rng, 70)
    X, laid = X.astype(np.float32), LAYOUTS[layout]
    F = extract(X)
    np.testing.assert_array_equal(extract(laid(X)), F)
    np.testing.assert_array_equal(relative(laid(F)), relative(F))
    one, other = (Recording.from_features(KEY, features, y) for features in (F, laid(F)))
    assert one.fingerprint == other.fingerprint
    laid_night = Recording.from_arrays(KEY, laid(X))
    np.testing.assert_array_equal(spread_of(laid_night.X, "night"), spread_of(Recording.from_arrays(KEY, X).X, "night"))
    assert leaderboard_score(laid(y), laid(np.roll(y, 1))) == leaderboard_score(y, np.roll(y, 1))
    assert leaderboard_score(laid(y.astype(float)), y) == 100


@layouts
def test_probabilities_of_any_layout(tmp_path, rng, layout):
    p = rng.dirichlet(np.ones(6), 50)
    np.savez(tmp_path / "p.npz", **{str(KEY): LAYOUTS[layout](p)})
    loaded = load_probabilities(tmp_path / "p.npz")[0][KEY]
    assert loaded.flags.c_contiguous
    assert loaded.dtype == np.dtype("=f4")
    np.testing.assert_array_equal(loaded, p.astype(np.float32))


def relaid(tree, out, layout):
    """Return a copy of a tree whose signals and labels lie in a layout."""
    shutil.copytree(tree, out)
    for path in out.rglob("*s*r?[Xy].npy"):
        dump(path, LAYOUTS[layout](pickle.loads(path.read_bytes())), protocol=5)
    return out


@pytest.mark.parametrize("layout", ["Fortran", "channels last", "big-endian Fortran"])
def test_commands_on_a_tree_of_any_layout(tree, tmp_path, layout):
    """The audit finds the same, and what is trained on it predicts the same."""
    laid, group = relaid(tree, tmp_path / "laid", layout), "65-79"
    out = CliRunner().invoke(inspect, ["--data", str(laid), "--group", group, "--jobs", "1"], catch_exceptions=False)
    assert out.exit_code == 0, out.output
    found, expected = (audit(DataFolder(path), groups=(group,)).to_dict() for path in (laid, tree))
    assert found["spectra"] == expected["spectra"]
    stripped = [[row | {"path": ""} for row in each["nights"]] for each in (found, expected)]
    assert stripped[0] == stripped[1]
    made = []
    for path in (tree, laid):
        place, resources = tmp_path / path.name, Resources(tmp_path / f"cache-{path.name}")
        train(experiment("features-logreg", group, path), place, resources)
        folder = predict(experiment("features-logreg", group, path), place, place / "submissions", resources)
        made.append(load_probabilities(folder / PROBABILITIES)[0])
    for key, p in made[0].items():
        np.testing.assert_array_equal(made[1][key], p)


def test_the_store_keeps_any_layout(tmp_path, rng):
    array, store = rng.normal(size=(5, 4)), Store(tmp_path)
    for layout, laid in LAYOUTS.items():
        for _ in ("made", "kept"):
            np.testing.assert_array_equal(store.array("kind", layout, lambda laid=laid: laid(array)), array)
