"""How scorecards show themselves in Python: as a table, as a figure, and as HTML in notebooks."""

import html
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from .scorecard import Scorecard, Unit


def frame_of(units: Sequence["Unit"]) -> "pd.DataFrame":
    """Return one row per subject or night: epochs, score, accuracy, kappa, macro F1, and the recall of each stage."""
    import pandas as pd

    rows = [
        {"epochs": unit.n_epochs, "score": unit.score, "accuracy": unit.accuracy, "kappa": unit.kappa}
        | {"macro_f1": unit.macro_f1}
        | {f"recall_{stage}": share for stage, share in unit.recall.items()}
        for unit in units
    ]
    frame = pd.DataFrame(rows, index=pd.Index([unit.name for unit in units], name="of"))
    return frame.astype({column: float for column in frame.columns if column != "epochs"})


def figure_of(card: "Scorecard") -> "Figure":
    """Return the score of each subject beside the confusion matrix, drawn without pyplot's global state."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    _draw_scores(left, card)
    _draw_confusion(right, card)
    figure.suptitle(headline(card), fontsize=10)
    return figure


def html_of(card: "Scorecard") -> str:
    """Return headline, scores and confusion matrix as tables."""
    import pandas as pd

    stages = list(card.stages)
    confusion = pd.DataFrame(card.pooled.confusion, pd.Index(stages, name="truth"), pd.Index(stages, name="labels"))
    tables = [frame_of([*card.subjects, card.pooled]).round(2), confusion]
    boxes = [f'<div style="overflow-x: auto">{table.to_html(na_rep="-")}</div>' for table in tables]
    return f"<p><strong>{html.escape(headline(card))}</strong></p>" + "".join(boxes)


def headline(card: "Scorecard") -> str:
    """Return the score in one line: whose, of how many epochs, with its interval, and of what data."""
    name = f"{card.name} on {card.group}" if card.group else card.name
    found = card.interval
    spread = f" ({found.level:.0%} interval {found.low:.1f} to {found.high:.1f})" if found else ""
    told = f"{name}: {card.score:.2f}{spread} over {card.pooled.n_epochs:,} epochs"
    return told + (f"; {card.data}" if card.data else "")


def _draw_scores(axes: "Axes", card: "Scorecard") -> None:
    scores = card.subject_scores or {card.pooled.name: card.score}
    if card.interval:
        axes.axvspan(card.interval.low, card.interval.high, color="#0b6bb8", alpha=0.12)
    axes.axvline(card.score, color="#0b6bb8")
    axes.plot(list(scores.values()), range(len(scores)), "o", color="#c2570c")
    axes.set_yticks(range(len(scores)), list(scores))
    axes.invert_yaxis()
    axes.set(xlabel="score; line: pooled, band: interval", title="subjects")


def _draw_confusion(axes: "Axes", card: "Scorecard") -> None:
    counts = np.array(card.pooled.confusion)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (row, column), share in np.ndenumerate(shares):
        colour = "white" if share > 0.6 else "black"
        axes.text(column, row, f"{share:.0%}", ha="center", va="center", fontsize=8, color=colour)
    axes.set_xticks(range(len(card.stages)), card.stages)
    axes.set_yticks(range(len(card.stages)), card.stages)
    axes.set(xlabel="labels", ylabel="truth", title="confusion, share of the truth")
