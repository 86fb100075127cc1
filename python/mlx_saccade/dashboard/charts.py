"""The page of a sweep: charts of IoU and time by budget, and a table of their numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import resources

from mlx_saccade.evals import BINS, Cell, Setup

__all__ = ["Chart", "Line", "render"]

WIDTH, HEIGHT = 560, 300
LEFT, RIGHT, TOP, BOTTOM = 52, 16, 16, 40
# Four hues that most kinds of color blindness can tell apart (Okabe and Ito).
COLORS = {"large": "#0072b2", "medium": "#009e73", "small": "#e69f00", "tiny": "#d55e00"}


@dataclass(frozen=True)
class Line:
    """The line of one size bin; positions are in px.

    Attributes:
        name: the size bin.
        color: its color.
        points: SVG points, "x,y x,y".
        band: outline of the intervals as SVG points; "" for none.
        dots: (x, y, text) of each point.
    """

    name: str
    color: str
    points: str
    band: str
    dots: tuple[tuple[float, float, str], ...]


@dataclass(frozen=True)
class Chart:
    """A chart of lines over a logarithmic axis of tokens; ticks are (position in px, text)."""

    title: str
    lines: tuple[Line, ...]
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]


def x_axis(cells: Sequence[Cell]) -> Callable[[float], float]:
    """Return a function from tokens to px, logarithmic; a single budget is in the middle."""
    low, high = math.log(min(c.tokens for c in cells)), math.log(max(c.tokens for c in cells))
    span = WIDTH - LEFT - RIGHT
    if high == low:
        return lambda tokens: LEFT + span / 2
    return lambda tokens: round(LEFT + span * (math.log(tokens) - low) / (high - low), 1)


def chart(
    title: str,
    cells: Sequence[Cell],
    value: Callable[[Cell], float],
    interval: Callable[[Cell], tuple[float | None, float | None]] | None,
    top: float,
    tick: Callable[[float], str],
) -> Chart:
    """Return the geometry of one chart.

    Args:
        title: the heading.
        cells: the cells to draw.
        value: returns the value of a cell.
        interval: returns the ends of a cell's interval; None draws no bands.
        top: value at the upper edge; the lower edge is 0.
        tick: formats a value on the axis.
    """
    x = x_axis(cells)

    def y(amount: float) -> float:
        return round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * min(amount, top) / top, 1)

    lines = []
    for size in BINS:
        own = [cell for cell in cells if cell.size == size]
        if not own:
            continue
        outline = []
        if interval is not None:
            ends = [(x(c.tokens), *interval(c)) for c in own]
            outline = [(position, y(high)) for position, _, high in ends if high is not None]
            outline += [(position, y(low)) for position, low, _ in reversed(ends) if low is not None]
        lines.append(
            Line(
                name=size,
                color=COLORS[size],
                points=" ".join(f"{x(c.tokens)},{y(value(c))}" for c in own),
                band=" ".join(f"{a},{b}" for a, b in outline),
                dots=tuple((x(c.tokens), y(value(c)), f"{size}, {c.tokens:.0f} tokens: {value(c):.3f}") for c in own),
            )
        )
    by_budget = {cell.budget: cell for cell in cells}
    x_ticks = tuple((x(cell.tokens), str(budget)) for budget, cell in sorted(by_budget.items()))
    y_ticks = tuple((y(top * step / 4), tick(top * step / 4)) for step in range(5))
    return Chart(title, tuple(lines), x_ticks, y_ticks)


def render(setup: Setup, cells: Sequence[Cell]) -> str:
    """Return the page as self-contained HTML.

    Args:
        setup: setup of the sweep.
        cells: `mlx_saccade.evals.summarize` of its records, at least one.
    """
    import jinja2

    slowest = max(cell.seconds for cell in cells) or 1.0
    drawn = " with 95 % intervals" if any(cell.low is not None for cell in cells) else ""
    charts = [
        chart(f"Mean IoU{drawn}", cells, lambda c: c.iou, lambda c: (c.low, c.high), 1.0, "{:.2f}".format),
        chart("Median seconds per question", cells, lambda c: c.seconds, None, slowest * 1.1, "{:.2g}".format),
    ]
    source = (resources.files("mlx_saccade") / "dashboard" / "page.html.j2").read_text(encoding="utf-8")
    template = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined).from_string(source)
    return template.render(
        setup=setup,
        cells=cells,
        charts=charts,
        colors=COLORS,
        width=WIDTH,
        height=HEIGHT,
        left=LEFT,
        right=RIGHT,
        bottom=BOTTOM,
    )
