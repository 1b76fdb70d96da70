"""Cross-validation over target subjects."""
