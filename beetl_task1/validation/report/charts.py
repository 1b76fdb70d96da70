"""Charts as inline SVG: readable on a phone, coloured by the page's own variables, with alternative text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from math import floor, log10

WIDTH = 360
"""Units across; a phone shows about as many pixels, so that text keeps its size."""
_LEFT, _RIGHT = 8, 352
_SHAPES = ("circle", "square", "diamond", "triangle", "cross")


@dataclass(frozen=True)
class Row:
    """One line of a forest chart.

    Attributes
    ----------
    label : str
        Stands above the line.
    value : float
        The large mark.
    low, high : float or None
        Ends of the interval.
    points : sequence of (str, float)
        Small marks with their names.
    note : str
        Stands at the right end of the label's line.
    """

    label: str
    value: float
    low: float | None = None
    high: float | None = None
    points: Sequence[tuple[str, float]] = field(default_factory=tuple)
    note: str = ""


def forest(rows: Sequence[Row], title: str, unit: str, zero: bool = False) -> str:
    """Return rows with a value, its interval and single points; ``zero`` draws a line at 0 and takes it in."""
    values = [v for row in rows for v in (row.value, row.low, row.high, *(p for _, p in row.points)) if v is not None]
    scale = _Scale([*values, 0.0] if zero else values)
    step, parts = 46, []
    bottom = step * len(rows) + 4
    for i, row in enumerate(rows):
        y, colour = i * step + 30, f"s{i % 5}"
        parts.append(_text(_LEFT, y - 15, _short(row.label)))
        parts.append(_text(_RIGHT, y - 15, row.note, "end", "muted"))
        if row.low is not None:
            parts.append(f'<line class="bar {colour}" x1="{scale(row.low)}" x2="{scale(row.high)}" y1="{y}" y2="{y}"/>')
        parts += [_mark(scale(p), y, 0, f"small {colour}", f"{row.label}, {who}: {p:.1f}") for who, p in row.points]
        parts.append(_mark(scale(row.value), y, 2, f"large {colour}", f"{row.label}: {row.value:.1f}"))
    described = "; ".join(
        f"{row.label} {row.value:.1f}" + ("" if row.low is None else f" ({row.low:.1f} to {row.high:.1f})")
        for row in rows
    )
    return _svg(title, described, bottom + 34, [*scale.axis(bottom, unit, zero), *parts])


def dots(rows: Mapping[str, Mapping[str, float | None]], title: str, unit: str) -> str:
    """Return one line per row with one mark per series, each with its own colour and shape."""
    scale = _Scale([v for series in rows.values() for v in series.values() if v is not None], left=62)
    step = 26
    bottom, parts = step * len(rows) + 6, []
    for i, (label, series) in enumerate(rows.items()):
        y = i * step + 18
        parts.append(_text(_LEFT, y + 4, label))
        parts.append(f'<line class="grid" x1="62" x2="{_RIGHT}" y1="{y}" y2="{y}"/>')
        for k, (name, value) in enumerate(series.items()):
            if value is not None:
                parts.append(_mark(scale(value), y, k, f"mid s{k % 5}", f"{label}, {name}: {value:.1f}"))
    described = "; ".join(
        f"{label}: " + ", ".join(f"{name} {'absent' if v is None else f'{v:.1f}'}" for name, v in series.items())
        for label, series in rows.items()
    )
    return _svg(title, described, bottom + 34, [*scale.axis(bottom, unit), *parts])


def bars(rows: Mapping[str, Mapping[str, float]], title: str, unit: str, wide_labels: bool = False) -> str:
    """Return one group of horizontal bars per row, from zero; wide labels stand above their bars."""
    left = _LEFT if wide_labels else 62
    scale = _Scale([0.0, *(v for series in rows.values() for v in series.values())], left=left)
    parts, y, zero = [], 8, scale(0.0)
    for label, series in rows.items():
        parts.append(_text(_LEFT, y + 12, _short(label)))
        y += 16 if wide_labels else 3
        for k, (name, value) in enumerate(series.items()):
            x, width = min(zero, scale(value)), max(abs(scale(value) - zero), 0.8)
            tip = f"<title>{escape(label)}, {escape(name)}: {value:.3g}</title>"
            parts.append(f'<rect class="s{k % 5}" x="{x:.1f}" y="{y}" width="{width:.1f}" height="8">{tip}</rect>')
            y += 9
        y += 11 if wide_labels else 7
    described = "; ".join(
        f"{label}: " + ", ".join(f"{name} {value:.3g}" for name, value in series.items())
        for label, series in rows.items()
    )
    return _svg(title, described, y + 34, [*scale.axis(y, unit, zero=True), *parts])


def reliability(curves: Mapping[str, tuple[Sequence[float], Sequence[float], Sequence[int]]], title: str) -> str:
    """Return reliability curves over the diagonal; marks grow with the epochs behind them.

    Parameters
    ----------
    curves : mapping of str to (confidence, frequency, count)
    title : str
    """
    left, top, size = 44, 26, 290
    x, y = (lambda v: left + size * v), (lambda v: top + size * (1 - v))
    parts = [f'<line class="zero" x1="{x(0)}" y1="{y(0)}" x2="{x(1)}" y2="{y(1)}"/>']
    for tick in (0, 0.25, 0.5, 0.75, 1):
        parts.append(f'<line class="grid" x1="{x(tick)}" x2="{x(tick)}" y1="{y(0)}" y2="{y(1)}"/>')
        parts.append(f'<line class="grid" x1="{x(0)}" x2="{x(1)}" y1="{y(tick)}" y2="{y(tick)}"/>')
        parts.append(_text(x(tick), y(0) + 16, f"{100 * tick:g}", "middle", "muted"))
        parts.append(_text(left - 6, y(tick) + 4, f"{100 * tick:g}", "end", "muted"))
    for k, (name, (confidence, frequency, count)) in enumerate(curves.items()):
        path = " ".join(f"{x(a):.1f},{y(b):.1f}" for a, b in zip(confidence, frequency, strict=True))
        parts.append(f'<polyline class="curve s{k % 5}" points="{path}"/>')
        for a, b, n in zip(confidence, frequency, count, strict=True):
            radius = 2 + 5 * (n / max(count)) ** 0.5
            tip = f"{name}: says {a:.0%}, right {b:.0%} of {n:,} epochs"
            parts.append(_mark(x(a), y(b), k, f"s{k % 5}", tip, radius))
    parts.append(_text(left + size / 2, y(0) + 34, "what the probability says, %", "middle", "muted"))
    parts.append(_text(_LEFT, 11, "how often it is right, %", "start", "muted"))
    described = "; ".join(
        f"{name}: " + ", ".join(f"says {a:.0%} is right {b:.0%}" for a, b in zip(c, f, strict=True))
        for name, (c, f, _) in curves.items()
    )
    return _svg(title, described, top + size + 44, parts)


def legend(names: Sequence[str], bars: bool = False) -> str:
    """Return a legend for series in their order."""
    items = []
    for k, name in enumerate(names):
        mark = (
            f'<rect class="s{k % 5}" x="1" y="3" width="12" height="8"/>' if bars else _mark(7, 7, k, f"s{k % 5}", "")
        )
        items.append(f'<li><svg viewBox="0 0 14 14" aria-hidden="true">{mark}</svg>{escape(name)}</li>')
    return f'<ul class="legend">{"".join(items)}</ul>'


class _Scale:
    """Maps values to x, with round ticks around them."""

    def __init__(self, values: Sequence[float], left: float = _LEFT + 6):
        low, high = min(values), max(values)
        span = (high - low) or max(abs(high), 1.0)
        raw = span / 4
        power = 10 ** floor(log10(raw))
        self.step = next(m * power for m in (1, 2, 5, 10) if m * power >= raw)
        self.low = floor(low / self.step) * self.step
        self.high = -floor(-high / self.step) * self.step
        if self.high <= self.low:
            self.high = self.low + self.step
        self.left, self.right = left, _RIGHT - 8

    def __call__(self, value: float) -> float:
        return round(self.left + (self.right - self.left) * (value - self.low) / (self.high - self.low), 1)

    def axis(self, bottom: float, unit: str, zero: bool = False) -> list[str]:
        """Return grid lines with their numbers below them, and the unit."""
        parts, count = [], round((self.high - self.low) / self.step)
        for i in range(count + 1):
            value = self.low + i * self.step
            kind = "zero" if zero and abs(value) < 1e-9 else "grid"
            parts.append(f'<line class="{kind}" x1="{self(value)}" x2="{self(value)}" y1="2" y2="{bottom}"/>')
            parts.append(_text(self(value), bottom + 14, f"{round(value, 6):g}", "middle", "muted"))
        return [*parts, _text((self.left + self.right) / 2, bottom + 30, unit, "middle", "muted")]


def _mark(x: float, y: float, k: int, kind: str, tip: str, radius: float | None = None) -> str:
    r = radius or (3.2 if "small" in kind else 6.5 if "large" in kind else 5)
    title = f"<title>{escape(tip)}</title>" if tip else ""
    shape = _SHAPES[k % len(_SHAPES)]
    if shape == "circle":
        return f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="{r:.1f}">{title}</circle>'
    if shape == "square":
        s, side = 0.88 * r, f"{1.76 * r:.1f}"
        return f'<rect class="{kind}" x="{x - s:.1f}" y="{y - s:.1f}" width="{side}" height="{side}">{title}</rect>'
    corners = {
        "diamond": ((0, -1.2), (1.2, 0), (0, 1.2), (-1.2, 0)),
        "triangle": ((0, -1.15), (1.1, 0.8), (-1.1, 0.8)),
        "cross": ((-1, -0.6), (-0.6, -1), (0, -0.4), (0.6, -1), (1, -0.6), (0.4, 0),
                  (1, 0.6), (0.6, 1), (0, 0.4), (-0.6, 1), (-1, 0.6), (-0.4, 0)),
    }[shape]  # fmt: skip
    points = " ".join(f"{x + r * dx:.1f},{y + r * dy:.1f}" for dx, dy in corners)
    return f'<polygon class="{kind}" points="{points}">{title}</polygon>'


def _text(x: float, y: float, text: str, anchor: str = "start", kind: str = "") -> str:
    if not text:
        return ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" class="{kind}">{escape(text)}</text>'


def _short(text: str, most: int = 40) -> str:
    """Return a text that fits above a line; the alternative text has it whole."""
    half = most // 2
    return text if len(text) <= most else f"{text[: half - 1].rstrip()} ... {text[-half:].lstrip()}"


def _svg(title: str, described: str, height: float, parts: Sequence[str]) -> str:
    label = escape(f"{title}. {described}", quote=True)
    return (
        f'<svg class="chart" role="img" aria-label="{label}" viewBox="0 0 {WIDTH} {height:.0f}">'
        + "".join(parts)
        + "</svg>"
    )
