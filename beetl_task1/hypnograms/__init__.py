"""A scorer's night: schemes of scoring, names of stages, files of hypnograms, and their place on the grid of epochs."""
