"""Charts as inline SVG: readable on a phone, coloured by the page's own variables, with alternative text.

What is drawn where is worked out here; the marks themselves are in ``charts.svg.jinja``.
"""

from collections.abc import Mapping, Sequence
from math import ceil, floor, log10
from pathlib import Path
from typing import NamedTuple

import jinja2

from ..calibration import Curve
from ..resampling import Interval

Series = Mapping[str, Mapping[str, float | None]]
"""For each row of a chart a value of each series, ``None`` where there is none."""
_LEFT, _RIGHT = 8, 344

TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=jinja2.StrictUndefined,
)


class Row(NamedTuple):
    """One line of a forest chart."""

    label: str
    """Above the line."""
    value: float
    """The large mark."""
    interval: Interval | None
    """The line."""
    points: Mapping[str, float]
    """Small marks with their names."""
    note: str
    """At the right end of the label's line."""


class Scale:
    """Maps values to x, with round ticks around them."""

    def __init__(self, values: Sequence[float], left: float = _LEFT + 6):
        low, high = min(values), max(values)
        raw = ((high - low) or max(abs(high), 1.0)) / 4
        power = 10 ** floor(log10(raw))
        step = next(m * power for m in (1, 2, 5, 10) if m * power >= raw)
        first = floor(low / step)
        self.ticks = [round(k * step, 6) for k in range(first, max(ceil(high / step), first + 1) + 1)]
        self.left, self.right = left, _RIGHT

    def __call__(self, value: float) -> float:
        """Return the place of a value."""
        share: float = (value - self.ticks[0]) / (self.ticks[-1] - self.ticks[0])
        return round(self.left + (self.right - self.left) * share, 1)


def forest(rows: Sequence[Row], title: str, unit: str, zero: bool = False) -> str:
    """Return rows with a value, its interval and single points; ``zero`` draws a line at 0 and takes it in."""
    values: list[float] = [0.0] if zero else []
    described: list[str] = []
    for row in rows:
        values += [row.value, *row.points.values()]
        described.append(f"{row.label} {row.value:.1f}")
        if row.interval:
            values += [row.interval.low, row.interval.high]
            described[-1] += f" ({row.interval.low:.1f} to {row.interval.high:.1f})"
    return _drawn("forest", title, "; ".join(described), rows, Scale(values), unit, zero)


def dots(rows: Series, title: str, unit: str) -> str:
    """Return one line per row with one mark per series, each with its own colour and shape."""
    values = [v for series in rows.values() for v in series.values() if v is not None]
    return _drawn("dots", title, _described(rows, ".1f"), rows, Scale(values, left=62), unit)


def bars(rows: Series, title: str, unit: str, wide_labels: bool = False) -> str:
    """Return one group of horizontal bars per row, from zero; wide labels are above their bars."""
    values = [0.0, *(v for series in rows.values() for v in series.values() if v is not None)]
    scale = Scale(values, left=_LEFT if wide_labels else 62)
    return _drawn("bars", title, _described(rows, ".3g"), rows, scale, unit, wide_labels)


def reliability(curves: Mapping[str, Curve], title: str) -> str:
    """Return reliability curves over the diagonal; marks grow with the epochs behind them."""
    described = "; ".join(
        f"{name}: "
        + ", ".join(f"says {a:.0%} is right {b:.0%}" for a, b in zip(curve.confidence, curve.frequency, strict=True))
        for name, curve in curves.items()
    )
    return _drawn("reliability", title, described, curves)


def legend(names: Sequence[str], bars: bool = False) -> str:
    """Return a legend for series in their order."""
    return _drawn("legend", names, bars)


def _described(rows: Series, form: str) -> str:
    """Return the alternative text of rows with several series."""
    return "; ".join(
        f"{label}: " + ", ".join(f"{name} {'absent' if v is None else format(v, form)}" for name, v in series.items())
        for label, series in rows.items()
    )


def _drawn(macro: str, *arguments: object) -> str:
    drawn: str = getattr(TEMPLATES.get_template("charts.svg.jinja").module, macro)(*arguments)
    return drawn


def short(text: str, most: int = 40) -> str:
    """Return a text that fits above a line; the alternative text has it whole."""
    half = most // 2
    return text if len(text) <= most else f"{text[: half - 1].rstrip()} ... {text[-half:].lstrip()}"


TEMPLATES.filters |= {"short": short, "at": lambda place: f"{place:.1f}"}
