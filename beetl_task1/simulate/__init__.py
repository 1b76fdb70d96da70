"""Simulated competitions with known truth and known order.

:func:`simulate` writes a whole competition in the real file formats, :func:`simulate_night` gives one night in order.
What is modelled and what is not: ``docs/simulation.md``.
"""

from .night import Night, simulate_night
from .plan import SIZES, NightPlan, plan
from .tree import MARKER, simulate

__all__ = ["MARKER", "SIZES", "Night", "NightPlan", "plan", "simulate", "simulate_night"]
