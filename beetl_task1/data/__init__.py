"""Nights, folders, folds and the simulator."""
