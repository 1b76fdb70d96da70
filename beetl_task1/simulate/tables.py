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
COHORTS = {"25-34": 25.0, "35-64": 35.0, "65-79": 65.0, "80+": 80.0}
"""Youngest age of each cohort of real people that tables were fitted to."""
N_POWERS = 14
"""Log powers of an epoch: six bands of Fpz-Cz, six of Pz-Oz (uV^2/Hz), drift below 0.5 Hz of either (uV^2)."""


def generator(seed: int, *key: str | int) -> np.random.Generator:
    """Return the random stream of a seed and of what it is for, for instance ``("signal", "65-79", 6, 1)``.

    Other keys give independent streams, so nothing depends on the order or number of processes. The generator is a
    counter-based Philox (Salmon et al. 2011), the same everywhere.
    """
    words = [part if isinstance(part, int) else zlib.crc32(part.encode()) for part in key]
    return np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, *words])))


def cohort(age: float) -> str:
    """Return the cohort of real people that stands for an age; those below the youngest count as the youngest."""
    return [name for name, youngest in COHORTS.items() if age >= youngest or youngest == min(COHORTS.values())][-1]


@functools.cache
def load(name: str) -> dict[str, Any]:
    """Return the arrays of ``<name>.json`` (``benchmarks/fit_simulator.py``), by name or by cohort and name.

    Ragged lists become lists of arrays.
    """
    text = (Path(__file__).parent / f"{name}.json").read_text(encoding="utf-8")
    return {key: _arrays(value) for key, value in json.loads(text).items()}


def _arrays(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _arrays(each) for key, each in value.items()}
    return _array(value) if isinstance(value, list) else value


def _array(value: list[Any]) -> np.ndarray | list[np.ndarray]:
    ragged = isinstance(value[0], list) and len({len(v) for v in value}) > 1
    return [np.array(v) for v in value] if ragged else np.array(value)
