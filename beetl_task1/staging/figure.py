"""A night as a figure: hypnogram, probabilities, spectrogram."""

import io
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ..task import EPOCH_SECONDS, STAGES

if TYPE_CHECKING:
    from .staged import StagedNight

COLOURS = ("#d8a03c", "#b5d3e7", "#6aa3cd", "#2f6aa8", "#123c69", "#b0413e")
_DPI = 110


def figure_of(night: "StagedNight") -> Figure:
    """Return a figure of three panels over the hours of the recording, drawn without pyplot's global state."""
    figure = Figure(figsize=(12, 7), layout="constrained", dpi=_DPI)
    FigureCanvasAgg(figure)
    top, middle, bottom = figure.subplots(3, 1, sharex=True, height_ratios=(2, 1.2, 1.6))
    gaps = np.flatnonzero(np.diff(night.onsets) > EPOCH_SECONDS) + 1
    begins = np.insert(night.onsets, gaps, night.onsets[gaps - 1] + EPOCH_SECONDS)
    hours = np.append(begins, night.onsets[-1] + EPOCH_SECONDS) / 3600
    _hypnogram(top, night, hours, gaps)
    _probabilities(middle, night, hours, gaps)
    _spectrogram(bottom, night, hours, gaps)
    figure.suptitle(f"{night.name}\n{night.made_by.split(';')[0]}", fontsize=9)
    return figure


def draw(night: "StagedNight") -> bytes:
    """Return the figure as PNG."""
    content = io.BytesIO()
    figure_of(night).savefig(content, format="png", metadata={"Software": None})
    return content.getvalue()


def _open(values: np.ndarray, gaps: np.ndarray) -> np.ndarray:
    """Return values of epochs with one more, of nothing, in place of each gap."""
    return np.insert(np.asarray(values, dtype=float), gaps, np.nan, axis=0)


def _hypnogram(axes: Axes, night: "StagedNight", hours: np.ndarray, gaps: np.ndarray) -> None:
    """Draw Wake on top, then REM, then the other stages by depth."""
    stages = night.scheme.short
    order = [0, len(stages) - 1, *range(1, len(stages) - 1)]
    height = _open(-np.argsort(order)[night.stages], gaps)
    axes.stairs(height, hours, baseline=None, color="#222222", linewidth=0.9)
    dreams = np.where(height == -1, height, np.nan)
    axes.hlines(dreams, hours[:-1], hours[1:], color=COLOURS[-1], linewidth=3)
    axes.set_yticks(-np.arange(len(stages)), [stages[i] for i in order])
    for edge in (night.onsets[night.in_bed][0], night.onsets[night.in_bed][-1] + EPOCH_SECONDS):
        axes.axvline(edge / 3600, color="#888888", linewidth=0.8, linestyle=":")


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
    axes.set(ylabel=f"{night.channels[0]}, Hz", xlabel="hours from the beginning of the recording")
    axes.figure.colorbar(image, ax=axes, label="dB of 1 uV^2/Hz", pad=0.01)
