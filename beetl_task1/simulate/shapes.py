"""Fine structure of the spectrum inside the bands, by stage, channel and sleeper.

The bands' powers come from :mod:`powers`; a shape only says where in its band the power lies. Modelled on the real
SC4001 in Wake (flat above 13 Hz, drift at 0.4 Hz, a narrow alpha peak on Pz-Oz) and on the literature in sleep: a slow
oscillation under 1 Hz (Steriade et al. 1993), a spindle-frequency bump (De Gennaro & Ferrara 2003).
"""

import numpy as np

from .spectrum import FREQUENCIES
from .subject import Traits
from .tables import Floats

CUTOFF = {"low": (42.0, 0.0), "mid": (40.0, 0.7), "high": (34.0, 3.2)}
"""Corner (Hz) and depth of the low-pass in sleep that sets how predictable the border of an epoch is."""
LAST_CUTOFF = {"high": (34.0, 0.75)}
"""The same of a low-pass after everything else in sleep, which takes the bursts of muscle and arousals along."""
_RECORDER = ((42.0, 1.0), (42.0, 0.4))
"""The recorder's own low-pass on either channel, in every stage; without it a border in Wake tells 1.1 nats on Fpz-Cz,
in the real SC4001 1.4."""
_ALPHA = np.array([[0.5, 0.25, 0.1, 0.1, 0.05, 0.1], [1.2, 0.5, 0.2, 0.15, 0.1, 0.3]])
_SIGMA = np.array([[0.0, 0.1, 0.35, 0.35, 0.25, 0.0], [0.0, 0.1, 0.45, 0.4, 0.3, 0.0]])
_SLOW = np.array([0.0, 0.0, 0.25, 0.45, 1.25, 0.0])
_FLAT = np.array([[0.8, 0.3, 0.0, 0.0, 0.0, 0.1], [0.4, 0.1, 0.0, 0.0, 0.0, 0.1]])


def shapes(traits: Traits, border_evidence: str) -> Floats:
    """Return the log density that is added to each frequency, (2 channels, 6 stages, n_frequencies) float32."""
    f = FREQUENCIES
    shape = np.empty((2, 6, len(f)))
    for channel in range(2):
        shape[channel] = (
            np.outer(traits.alpha * _ALPHA[channel], _peak(f, traits.alpha_peak, 0.9))
            + np.outer(_SIGMA[channel], _peak(f, traits.spindle_peak, 1.1))
            + np.outer(_SLOW, _peak(f, 0.8, 0.45))
            + np.outer(_FLAT[channel], np.clip((f - 13) / 17, 0, 1))
            + np.where(f < 0.2, -1.5, 0.0)
            + _low_pass(f, *_RECORDER[channel])
        )
    shape[:, 1:] += _low_pass(f, *CUTOFF[border_evidence])
    return shape.astype(np.float32)


def last_low_pass(border_evidence: str) -> Floats | None:
    """Return the log density that the last low-pass adds in sleep, (n_frequencies,), or None if there is none."""
    cutoff = LAST_CUTOFF.get(border_evidence)
    return None if cutoff is None else _low_pass(FREQUENCIES, *cutoff)


def _low_pass(f: Floats, corner: float, depth: float) -> Floats:
    return np.asarray(-depth * np.log1p((f / corner) ** 20))


def _peak(f: Floats, centre: float, width: float) -> Floats:
    return np.asarray(np.exp(-0.5 * ((f - centre) / width) ** 2))
