"""Pins of means of one second, of which a whole real night is known: what is below 1 Hz, and whether borders show."""

from pathlib import Path

import numpy as np
from pin import Pin
from real_nights import aged_whole_hypnogram
from realism_nights import cached, young
from scipy.io import wavfile

from beetl_task1 import task

SCALE = 0.04699 / 16
"""Microvolts of Fpz-Cz a step of the stored 16 bits, of which the lowest four are empty."""
RECORD = "SC4001E0"
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


def real_seconds(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return the means of one second of SC4001 on Fpz-Cz, (n_epochs, 30), and its stages; extremes are left out."""
    data = wavfile.read(folder / "sleep_edf_sc4001" / "one_hertz.wav")[1][:, 0] * SCALE
    stages = aged_whole_hypnogram(folder, RECORD)
    n = min(len(data) // 30, len(stages))
    asleep = np.flatnonzero(stages[:n] > 0)
    kept = slice(max(0, asleep[0] - 60), asleep[-1] + 60)
    return data[: 30 * n].reshape(n, 30)[kept], stages[:n][kept]


def pin_seconds(folder: Path, seed: int) -> list[Pin]:
    """Neighbouring seconds on Fpz-Cz, across borders and within epochs, by stage."""

    def make():
        nights = [young(s, 1, seed, border_evidence="mid") for s in range(4)]
        seconds = [1e6 * n.X[:, 0].reshape(-1, 30, int(task.SFREQ)).mean(2) for n in nights]
        return {"r": np.nanmean([correlations(x, n.y) for x, n in zip(seconds, nights, strict=True)], axis=0)}

    real, mine = correlations(*real_seconds(folder)), cached(f"seconds-{seed}", make)["r"]
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
