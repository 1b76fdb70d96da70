"""BEETL Task 1: sleep staging carried over to older people, from the data to the Codalab zip."""

__version__ = "0.1.0"
