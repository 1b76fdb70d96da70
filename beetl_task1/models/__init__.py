"""Predictors, their registry and their checkpoints."""
