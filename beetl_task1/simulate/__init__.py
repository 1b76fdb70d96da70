"""Simulated competitions with known truth and known order.

:func:`simulate` writes a whole competition in the real file formats, :func:`simulate_night` gives one night in order.
What is modelled and what is not: ``docs/simulation.md``.
"""

from .competition import SIZES, Slot, slots
from .night import SimulatedRecording, simulate_night
from .tree import MARKER, simulate

__all__ = ["MARKER", "SIZES", "SimulatedRecording", "Slot", "simulate", "simulate_night", "slots"]
