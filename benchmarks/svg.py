"""Small charts as SVG: the same numbers give the same bytes, readable on light and on dark pages."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 800, 380
LEFT, RIGHT, TOP, BOTTOM = 70, 270, 56, 54  # margins around the lines; their legend stands at the right
NAMES, NUMBERS = 240, 60  # margins beside the bars: names at the left, room for a number at the right
COLOURS = ("#2f81f7", "#d9730d", "#a371f7", "#2da44e", "#e5534b")  # each at least 3:1 on white and on near-black
BAR_COLOURS = ("#e5534b", "#d9730d")
ROW, BAR = 40, 15
STYLE = """
  svg { font: 13px system-ui, sans-serif } .title { font-size: 16px; font-weight: 600 }
  .page { fill: #ffffff } text { fill: #1f2328 } .grid { stroke: #d1d9e0 }
  .line { fill: none; stroke-width: 2.5 } .right { text-anchor: end } .middle { text-anchor: middle }
  @media (prefers-color-scheme: dark) {
    .page { fill: #0d1117 } text { fill: #e6edf3 } .grid { stroke: #3d444d }
  }"""


@dataclass(frozen=True, slots=True)
class Series:
    """A named line: points of x and y, both above 0; `note` stands behind the name."""

    name: str
    points: Sequence[tuple[float, float]]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Bars:
    """A named group of bars, one for each measure."""

    name: str
    values: Sequence[int]


@dataclass(frozen=True, slots=True)
class _Axis:
    """A logarithmic axis over whole decades, from pixel `start` to pixel `end`."""

    low: int
    high: int
    start: float
    end: float

    def at(self, value: float) -> float:
        """Return where a value lies, in pixels."""
        share = (math.log10(value) - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    def decades(self) -> list[int]:
        """Return the powers of ten on it."""
        return [10**power for power in range(self.low, self.high + 1)]


def line_chart(title: str, x_name: str, y_name: str, series: Sequence[Series]) -> str:
    """Draw lines over two logarithmic axes."""
    xs = [x for one in series for x, _ in one.points]
    ys = [y for one in series for _, y in one.points]
    across, up = _axis(xs, LEFT, WIDTH - RIGHT), _axis(ys, HEIGHT - BOTTOM, TOP)
    parts = [*_grid(across, up), *_names(x_name, y_name)]
    for place, one in enumerate(series):
        dots = [(across.at(x), up.at(y)) for x, y in one.points]
        parts += [_line(dots, COLOURS[place]), *(_mark(place, x, y) for x, y in dots), *_entry(place, one)]
    return _document(title, HEIGHT, parts)


def bar_chart(title: str, measures: Sequence[str], groups: Sequence[Bars], full: int) -> str:
    """Draw horizontal bars, as many in each group as there are measures; `full` is the longest a bar may be."""
    height = TOP + ROW * len(groups) + BOTTOM
    parts = []
    for row, group in enumerate(groups):
        top = TOP + ROW * row
        parts.append(_text(NAMES - 10, top + ROW / 2, group.name, "right"))
        for place, value in enumerate(group.values):
            y, width = top + BAR * place + 3, (WIDTH - NAMES - NUMBERS) * value / full
            parts += [_bar(NAMES, y, width, BAR_COLOURS[place]), _text(NAMES + width + 6, y + BAR - 4, f"{value:,}")]
    for place, measure in enumerate(measures):
        x = NAMES + 230 * place
        parts += [_bar(x, height - 32, 14, BAR_COLOURS[place]), _text(x + 20, height - 20, measure)]
    return _document(title, height, parts)


def _axis(values: Sequence[float], start: float, end: float) -> _Axis:
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    return _Axis(low, max(high, low + 1), start, end)


def _grid(across: _Axis, up: _Axis) -> list[str]:
    parts = []
    for value in across.decades():
        x = across.at(value)
        parts += [_rule(x, up.start, x, up.end), _text(x, up.start + 20, _short(value), "middle")]
    for value in up.decades():
        y = up.at(value)
        parts += [_rule(across.start, y, across.end, y), _text(across.start - 8, y + 4, _short(value), "right")]
    return parts


def _names(x_name: str, y_name: str) -> list[str]:
    x = (LEFT + WIDTH - RIGHT) / 2
    return [_text(x, HEIGHT - 12, x_name, "middle"), _text(12, TOP - 12, y_name)]


def _entry(place: int, series: Series) -> list[str]:
    """Return the legend's entry; a note has a line of its own."""
    x, y = WIDTH - RIGHT + 20, TOP + 14 + 44 * place
    return [
        _mark(place, x, y - 4),
        _text(x + 14, y, series.name),
        *([_text(x + 14, y + 16, series.note)] * bool(series.note)),
    ]


def _mark(place: int, x: float, y: float) -> str:
    """Return a point; the series differ in shape too, not in colour alone."""
    fill = f'fill="{COLOURS[place]}"'
    shapes = (
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" {fill}/>',
        f'<path d="M{x:.1f} {y - 6:.1f}l6 11h-12z" {fill}/>',
        f'<path d="M{x:.1f} {y - 6:.1f}l6 6l-6 6l-6 -6z" {fill}/>',
        f'<rect x="{x - 5:.1f}" y="{y - 5:.1f}" width="10" height="10" {fill}/>',
        f'<path d="M{x:.1f} {y + 6:.1f}l6 -11h-12z" {fill}/>',
    )
    return shapes[place]


def _line(dots: Sequence[tuple[float, float]], colour: str) -> str:
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in dots)
    return f'<polyline class="line" stroke="{colour}" points="{points}"/>'


def _bar(x: float, y: float, width: float, colour: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{BAR - 2}" fill="{colour}"/>'


def _rule(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line class="grid" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _text(x: float, y: float, text: str, kind: str = "") -> str:
    kind = f' class="{kind}"' if kind else ""
    return f'<text{kind} x="{x:.1f}" y="{y:.1f}">{escape(text)}</text>'


def _short(value: float) -> str:
    for size, letter in ((1_000_000, "M"), (1_000, "k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"


def _document(title: str, height: int, parts: Sequence[str]) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" role="img">',
        f"<title>{escape(title)}</title>",
        f"<style>{STYLE}\n</style>",
        '<rect class="page" width="100%" height="100%"/>',
        _text(12, 24, title, "title"),
    )
    return "\n".join([*head, *parts, "</svg>"]) + "\n"
