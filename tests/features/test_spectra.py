"""Spectral features against known answers."""

import itertools

import numpy as np
import pytest
from scipy import signal

from beetl_task1.features import extract, feature_names
from beetl_task1.features.spectra import (
    BANDS,
    DENSITY_FLOOR,
    band_bins,
    frequencies,
    median_density,
    segment_power,
    segment_spectra,
)

from .signals import TIMES, both, noise

FEATURE_NAMES = feature_names()


def features(X):
    return {name: column for name, column in zip(FEATURE_NAMES, extract(X).T, strict=True)}


def coloured(exponent, n_epochs=20):
    """Return noise in volts whose power falls as 1 / f ** exponent."""
    freqs = np.fft.rfftfreq(3000, 0.01)
    spectrum = np.fft.rfft(noise(n_epochs)) / np.maximum(freqs, 0.3) ** (exponent / 2)
    return np.fft.irfft(spectrum, n=3000)


def test_density_equals_welchs_median():
    x = (noise(5) * 1e6).astype(np.float32)
    freqs, expected = signal.welch(x.astype(float), 100, nperseg=500, average="median")
    rows = np.searchsorted(freqs, frequencies() - 1e-6)
    np.testing.assert_allclose(
        median_density(segment_power(segment_spectra(x))) - DENSITY_FLOOR, expected[..., rows], rtol=1e-3
    )


def test_bands_tile_the_spectrum():
    bins = [band_bins(*edges) for edges in BANDS.values()]
    assert all(a.stop == b.start for a, b in itertools.pairwise(bins))
    assert frequencies()[bins[0].start - 1] < 0.5 < frequencies()[bins[0].start]
    assert frequencies()[bins[-1].stop - 1] < 45


def test_a_sine_of_10_hz_is_alpha():
    F = features(both(20 * np.sin(2 * np.pi * 10 * TIMES)))
    assert F["Fpz-Cz peak_alpha_hz"] == pytest.approx(10, abs=0.02)
    assert F["Fpz-Cz peak_alpha_height"] > 3
    assert F["Fpz-Cz rel_alpha"] == pytest.approx(0, abs=0.02)
    assert F["Fpz-Cz edge_50"] == pytest.approx(1, abs=0.01)
    assert F["Fpz-Cz alpha_time"] == F["Fpz-Cz alpha_strong_time"] == 1


@pytest.mark.parametrize("hz", [12.3, 13.0, 14.1])
def test_a_sine_in_sigma_peaks_at_its_frequency(hz):
    assert features(both(5 * np.sin(2 * np.pi * hz * TIMES)))["Pz-Oz peak_sigma_hz"] == pytest.approx(hz, abs=0.05)


@pytest.mark.parametrize("exponent", [0, 1, 2])
def test_the_exponent_of_coloured_noise_is_found(exponent):
    assert features(coloured(exponent))["Fpz-Cz aperiodic_exponent"].mean() == pytest.approx(exponent, abs=0.1)


def test_a_strong_alpha_leaves_the_background_alone():
    X = coloured(1)
    bumped = X + 1e-5 * np.sin(2 * np.pi * 10 * TIMES)
    for name in ("aperiodic_exponent", "aperiodic_offset"):
        np.testing.assert_allclose(features(bumped)[f"Fpz-Cz {name}"], features(X)[f"Fpz-Cz {name}"], atol=0.02)


def test_white_noise_has_the_density_it_should():
    F = features(noise(60))
    for band in BANDS:
        density = 10 ** F[f"Pz-Oz log_{band}"]
        assert density.mean() == pytest.approx(2, rel=0.1)
    assert F["Fpz-Cz spectral_entropy"].min() > 0.97


def test_entropy_of_a_line_is_low():
    assert features(both(50 * np.sin(2 * np.pi * 10 * TIMES)))["Fpz-Cz spectral_entropy"] < 0.25


def test_one_artefact_hardly_moves_the_band_powers():
    X = noise(10)
    spoilt = X.copy()
    spoilt[:, :, 1000:1100] += 4e-4
    for band in ("delta", "theta", "alpha", "sigma", "beta"):
        shift = features(spoilt)[f"Fpz-Cz log_{band}"] - features(X)[f"Fpz-Cz log_{band}"]
        assert np.abs(shift).mean() < 0.15


def test_identical_channels_are_coherent_and_correlated():
    X = np.repeat(noise(5)[:, :1], 2, axis=1)
    F = features(X)
    for name in [n for n in FEATURE_NAMES if "coherence" in n or "correlation" in n]:
        np.testing.assert_allclose(F[name], 1, atol=1e-4)
    for name in [n for n in FEATURE_NAMES if n.startswith("both ratio")]:
        np.testing.assert_array_equal(F[name], 0)


def test_opposite_channels_are_coherent_and_anticorrelated():
    X = noise(5)[:, :1] * [[1], [-2]]
    F = features(X)
    np.testing.assert_allclose(F["both coherence_alpha"], 1, atol=1e-4)
    np.testing.assert_allclose(F["both correlation_slow"], -1, atol=1e-4)
    np.testing.assert_allclose(F["both ratio_alpha"], -np.log10(4), atol=1e-3)


def test_independent_channels_have_little_in_common():
    F = features(noise(20))
    assert F["both coherence_beta"].max() < 0.1
    assert np.abs(F["both correlation_fast"]).max() < 0.15
