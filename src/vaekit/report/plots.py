"""Plots as inline SVG that follows the page: its text colour, its accent, its fonts.

Matplotlib knows colours only, and a page may be light or dark. So what should follow the page is
drawn in stand-in colours, which are replaced in the SVG by CSS variables. No pyplot: it keeps
figures and a backend in global state.
"""

import io
import re
from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

INK, MUTED, FRAME = "#010203", "#020304", "#030405"
SERIES = ("#040506", "#050607", "#060708", "#070809", "#08090a", "#090a0b")
_COLOURS = {INK: "var(--ink)", MUTED: "var(--muted)", FRAME: "var(--line)"}
_COLOURS |= {colour: f"var(--series-{i})" for i, colour in enumerate(SERIES)}
_STYLE = {
    "svg.fonttype": "none",
    "font.size": 9,
    "text.color": INK,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": FRAME,
    "axes.facecolor": "none",
    "axes.linewidth": 0.8,
    "axes.titlesize": 10,
    "axes.titleweight": "normal",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.facecolor": "none",
    "xtick.color": FRAME,
    "ytick.color": FRAME,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "xtick.major.size": 3,
    "ytick.major.size": 3,
    "legend.frameon": False,
}


class Plot:
    """Draw on `axes`, a (rows, columns) array of Matplotlib axes, inside `with`; then read `svg`.

    `width` and `height` of the whole are in inches of 72 CSS pixels. Global settings of Matplotlib
    are put back on leaving.
    """

    def __init__(
        self, width: float, height: float, rows: int = 1, columns: int = 1, sharey: bool = False
    ):
        self.size, self.cells, self.sharey = (width, height), (rows, columns), sharey
        self.svg = ""

    def __enter__(self) -> "Plot":
        self._context = matplotlib.rc_context(_STYLE)
        self._context.__enter__()
        self.figure = Figure(figsize=self.size, layout="constrained")
        share = "row" if self.sharey else False
        self.axes = self.figure.subplots(*self.cells, squeeze=False, sharey=share)
        return self

    def __exit__(self, *error: object) -> None:
        try:
            if error[0] is None:
                self.svg = _svg(self.figure)
        finally:
            self._context.__exit__(None, None, None)


def _svg(figure: Figure) -> str:
    buffer = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": "vaekit"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    for colour, variable in _COLOURS.items():
        text = text.replace(colour, variable)
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'<g id="[^"]*">', "<g>", text)
    # Several plots share the page and its one space of names.
    mark = f"{abs(hash_of(text)):x}"
    text = re.sub(r'\bid="', f'id="{mark}', text)
    text = re.sub(r"url\(#", f"url(#{mark}", text)
    text = re.sub(r'href="#', f'href="#{mark}', text)
    return re.sub(r"font: ([\d.]+px)[^;\"]*", r"font: \1 inherit", text)


def hash_of(text: str) -> int:
    """Return a short number that is the same for the same text in every process."""
    import zlib

    return zlib.crc32(text.encode())


def curve(steps: Sequence[float], values: Sequence[float], title: str) -> str:
    """Plot a term over training steps, as one small SVG.

    The axis is fitted to what comes after the first 2 % of many rows, where a fall from the start
    would flatten all the rest.
    """
    with Plot(3.3, 1.9) as plot:
        axes: Axes = plot.axes[0, 0]
        axes.plot(steps, values, color=SERIES[0], linewidth=1.1)
        axes.set_title(title)
        axes.margins(x=0.02)
        axes.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(4, integer=True))
        axes.yaxis.set_major_locator(matplotlib.ticker.MaxNLocator(4))
        late = np.asarray(values[len(values) // 50 :] if len(values) >= 50 else values)
        low, high = float(late.min()), float(late.max())
        room = 0.06 * (high - low) or max(1e-3, 0.05 * abs(high))
        axes.set_ylim(low - room, high + room)
    return plot.svg


def matrix(values: np.ndarray, rows: Sequence[str], columns: Sequence[str], label: str) -> str:
    """Draw a matrix (R, C) of shares in [0, 1] as a heat map with its numbers."""
    height = 0.9 + 0.3 * len(rows)
    with Plot(2.6 + 0.85 * len(columns), height) as plot:
        axes: Axes = plot.axes[0, 0]
        top = max(1e-9, float(values.max()))
        image = axes.imshow(values, cmap="viridis", vmin=0, vmax=top, aspect="auto")
        image.set_interpolation("none")
        axes.set_xticks(range(len(columns)), columns)
        axes.set_yticks(range(len(rows)), rows)
        axes.tick_params(length=0, top=True, bottom=False, labeltop=True, labelbottom=False)
        axes.spines[:].set_visible(False)
        for (i, j), value in np.ndenumerate(values):
            colour = "#ffffff" if value < 0.6 * top else "#1a1a1a"
            axes.text(j, i, f"{value:.2f}", ha="center", va="center", color=colour, fontsize=8)
        bar = plot.figure.colorbar(image, ax=axes, label=label, aspect=30)
        bar.outline.set_visible(False)  # pyright: ignore[reportCallIssue]
    return plot.svg
