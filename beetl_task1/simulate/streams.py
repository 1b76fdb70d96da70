"""Random streams: one per purpose and per night, so that nothing depends on the order or number of processes."""

import zlib

import numpy as np


def generator(seed: int, *key: str | int) -> np.random.Generator:
    """Return the stream of a seed and a key.

    Parameters
    ----------
    seed : int
        Seed of the whole competition, non-negative.
    *key : str or int
        What the stream is for, for instance ``("signal", "65-79", 6, 1)``. Other keys give independent streams.

    Returns
    -------
    numpy.random.Generator
        A counter-based Philox generator (Salmon et al. 2011): the same everywhere.
    """
    words = [part if isinstance(part, int) else zlib.crc32(part.encode()) for part in key]
    return np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, *words])))
