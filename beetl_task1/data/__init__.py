"""Nights, the folders that hold them, and folds."""
