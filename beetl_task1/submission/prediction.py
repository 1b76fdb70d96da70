"""A predicted test set, as Python holds it."""

import html
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..data.probabilities import Probabilities, load_probabilities
from ..data.recording import RecordingKey
from ..errors import SubmissionError
from ..task import STAGES
from .answer import ANSWER, PROBABILITIES, read_answer

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Prediction:
    """What a trained recipe says of a test set, and the folder in which it stands.

    Attributes
    ----------
    folder : Path
        Holds ``probabilities.npz`` and ``answer.txt``.
    probabilities : dict of RecordingKey to numpy.ndarray (n_epochs, 6)
        In the order of the submission.
    labels : dict of RecordingKey to numpy.ndarray (n_epochs,)
        Decided stages, indices into :data:`beetl_task1.task.STAGES`.
    data : str
        What the data are.
    """

    folder: Path
    probabilities: Probabilities
    labels: Mapping[RecordingKey, np.ndarray]
    data: str

    @classmethod
    def read(cls, folder: str | Path) -> "Prediction":
        """Return what ``predict`` wrote into a folder.

        Raises
        ------
        BeetlError
            If a file is missing or damaged, or they are not of the same epochs.
        """
        folder = Path(folder)
        probabilities, meta = load_probabilities(folder / PROBABILITIES)
        labels = read_answer(folder / ANSWER)
        keys = sorted(probabilities)
        lengths = [len(probabilities[key]) for key in keys]
        if sum(lengths) != len(labels):
            text = f"{folder}: {len(labels)} labels in {ANSWER} for {sum(lengths)} epochs in {PROBABILITIES}"
            raise SubmissionError(f"{text}; predict again")
        parts = np.split(labels, np.cumsum(lengths)[:-1])
        ordered = {key: probabilities[key] for key in keys}
        return cls(folder, ordered, dict(zip(keys, parts, strict=True)), str(meta.get("data", "")))

    @property
    def answer(self) -> Path:
        """The file of labels, one per line."""
        return self.folder / ANSWER

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per epoch: recording, row within it, stage, six probabilities ``p_...``."""
        import pandas as pd

        of = [str(key) for key, labels in self.labels.items() for _ in labels]
        rows = np.concatenate([np.arange(len(labels)) for labels in self.labels.values()])
        stages = np.array(STAGES)[np.concatenate(list(self.labels.values()))]
        frame = pd.DataFrame({"recording": of, "row": rows, "stage": stages})
        p = np.concatenate(list(self.probabilities.values()))
        return frame.join(pd.DataFrame(p, columns=[f"p_{stage}" for stage in STAGES]))

    def counts(self) -> "pd.DataFrame":
        """Return the epochs of each stage, a row per recording."""
        import pandas as pd

        rows = [np.bincount(labels, minlength=len(STAGES)) for labels in self.labels.values()]
        return pd.DataFrame(rows, index=pd.Index(map(str, self.labels), name="recording"), columns=list(STAGES))

    def plot(self) -> "Figure":
        """Return the share of each stage in each recording, drawn without pyplot's global state."""
        from matplotlib.figure import Figure

        counts = self.counts()
        figure = Figure(figsize=(8, 1.5 + 0.28 * len(counts)), layout="constrained")
        axes = figure.subplots()
        shares = counts.div(counts.sum(axis=1), axis=0)
        left = np.zeros(len(shares))
        for stage in STAGES:
            axes.barh(shares.index, shares[stage], left=left, label=stage)
            left = left + shares[stage].to_numpy()
        axes.invert_yaxis()
        axes.set(xlim=(0, 1), xlabel="share of the epochs")
        axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
        return figure

    def _repr_html_(self) -> str:
        told = html.escape(f"{self.folder}: {sum(map(len, self.labels.values())):,} epochs; {self.data}")
        return f'<p><strong>{told}</strong></p><div style="overflow-x: auto">{self.counts().to_html()}</div>'
