"""The table of features as a whole: shape, names, finiteness, independence of the batch, version."""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest

from beetl_task1.errors import DataError
from beetl_task1.features import FEATURE_VERSION, extract, feature_names

from .signals import both, noise, pinned_epochs

FEATURE_NAMES = feature_names()
PINNED = Path(__file__).with_name("pinned.json")


def test_names_match_the_columns_and_are_unique():
    assert extract(noise(3)).shape == (3, len(FEATURE_NAMES))
    assert len(set(FEATURE_NAMES)) == len(FEATURE_NAMES) > 100
    assert {"Fpz-Cz log_delta", "Pz-Oz slow_share_75", "both coherence_delta"} <= set(FEATURE_NAMES)


def test_no_epochs_give_no_rows():
    assert extract(np.empty((0, 2, 3000))).shape == (0, len(FEATURE_NAMES))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_features_are_float32_and_follow_the_signal_in_either_precision(dtype):
    F = extract(noise(4).astype(dtype))
    assert F.dtype == np.float32
    np.testing.assert_allclose(F, extract(noise(4)), atol=2e-3)


def test_degenerate_epochs_give_finite_features_without_a_warning():
    square = np.tile([1.0, -1.0], (2, 1500))
    epochs = [
        np.zeros((2, 3000)),
        np.full((2, 3000), 3e-5),
        noise(1)[0] * 1e300,
        noise(1)[0] * 1e-300,
        noise(1)[0] * [[0], [1]],
        np.clip(noise(1)[0], -5e-6, 5e-6),
        square,
        square * 1e-6,
        np.linspace([-1, 1], [1, -1], 3000, axis=1),
        np.eye(2, 3000, 1500) * 1e-3,
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        F = extract(np.array(epochs))
    assert np.isfinite(F).all()
    assert np.abs(F).max() < 50


def test_an_epoch_has_the_same_features_in_any_company():
    X = noise(70)
    F = extract(X)
    for rows in (slice(0, 1), slice(69, 70), slice(5, 12), slice(3, 68), slice(None, None, -1)):
        np.testing.assert_array_equal(extract(X[rows]), F[rows])


def test_input_is_left_as_it_was():
    X = noise(2)
    before = X.copy()
    extract(X)
    np.testing.assert_array_equal(X, before)


@pytest.mark.parametrize("shape", [(2, 3000), (4, 1, 3000), (4, 2, 2999)])
def test_another_shape_is_refused(shape):
    with pytest.raises(DataError, match=r"shape \(n, 2, 3000\)"):
        extract(np.zeros(shape))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_samples_that_are_not_finite_are_refused(value):
    X = noise(2)
    X[1, 0, 7] = value
    with pytest.raises(DataError, match="finite"):
        extract(X)


def test_features_keep_to_their_units():
    F = dict(zip(FEATURE_NAMES, extract(both(20 * np.sin(2 * np.pi * 10 * np.arange(3000) / 100)))[0], strict=True))
    assert F["Fpz-Cz hjorth_activity"] == pytest.approx(np.log10(201), abs=0.02)


def test_values_are_those_of_their_version():
    """Fails when values change; then raise FEATURE_VERSION and run ``python -m tests.features.test_extraction``."""
    pinned = json.loads(PINNED.read_text())
    assert pinned["version"] == FEATURE_VERSION, "pin the values of the new version"
    assert pinned["names"] == list(FEATURE_NAMES), "names changed: raise FEATURE_VERSION and pin anew"
    F = extract(pinned_epochs())
    changed = [
        n
        for n, a, b in zip(FEATURE_NAMES, F.T, np.array(pinned["values"]).T, strict=True)
        if not np.allclose(a, b, rtol=1e-3, atol=2e-3)
    ]
    assert not changed, f"values changed: raise FEATURE_VERSION and pin anew: {changed}"


def _pin() -> None:
    values = [[round(float(v), 4) for v in row] for row in extract(pinned_epochs())]
    PINNED.write_text(json.dumps({"version": FEATURE_VERSION, "names": FEATURE_NAMES, "values": values}) + "\n")


if __name__ == "__main__":
    _pin()
