"""One pinned statistic."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Pin:
    """One statistic: what it is, its real number, the simulated one, what is asked, and whether it holds."""

    name: str
    real: str
    simulated: str
    asked: str
    holds: bool


def close(name: str, real: float, simulated: float, tolerance: float, digits: int = 2) -> Pin:
    """Pin a number to within a tolerance of the real one."""
    return Pin(
        name,
        f"{real:.{digits}f}",
        f"{simulated:.{digits}f}",
        f"+- {tolerance:g}",
        bool(abs(simulated - real) <= tolerance),
    )


def percent(shares: np.ndarray) -> str:
    """Return shares in per cent, one digit, as text."""
    return " ".join(f"{100 * s:.1f}" for s in shares)
