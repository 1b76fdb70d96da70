"""The tables fitted to real nights (``benchmarks/fit_simulator.py``), read once."""

import functools
import json
from pathlib import Path

import numpy as np

N_STAGES = 6
N_POWERS = 12
"""Log powers of an epoch: five bands of Fpz-Cz, five of Pz-Oz (uV^2/Hz), drift below 0.5 Hz of either (uV^2)."""


@functools.cache
def load(name: str) -> dict[str, np.ndarray]:
    """Return the arrays of ``<name>.json``; ragged lists become lists of arrays."""
    text = (Path(__file__).parent / f"{name}.json").read_text(encoding="utf-8")
    return {key: _array(value) for key, value in json.loads(text).items()}


def _array(value: list) -> np.ndarray | list[np.ndarray]:
    ragged = isinstance(value[0], list) and len({len(v) for v in value}) > 1
    return [np.array(v) for v in value] if ragged else np.array(value)
