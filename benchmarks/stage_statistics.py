"""Statistics of log powers by stage: mean, between subjects, within nights."""

import numpy as np

RARE = 8
"""A stage with fewer epochs in a night is left out of that night."""


def stage_statistics(z: dict, y: dict, subject: dict) -> np.ndarray:
    """Return mean over subjects, spread between subjects and mean spread within a night.

    Parameters
    ----------
    z : dict of (n_epochs, n_powers)
        Log powers of every night.
    y : dict of (n_epochs,)
        Stages 0-5 as scored.
    subject : dict
        Subject of every night.

    Returns
    -------
    (3, 6, n_powers) : mean, standard deviation between subjects, standard deviation within nights.
    """
    return np.stack([_one_stage(z, {r: y[r] == k for r in y}, subject) for k in range(6)], axis=1)


def _one_stage(z: dict, rows: dict, subject: dict) -> np.ndarray:
    kept = [r for r in sorted(z) if rows[r].sum() >= RARE]
    means = {r: z[r][rows[r]].mean(0) for r in kept}
    people = np.array(
        [np.mean([means[r] for r in kept if subject[r] == s], axis=0) for s in sorted({subject[r] for r in kept})]
    )
    within = np.mean([z[r][rows[r]].std(0) for r in kept], axis=0)
    return np.array([people.mean(0), people.std(0, ddof=1), within])
