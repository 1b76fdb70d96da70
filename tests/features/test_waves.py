"""Slow waves and events against known answers, and against real EEG where it is at hand."""

from pathlib import Path

import numpy as np
import pytest

from beetl_task1.features import extract, feature_names
from beetl_task1.features.filters import FILTERS, filter_bank
from beetl_task1.features.waves import find_waves

from .signals import TIMES, before, both, noise

FEATURE_NAMES = feature_names()
DYNAMO = Path(__file__).parents[2].parent / "shared" / "data" / "dynamo"


def features(X):
    return {name: column for name, column in zip(FEATURE_NAMES, extract(X).T, strict=True)}


def bursts(hz, amplitude, starts, seconds):
    """Return a signal of bursts in uV, Hann-shaped."""
    wave = np.zeros(3000)
    for start in starts:
        size = int(100 * seconds)
        rows = slice(int(100 * start), int(100 * start) + size)
        wave[rows] = amplitude * np.hanning(size) * np.sin(2 * np.pi * hz * TIMES[:size])
    return wave


@pytest.mark.parametrize("share", [0.2, 0.6, 1.0])
def test_slow_waves_above_75_uv_fill_their_share(share):
    F = features(both(40 * np.sin(2 * np.pi * TIMES) * before(30 * share)))
    assert F["Fpz-Cz slow_share_75"] == pytest.approx(share, abs=0.04)
    assert F["Fpz-Cz slow_density"] == pytest.approx(share, abs=0.05)


def test_thresholds_are_peak_to_peak():
    F = features(both(30 * np.sin(2 * np.pi * TIMES)))
    assert F["Fpz-Cz slow_share_75"] == 0
    assert F["Fpz-Cz slow_share_50"] > 0.95
    assert 10 ** F["Fpz-Cz slow_amplitude"] == pytest.approx(60, rel=0.03)


def test_fast_waves_are_no_slow_waves():
    assert features(both(100 * np.sin(2 * np.pi * 4 * TIMES)))["Fpz-Cz slow_share_37"] < 0.05


def test_waves_are_negative_then_positive():
    waves = find_waves(-np.sin(2 * np.pi * TIMES)[None, :200], 100)
    np.testing.assert_allclose(waves.amplitude, 2, atol=1e-3)
    np.testing.assert_allclose(waves.seconds, 1, atol=0.03)


def test_waves_do_not_run_from_one_signal_into_the_next():
    one = -np.sin(2 * np.pi * (TIMES + 0.005))[:50]
    assert len(find_waves(np.stack([one, -one]), 100).signal) == 0


def test_a_single_large_wave_stands_out():
    k_complex = np.zeros(3000)
    k_complex[1000:1080] = -120 * np.sin(2 * np.pi * 1.25 * TIMES[:80])
    F = features(both(k_complex))
    assert 10 ** F["Fpz-Cz slow_max"] > 120
    assert F["Fpz-Cz slow_contrast"] > 0.5
    assert F["Fpz-Cz slow_share_75"] < 0.1


def test_spindles_are_counted():
    plain = np.random.default_rng(0).standard_normal((2, 3000)) * 3
    spindles = features((plain + bursts(13, 20, [4, 12, 21], 1.0))[None] * 1e-6)
    assert 10 ** spindles["Fpz-Cz spindle_count"] - 1 == pytest.approx(3, abs=1)
    assert 0.04 < spindles["Fpz-Cz spindle_time"] < 0.15
    assert spindles["Fpz-Cz spindle_share"] > 0.7


def test_muscle_is_what_lies_above_30_hz():
    X = both(10 * np.sin(2 * np.pi * 37 * TIMES) * before(6))
    F = features(X)
    assert F["Fpz-Cz muscle_p90"] == pytest.approx(np.log10(50), abs=0.05)
    assert F["Fpz-Cz muscle_median"] < 0.5


def test_rapid_deflections_are_steep():
    slow = 30 * np.sin(2 * np.pi * 0.5 * TIMES)
    fast = slow + 60 * np.tanh((TIMES % 6 - 3) * 20)
    assert features(both(fast))["Fpz-Cz eye_steepest"] > features(both(slow))["Fpz-Cz eye_steepest"] + 0.4


def test_alpha_that_comes_and_goes_has_its_share_of_the_time():
    F = features(both(15 * np.sin(2 * np.pi * 10 * TIMES) * before(12)))
    assert F["Pz-Oz alpha_strong_time"] == pytest.approx(0.4, abs=0.1)
    assert F["Pz-Oz vary_alpha"] > 0.5


@pytest.mark.parametrize("band", FILTERS)
def test_filters_pass_their_band_and_stop_the_rest(band):
    low, high, division = FILTERS[band]
    for hz, gain in ((np.sqrt(low * high), 1), (low / 3, 0), (high + 2, 0)):
        x = np.tile(np.sin(2 * np.pi * hz * TIMES), (1, 1, 1)).astype(np.float32)
        inner = filter_bank(x)[band][0, 0][600 // division : -600 // division]
        assert np.sqrt(2) * inner.std() == pytest.approx(gain, abs=0.05)


@pytest.mark.skipif(not DYNAMO.is_dir(), reason="the real EEG is not at hand")
def test_features_rank_the_stages_of_real_sleep():
    x = np.loadtxt(DYNAMO / "segment_data.csv")[1000:]
    times, stages = np.loadtxt(DYNAMO / "segment_stages.csv", delimiter=",", skiprows=1).T
    epochs = x[: len(x) // 3000 * 3000].reshape(-1, 1, 3000) * 1e-6
    stage = stages[np.searchsorted(times, 25 + 30 * np.arange(len(epochs))) - 1]
    F = features(np.repeat(epochs, 2, axis=1))
    n3, n2, rem = (stage == s for s in (1, 2, 4))

    def median(name, rows):
        return np.median(F[f"Fpz-Cz {name}"][rows])

    assert median("log_delta", n3) > median("log_delta", n2) > median("log_delta", rem)
    assert median("slow_share_75", n3) > 0.2 > median("slow_share_75", n2) > median("slow_share_75", rem)
    assert median("spindle_time", n2) > 2 * median("spindle_time", rem)
    assert median("aperiodic_exponent", n3) > median("aperiodic_exponent", n2) > median("aperiodic_exponent", rem)


def test_noise_has_no_slow_waves_worth_the_name():
    assert features(noise(5))["Fpz-Cz slow_share_37"].max() == 0
