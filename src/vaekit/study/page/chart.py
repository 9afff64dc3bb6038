"""Small charts as SVG, written by hand: a page has hundreds, of a hundred thousand points in all.

Matplotlib takes .6 s for six panels, and 130 bytes a point; this takes .006 s and 16. Points are
one path of lines without length, whose round ends show. Colours are those of the page.
"""

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup
from matplotlib.ticker import MaxNLocator

from vaekit.report import tables

LEFT, RIGHT, TOP, BOTTOM = 40, 8, 20, 30
_LOG_SPAN, _STEPS_NAMED = 8.0, 10
COLOURS = 6


class Chart:
    """Draw points, lines and marks over values x and y (n,), in pixels of the page.

    The values of `steps`, as strengths are, are ticks of the horizontal axis, which is logarithmic
    where they span 1 to 8.
    """

    def __init__(
        self,
        x: np.ndarray,
        y: np.ndarray,
        title: str = "",
        xlabel: str = "",
        ylabel: str = "",
        width: int = 200,
        height: int = 160,
        steps: bool = False,
    ):
        self.width, self.height = width, height
        self.title, self.xlabel, self.ylabel = title, xlabel, ylabel
        self.parts: list[Markup] = []
        values = np.unique(x)
        self.log = bool(steps and values[0] > 0 and values[-1] / values[0] >= _LOG_SPAN)
        self.xticks = _xticks(values, steps, self.log, width)
        self.yticks = _ticks(float(y.min()), float(y.max()), height)
        self.x_ends = _ends_with_room(np.log(values) if self.log else values, 0.08)
        self.y_ends = _ends_with_room(y, 0.04)

    def place(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the pixels of values."""
        return self._x(x), self._y(y)

    def _x(self, x: np.ndarray) -> np.ndarray:
        low, high = self.x_ends
        room = self.width - LEFT - RIGHT
        return LEFT + room * ((np.log(x) if self.log else x) - low) / (high - low)

    def _y(self, y: np.ndarray) -> np.ndarray:
        low, high = self.y_ends
        return TOP + (self.height - TOP - BOTTOM) * (high - y) / (high - low)

    def dots(
        self, x: np.ndarray, y: np.ndarray, colour: int, shift: np.ndarray | float = 0
    ) -> None:
        """Draw a faint dot for each pair, moved sideways by some pixels."""
        px, py = self.place(x, y)
        path = "".join(f"M{a:.1f} {b:.1f}h0" for a, b in zip(px + shift, py, strict=True))
        html = '<path class="dots{}" style="stroke:{}" d="{}"/>'
        kind = " few" if len(x) <= _STEPS_NAMED else ""
        self.parts.append(Markup(html).format(kind, _colour(colour), path))

    def line(self, x: np.ndarray, y: np.ndarray, colour: int | None, kind: str = "") -> None:
        """Join pairs in their order; without a colour in that of the axes."""
        pairs = zip(*self.place(x, y), strict=True)
        path = "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in pairs)
        html = '<path class="line {}" style="stroke:{}" d="{}"/>'
        self.parts.append(Markup(html).format(kind, _colour(colour), path))

    def mark(self, x: float, y: float, colour: int, hint: str = "", text: str = "") -> None:
        """Draw one mark, with what it says when pointed at, and a text beside it."""
        (px,), (py,) = self.place(np.array([x]), np.array([y]))
        circle = '<circle cx="{:.1f}" cy="{:.1f}" r="3.4" style="fill:{}"/>'
        html = f'<g class="mark"><title>{{}}</title>{circle}</g>'
        self.parts.append(Markup(html).format(hint, px, py, _colour(colour)))
        if text:
            html = '<text class="name" x="{:.1f}" y="{:.1f}">{}</text>'
            self.parts.append(Markup(html).format(px + 6, py - 5, text))

    def svg(self) -> Markup:
        """Return the chart with its axes."""
        size = 'viewBox="0 0 {0} {1}" width="{0}" height="{1}"'
        html = f'<svg class="chart" {size} role="img" aria-label="{{2}}">'
        about = f"{self.title} {self.ylabel} against {self.xlabel}"
        top = Markup(html).format(self.width, self.height, about)
        return top + self._axes() + Markup("").join(self.parts) + Markup("</svg>")

    def _axes(self) -> Markup:
        floor, right = self.height - BOTTOM, self.width - RIGHT
        frame = f'<path class="frame" d="M{LEFT} {TOP}V{floor}H{right}"/>'
        text = Markup('<text class="{}" x="{:.1f}" y="{:.1f}">{}</text>')
        parts = [Markup(frame), text.format("title", LEFT, TOP - 8, self.title)]
        parts.append(text.format("label right", right, self.height - 3, self.xlabel))
        if self.ylabel:
            parts.append(text.format("label", 0, TOP - 8, self.ylabel))
        last = -np.inf  # where the name before ends
        for value, at in zip(self.xticks, self._x(self.xticks), strict=True):
            name = _short_number(value)
            half = 3.2 * len(name)
            if LEFT <= at <= right + 1 and at - half > last:
                parts.append(text.format("tick middle", at, floor + 12, name))
                last = at + half
        for value, at in zip(self.yticks, self._y(self.yticks), strict=True):
            if TOP - 1 <= at <= floor + 1:
                parts.append(
                    Markup('<path class="grid" d="M{} {:.1f}H{}"/>').format(LEFT, at, right)
                )
                parts.append(text.format("tick right", LEFT - 5, at + 3.5, _short_number(value)))
        return Markup("").join(parts)


def whisker(
    mean: float, low: float | None, high: float | None, ends: tuple[float, float], kind: str
) -> Markup:
    """Draw a mean and its interval on a line of its own, between the ends of the axis."""
    span = (ends[1] - ends[0]) or 1.0
    at = [
        4 + 152 * (v - ends[0]) / span
        for v in (mean, mean if low is None else low, mean if high is None else high)
    ]
    html = (
        '<svg class="whisker {}" viewBox="0 0 160 12" width="160" height="12" aria-hidden="true">'
        '<path d="M{:.1f} 6H{:.1f}"/><circle cx="{:.1f}" cy="6" r="3"/></svg>'
    )
    return Markup(html).format(kind, at[1], at[2], at[0])


def colour_key(names: Sequence[str]) -> Markup:
    """Name what is drawn in each colour; nothing where one is all."""
    if len(names) < 2:
        return Markup("")
    html = Markup('<span><b style="color:{}">●</b> {}</span>')
    parts = [html.format(_colour(i), name) for i, name in enumerate(names)]
    return Markup('<p class="legend">{}</p>').format(Markup("").join(parts))


def _colour(place: int | None) -> str:
    return "var(--muted)" if place is None else f"var(--series-{place % COLOURS})"


def _xticks(values: np.ndarray, steps: bool, log: bool, width: int) -> np.ndarray:
    """Return the values that are named below the axis: few steps themselves, or round ones."""
    if steps and len(values) <= _STEPS_NAMED:
        return values
    if log:
        return 10.0 ** np.arange(np.floor(np.log10(values[0])), np.log10(values[-1]) + 1)
    return _ticks(float(values[0]), float(values[-1]), width)


def _ticks(low: float, high: float, size: int) -> np.ndarray:
    values = MaxNLocator(max(4, size // 60)).tick_values(low, high)
    return np.where(np.abs(values) < 1e-12 * np.abs(values).max(), 0.0, values)


def _ends_with_room(values: np.ndarray, room: float) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    spare = room * (high - low) or 0.05 * abs(high) or 1.0
    return low - spare, high + spare


def _short_number(value: float) -> str:
    return (
        tables.text(float(f"{value:.6g}"))
        if abs(value) < 100
        else f"{value:,.6g}".replace("-", "−")
    )
