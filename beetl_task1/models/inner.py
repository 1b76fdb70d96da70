"""Inner splits of training nights, by subject."""

from collections.abc import Sequence

import numpy as np

from ..data.recording import Recording


def inner_split(nights: Sequence[Recording], share: float, seed: int) -> tuple[list[Recording], list[Recording]]:
    """Hold out whole subjects, drawn by the seed; none where fewer than three are there, or none is asked for.

    Parameters
    ----------
    nights : sequence of Recording
        Labelled.
    share : float
        Of the subjects, at least one where it is not 0.
    seed : int
        Of the draw.

    Returns
    -------
    train, held_out : list of Recording
        No subject stands on both sides.
    """
    subjects = sorted({night.key[:2] for night in nights})
    if not share or len(subjects) < 3:
        return list(nights), []
    n_out = max(1, round(share * len(subjects)))
    drawn = np.random.default_rng(seed).choice(len(subjects), n_out, replace=False)
    out = {subjects[i] for i in drawn}
    return [night for night in nights if night.key[:2] not in out], [night for night in nights if night.key[:2] in out]
