"""Pins of means of one second, of which a whole real night is known: what is below 1 Hz, and whether borders show."""

from pathlib import Path

import numpy as np
from pin import Pin
from real_nights import whole_seconds
from realism_nights import cached, young

from beetl_task1 import task

FEW = 20
"""So many pairs of epochs or fewer tell nothing."""


def correlations(seconds: np.ndarray, stages: np.ndarray) -> np.ndarray:
    """Correlate neighbouring seconds' means by stage: across borders of epochs of one stage, and within, (2, 6).

    ``seconds`` are (n_epochs, 30), ``stages`` (n_epochs,).
    """
    same = stages[:-1] == stages[1:]
    found = []
    for k in range(6):
        border, own = same & (stages[1:] == k), seconds[stages == k]
        pairs = (seconds[:-1][border, -1], seconds[1:][border, 0]), (own[:, :-1].ravel(), own[:, 1:].ravel())
        found.append([np.corrcoef(*pair)[0, 1] if len(pair[0]) > FEW else np.nan for pair in pairs])
    return np.array(found).T


def pin_seconds(folder: Path, seed: int) -> list[Pin]:
    """Neighbouring seconds on Fpz-Cz, across borders and within epochs, by stage."""

    def make():
        nights = [young(s, 1, seed, border_evidence="mid") for s in range(4)]
        seconds = [1e6 * n.X[:, 0].reshape(-1, 30, int(task.SFREQ)).mean(2) for n in nights]
        return {"r": np.nanmean([correlations(x, n.y) for x, n in zip(seconds, nights, strict=True)], axis=0)}

    real, mine = correlations(*whole_seconds(folder)), cached(f"seconds-{seed}", make)["r"]
    return [
        Pin(
            f"means of one second, correlation of neighbours {where}, W S1 S2 S3 S4 REM",
            " ".join(f"{v:.2f}" for v in real[i]),
            " ".join(f"{v:.2f}" for v in mine[i]),
            "each within 0.2",
            bool((np.abs(mine[i] - real[i]) <= 0.2).all()),
        )
        for i, where in enumerate(("across borders", "within epochs"))
    ]
