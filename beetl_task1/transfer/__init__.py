"""Carrying a model over to the target group."""
