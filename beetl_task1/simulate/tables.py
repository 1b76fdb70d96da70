"""What a night is drawn from: random streams, and the tables fitted to real nights."""

import functools
import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
N_STAGES = 6
N_POWERS = 12
"""Log powers of an epoch: five bands of Fpz-Cz, five of Pz-Oz (uV^2/Hz), drift below 0.5 Hz of either (uV^2)."""


def generator(seed: int, *key: str | int) -> np.random.Generator:
    """Return the random stream of a seed and of what it is for, for instance ``("signal", "65-79", 6, 1)``.

    Other keys give independent streams, so nothing depends on the order or number of processes. The generator is a
    counter-based Philox (Salmon et al. 2011), the same everywhere.
    """
    words = [part if isinstance(part, int) else zlib.crc32(part.encode()) for part in key]
    return np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, *words])))


@functools.cache
def load(name: str) -> dict[str, Any]:
    """Return the arrays of ``<name>.json`` (``benchmarks/fit_simulator.py``); ragged lists become lists of arrays."""
    text = (Path(__file__).parent / f"{name}.json").read_text(encoding="utf-8")
    return {key: _array(value) for key, value in json.loads(text).items()}


def _array(value: list[Any]) -> np.ndarray | list[np.ndarray]:
    ragged = isinstance(value[0], list) and len({len(v) for v in value}) > 1
    return [np.array(v) for v in value] if ragged else np.array(value)
