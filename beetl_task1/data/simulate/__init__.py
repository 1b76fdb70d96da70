"""Simulated competitions with known truth and known order."""
