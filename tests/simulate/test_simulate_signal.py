"""Signals of simulated nights: continuity, amplitude, slopes, textbook signs, lost electrodes, determinism."""

import numpy as np
import pytest
from scipy.integrate import trapezoid
from scipy.signal import welch

from beetl_task1.data.recording import RecordingKey
from beetl_task1.simulate import artefacts, borders, simulate_night, spectrum
from beetl_task1.simulate.tables import generator

KEY = RecordingKey("25-64", 3, 1)


@pytest.fixture(scope="module")
def night():
    return simulate_night(KEY, seed=1, age=28.0, n_epochs=700)


def density(night, stage, channel):
    f, p = welch(1e6 * night.X[night.true == stage, channel], fs=100, nperseg=512)
    return f, p.mean(0)


def test_a_night_has_the_formats_of_the_competition(night):
    assert night.X.shape == (700, 2, 3000)
    assert night.X.dtype == np.float64
    assert night.X.flags.c_contiguous
    assert night.y.dtype == np.int64
    assert np.isfinite(night.X).all()
    assert set(night.y) <= set(range(6))
    np.testing.assert_array_equal(night.onsets, 30.0 * np.arange(700))


def test_the_size_is_that_of_the_source():
    std = np.std([simulate_night(RecordingKey("25-64", s, 1), n_epochs=120).X for s in range(8)])
    assert std == pytest.approx(1.68e-5, rel=0.3)


def test_nothing_exceeds_the_recorder(night):
    assert np.abs(night.X).max() <= artefacts.CLIP * 1e-6 + artefacts.ADC_STEP * 1e-6


def test_the_recorder_quantises(night):
    steps = night.X[:5] * 1e6 / artefacts.ADC_STEP
    np.testing.assert_allclose(steps, np.round(steps), atol=1e-6)


def test_delta_grows_with_depth(night):
    power = [np.log(trapezoid(density(night, k, 0)[1][3:20])) for k in (1, 2, 3)]
    assert power[0] < power[1] < power[2]


@pytest.mark.parametrize(("stage", "low", "high"), [(2, -4.0, -1.5), (3, -5.0, -2.0), (5, -4.0, -1.2)])
def test_spectra_fall_as_powers_of_frequency(night, stage, low, high):
    f, p = density(night, stage, 0)
    inside = (f > 1) & (f < 30)
    slope = np.polyfit(np.log(f[inside]), np.log(p[inside]), 1)[0]
    assert low < slope < high


def test_alpha_is_posterior_and_at_the_sleepers_own_frequency():
    young = (simulate_night(RecordingKey("25-64", s, 1), n_epochs=260, age=28.0) for s in range(10))
    night = next(n for n in young if n.traits.alpha > 1)
    f, p = density(night, 0, 1)
    inside = (f > 6) & (f < 14)
    bump = np.log(p[inside]) - np.polyval(np.polyfit(np.log(f[inside]), np.log(p[inside]), 1), np.log(f[inside]))
    assert f[inside][bump.argmax()] == pytest.approx(night.traits.alpha_peak, abs=1.0)


def test_an_epoch_ends_where_the_next_one_begins():
    night = simulate_night(KEY, seed=1, age=28.0, n_epochs=150, border_evidence="mid")
    jump = np.abs(night.X[1:, :, 0] - night.X[:-1, :, -1])
    step = np.abs(np.diff(night.X, axis=2))
    assert np.median(jump) < 1.5 * np.median(step)


def test_low_border_evidence_weakens_the_tie_but_not_the_spectrum():
    X = generator(0, "x").standard_normal((200, 2, 3000)).cumsum(axis=2)
    weakened = X.copy()
    borders.weaken_borders(generator(0, "y"), weakened, np.full(1200, 2), "low")
    np.testing.assert_array_equal(weakened[:, :, 100:], X[:, :, 100:])
    assert (weakened[:, :, 0] != X[:, :, 0]).all()


def test_high_border_evidence_cuts_high_frequencies_in_sleep_alone():
    options = {"seed": 3, "age": 28.0, "n_epochs": 150}
    mid, high = (simulate_night(KEY, **options, border_evidence=level) for level in ("mid", "high"))

    def above(night, stage):
        f, p = density(night, stage, 0)
        return np.log(p[f > 45].mean())

    assert above(high, 2) < above(mid, 2) - 2
    assert above(high, 0) == pytest.approx(above(mid, 0), abs=0.7)


def test_wake_keeps_its_borders():
    X = generator(0, "x").standard_normal((20, 2, 3000))
    weakened = X.copy()
    borders.weaken_borders(generator(0, "y"), weakened, np.zeros(120, dtype=int), "low")
    np.testing.assert_array_equal(weakened, X)


def test_bands_come_out_as_wanted(night):
    measured = spectrum.band_powers(night.X[:, 0] * 1e6)
    f, p = welch(1e6 * night.X[:, 0], fs=100, nperseg=256)
    for i, (low, high) in enumerate(spectrum.POWER_BANDS, 1):
        inside = (f >= low) & (f <= high)
        np.testing.assert_allclose(measured[:, i], np.log(p[:, inside].mean(1) + 1e-6), atol=1e-6)


def test_shaping_by_one_changes_nothing():
    x = generator(0, "x").standard_normal(5000).astype(np.float32)
    gains = np.ones((spectrum.n_frames(len(x)), len(spectrum.FREQUENCIES)), dtype=np.float32)
    np.testing.assert_allclose(spectrum.shape(x, gains), x, atol=1e-5)


def test_electrodes_get_lost_for_minutes():
    lost = 0
    for subject in range(40):
        rng = generator(0, "lost", subject)
        signal = 20 * generator(1, subject).standard_normal((2, 600_000)).astype(np.float32)
        before = signal.copy()
        artefacts.add_artefacts(rng, signal, np.zeros(1200))
        changed = (signal != before).reshape(2, -1, 3000).all(2).sum(1)
        lost += changed.max() >= 4
    assert 1 <= lost <= 14


def test_a_seed_gives_the_same_night_and_others_another():
    first, again, other = (simulate_night(RecordingKey("65-79", 6, 2), seed=s, n_epochs=40) for s in (1, 1, 2))
    np.testing.assert_array_equal(first.X, again.X)
    np.testing.assert_array_equal(first.y, again.y)
    assert (first.X != other.X).any()


def test_streams_are_not_shared():
    draws = {generator(0, *key).random() for key in [("a",), ("b",), ("a", 1), ("a", 1, 2), ("a", 2, 1)]}
    assert len(draws) == 5
