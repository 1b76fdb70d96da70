"""A night as a figure on the clock: hypnogram with the scorer's, probabilities, spectrogram."""

import io
from datetime import timedelta
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..task import EPOCH_SECONDS, STAGES

if TYPE_CHECKING:
    from .staged import StagedNight

COLOURS = ("#d8a03c", "#b5d3e7", "#6aa3cd", "#2f6aa8", "#123c69", "#b0413e")
_DPI = 110
_SCORER = "#9a9a9a"
_ABOVE = 0.14
"""By how much of a stage the scorer's line lies above the models'."""
_NO_DATE = {"png": {"Software": None}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}


def figure_of(night: "StagedNight") -> Figure:
    """Return a figure of three panels over the time of day, drawn without pyplot's global state.

    Over hours from the beginning where the recording does not say when it began.
    """
    figure = Figure(figsize=(12, 7), layout="constrained", dpi=_DPI)
    top, middle, bottom = figure.subplots(3, 1, sharex=True, height_ratios=(2, 1.2, 1.6))
    gaps = np.flatnonzero(np.diff(night.onsets) > EPOCH_SECONDS) + 1
    begins = np.insert(night.onsets, gaps, night.onsets[gaps - 1] + EPOCH_SECONDS)
    hours = np.append(begins, night.onsets[-1] + EPOCH_SECONDS) / 3600
    _hypnogram(top, night, hours, gaps)
    _probabilities(middle, night, hours, gaps)
    _spectrogram(bottom, night, hours, gaps)
    _clock(bottom, night, hours[-1])
    figure.suptitle(f"{night.name}\n{night.made_by.split(';')[0]}", fontsize=9)
    return figure


def draw(night: "StagedNight", form: str = "png") -> bytes:
    """Return the figure as PNG, SVG or PDF; the same night gives the same bytes."""
    content = io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": night.name, "svg.fonttype": "none"}):
        figure_of(night).savefig(content, format=form, metadata=_NO_DATE[form])
    return content.getvalue()


def _open(values: np.ndarray, gaps: np.ndarray) -> np.ndarray:
    """Return values of epochs with one more, of nothing, in place of each gap."""
    return np.insert(np.asarray(values, dtype=float), gaps, np.nan, axis=0)


def _hypnogram(axes: Axes, night: "StagedNight", hours: np.ndarray, gaps: np.ndarray) -> None:
    """Draw Wake on top, then REM, then the other stages by depth; the scorer's a little above the models'."""
    stages = night.scheme.short
    order = [0, len(stages) - 1, *range(1, len(stages) - 1)]
    heights = -np.argsort(order).astype(float)
    if night.scored is not None:
        theirs = night.scheme.labels(night.scored.stages)
        _line(axes, _open(np.where(theirs < 0, np.nan, heights[theirs]), gaps), hours, 2.2, _SCORER, "scorer", _ABOVE)
    _line(axes, _open(heights[night.stages], gaps), hours, 0.9, "#222222", "models")
    if night.scored is not None:
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=7)
    axes.set_ylim(0.4 - len(stages), 0.4)
    axes.set_yticks(-np.arange(len(stages)), [stages[i] for i in order])
    for edge in (night.onsets[night.in_bed][0], night.onsets[night.in_bed][-1] + EPOCH_SECONDS):
        axes.axvline(edge / 3600, color="#888888", linewidth=0.8, linestyle=":")


def _line(
    axes: Axes, heights: np.ndarray, hours: np.ndarray, width: float, colour: str, label: str, above: float = 0.0
) -> None:
    """Draw a hypnogram with its REM in REM's colour."""
    axes.stairs(heights + above, hours, baseline=None, color=colour, linewidth=width, label=label)
    dreams = np.where(heights == -1, heights + above, np.nan)
    axes.hlines(dreams, hours[:-1], hours[1:], color=COLOURS[-1], linewidth=3, alpha=0.5 if above else 1.0)


def _clock(axes: Axes, night: "StagedNight", hours: float) -> None:
    """Name the time of day on the axis, where the recording tells when it began."""
    if night.start is None:
        axes.set_xlabel("hours from the beginning of the recording")
        return
    step = 2.0 if hours > 16 else 1.0 if hours > 3 else 0.25
    began = night.start.hour + night.start.minute / 60 + night.start.second / 3600
    ticks = np.arange(-began % step, hours, step)
    axes.set_xticks(ticks, [f"{night.start + timedelta(hours=tick, seconds=0.5):%H:%M}" for tick in ticks.tolist()])
    axes.set_xlabel("time of day")


def _probabilities(axes: Axes, night: "StagedNight", hours: np.ndarray, gaps: np.ndarray) -> None:
    order = [4, 3, 2, 1, 5, 0]
    axes.stackplot(
        hours[:-1],
        _open(night.probabilities, gaps).T[order],
        step="post",
        colors=[COLOURS[i] for i in order],
        labels=[STAGES[i] for i in order],
    )
    axes.set(ylim=(0, 1), ylabel="probability", xlim=(hours[0], hours[-1]))
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=7, reverse=True)


def _spectrogram(axes: Axes, night: "StagedNight", hours: np.ndarray, gaps: np.ndarray) -> None:
    frequencies, decibel = night.spectrogram
    step = frequencies[1] - frequencies[0]
    edges = np.append(frequencies, frequencies[-1] + step) - step / 2
    low, high = np.percentile(decibel, [2, 98])
    image = axes.pcolormesh(
        hours, edges, _open(decibel, gaps).T, cmap="viridis", vmin=low, vmax=max(high, low + 1), rasterized=True
    )
    axes.set_ylabel(f"{night.channels[0]}, Hz")
    axes.figure.colorbar(image, ax=axes, label="dB of 1 uV^2/Hz", pad=0.01)
