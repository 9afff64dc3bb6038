"""Plots as inline SVG that follows the page: its text colour, its accent, its fonts.

Matplotlib knows colours only, and a page may be light or dark. So what should follow the page is
drawn in stand-in colours, which are replaced in the SVG by CSS variables. No pyplot: it keeps
figures and a backend in global state.
"""

import html
import io
import re
import warnings
import zlib
from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.artist import Artist, setp
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter, LogFormatterMathtext, MaxNLocator

INK, MUTED, FRAME = "#010203", "#020304", "#030405"
SERIES = ("#040506", "#050607", "#060708", "#070809", "#08090a", "#090a0b")
_COLOURS = {INK: "var(--ink)", MUTED: "var(--muted)", FRAME: "var(--line)"}
_COLOURS |= {colour: f"var(--series-{i})" for i, colour in enumerate(SERIES)}
_STYLE: dict[Any, Any] = {
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
    # Names of columns, classes and runs are text, also where they hold a dollar sign.
    "text.parse_math": False,
    "text.usetex": False,
    "axes.formatter.use_mathtext": False,
}


_MARKED_GROUP = re.compile(r'<g id="(runs|line)-([\d-]+)">')


class _Powers(LogFormatter):
    """Write the marks of a logarithmic axis as text, where Matplotlib would write formulas."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        return f"{x:g}".replace("-", "−") if super().__call__(x, pos) else ""


MANY_ROWS = 50  # rows from which a curve's start may be left out of its axis


class Plot:
    """Draw on `axes`, a (rows, columns) array of Matplotlib axes, inside `with`; then read `svg`.

    `width` and `height` of the whole are in inches of 72 CSS pixels, `ratios` are the widths of the
    columns; `spare` axes at the end stay empty. Global settings of Matplotlib are put back on
    leaving.
    """

    def __init__(
        self,
        width: float,
        height: float,
        rows: int = 1,
        columns: int = 1,
        *,
        spare: int = 0,
        ratios: Sequence[float] | None = None,
    ):
        self.size, self.cells, self.spare = (width, height), (rows, columns), spare
        self.ratios = ratios
        self.svg = ""

    def __enter__(self) -> "Plot":
        self._context = matplotlib.rc_context(_STYLE)
        self._context.__enter__()
        self.figure = Figure(figsize=self.size, layout="constrained")
        self.axes = self.figure.subplots(*self.cells, squeeze=False, width_ratios=self.ratios)
        for unused in self.axes.flat[self.axes.size - self.spare :]:
            unused.set_visible(False)
        return self

    def legend(self, columns: int, side: str = "right") -> None:
        """Name the lines of the first axes above all, in so many columns."""
        lines = self.axes.flat[0].get_legend_handles_labels()
        place: Any = f"outside upper {side}"
        self.figure.legend(*lines, loc=place, ncols=columns)

    def __exit__(self, *error: object) -> None:
        try:
            if error[0] is None:
                _write_powers(self.figure)
                self.svg = _svg(self.figure)
        finally:
            self._context.__exit__(None, None, None)


def _write_powers(figure: Figure) -> None:
    for axis in (axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)):
        if isinstance(axis.get_major_formatter(), LogFormatterMathtext):
            axis.set_major_formatter(_Powers())
        if isinstance(axis.get_minor_formatter(), LogFormatterMathtext):
            axis.set_minor_formatter(_Powers(labelOnlyBase=False))


def _svg(figure: Figure) -> str:
    buffer = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": "vaekit"}), warnings.catch_warnings():
        # Of names in other scripts Matplotlib guesses the width; the reader's browser has the font.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    for colour, variable in _COLOURS.items():
        text = text.replace(colour, variable)
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = _MARKED_GROUP.sub(lambda m: f'<g data-{m[1]}="{m[2].replace("-", " ")}">', text)
    text = re.sub(r'<g id="[^"]*">', "<g>", text)
    text = text.replace("<svg ", f'<svg role="img" aria-label="{html.escape(_label(figure))}" ', 1)
    return _numbered_ids(text).replace("font-family: sans-serif", "font-family: inherit")


def _label(figure: Figure) -> str:
    """Say what a plot shows, for those who cannot see it: the titles or labels of its axes."""
    shown = [axes for axes in figure.axes if axes.get_visible() and axes.axison]
    names = [axes.get_title("left") or axes.get_ylabel() for axes in shown]
    against = [axes.get_xlabel() for axes in shown]
    text = ", ".join(dict.fromkeys(filter(None, names)))
    below = ", ".join(dict.fromkeys(filter(None, against)))
    return f"Plot{f' of {text}' if text else ''}{f' against {below}' if below else ''}"


def _numbered_ids(text: str) -> str:
    """Number the ids of an SVG, after a mark of its own: several share a page's space of names.

    Matplotlib makes ids of coordinates to their last bit, in which its layout differs from one run
    to the next (the solver orders unknowns by memory address); what it prints does not.
    """
    names: dict[str, int] = {}
    link = re.compile(r'(\bid="|url\(#|href="#)([^")]+)')
    text = link.sub(lambda match: f"{match[1]}{names.setdefault(match[2], len(names))}", text)
    return link.sub(rf"\g<1>p{zlib.crc32(text.encode()):x}-\g<2>", text)


def of_runs(artist: Artist, places: Sequence[int], line: bool = False) -> None:
    """Mark what is drawn for runs by their places, so that a page's script can hide it.

    A `line` that joins runs is shown where all of them are.
    """
    artist.set_gid(f"{'line' if line else 'runs'}-{'-'.join(map(str, places))}")


def panels(count: int) -> Plot:
    """Begin a plot of `count` panels, three in a row."""
    columns = min(3, count)
    rows = -(-count // columns)
    return Plot(3.3 * columns, 0.3 + 2.2 * rows, rows, columns, spare=rows * columns - count)


def densities(axes: Axes, real: np.ndarray, made: np.ndarray) -> None:
    """Draw how the numbers of a test set (n,) and of samples (m,) are distributed."""
    edges = np.histogram_bin_edges(np.concatenate([real, made]), 30).tolist()
    style = {"density": True, "histtype": "step", "linewidth": 1.2}
    axes.hist(real, edges, color=MUTED, label="test set", **style)
    axes.hist(made, edges, color=SERIES[0], label="samples", **style)


def curve(
    steps: Sequence[float],
    values: Sequence[float],
    title: str,
    judged: tuple[Sequence[float], Sequence[float]] | None = None,
) -> str:
    """Plot a term over training steps, as one small SVG.

    `judged` are steps and values in validation, a second curve. The axis is fitted to what comes
    after the first 2 % of many rows, where a fall from the start would flatten all the rest.
    """
    with Plot(3.3, 1.9) as plot:
        axes: Axes = plot.axes[0, 0]
        axes.plot(steps, values, color=SERIES[0], linewidth=1.1, label="training")
        axes.set_title(title)
        axes.margins(x=0.02)
        if judged is not None:
            axes.plot(*judged, color=SERIES[1], linewidth=1.4, label="validation")
            axes.legend(fontsize=7, loc="best")
        axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        axes.yaxis.set_major_locator(MaxNLocator(4))
        late = np.asarray(values[len(values) // 50 :] if len(values) >= MANY_ROWS else values)
        if judged is not None:
            late = np.append(late, judged[1][len(judged[1]) // 50 :])
        low, high = float(late.min()), float(late.max())
        room = 0.06 * (high - low) or max(1e-3, 0.05 * abs(high))
        axes.set_ylim(low - room, high + room)
    return plot.svg


def curves(lines: Sequence[tuple[Sequence[float], Sequence[float]]], title: str) -> str:
    """Plot several lines over training steps, each steps and values, as one small SVG."""
    with Plot(3.3, 1.9) as plot:
        axes: Axes = plot.axes[0, 0]
        for i, (steps, values) in enumerate(lines):
            axes.plot(steps, values, color=SERIES[i % len(SERIES)], linewidth=1.1)
        axes.set_title(title)
        axes.margins(x=0.02)
        axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        axes.yaxis.set_major_locator(MaxNLocator(4))
    return plot.svg


def matrix(values: np.ndarray, rows: Sequence[str], columns: Sequence[str], label: str) -> str:
    """Draw a matrix (R, C) of shares in [0, 1] as a heat map with its numbers."""
    height = 0.9 + 0.3 * len(rows)
    with Plot(2.6 + 0.85 * len(columns), height) as plot:
        axes: Axes = plot.axes[0, 0]
        style = {"cmap": "viridis", "vmin": 0, "vmax": 1, "interpolation": "none"}
        image = axes.imshow(values, aspect="auto", **style)
        axes.set_xticks(range(len(columns)), columns)
        axes.set_yticks(range(len(rows)), rows)
        axes.tick_params(length=0, top=True, bottom=False, labeltop=True, labelbottom=False)
        axes.spines[:].set_visible(False)
        for (i, j), value in np.ndenumerate(values):
            colour = "#ffffff" if value < 0.6 else "#1a1a1a"
            axes.text(j, i, f"{value:.2f}", ha="center", va="center", color=colour, fontsize=8)
        bar = plot.figure.colorbar(image, ax=axes, label=label, aspect=30)
        setp(bar.outline, visible=False)
    return plot.svg
