"""Show training as it goes: a bar on a terminal, its curve in a notebook, else a line an epoch."""

import html
import sys
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any

import numpy as np
from rich.console import Console

from vaekit.data import Schema
from vaekit.runs import history
from vaekit.runs.config import Config
from vaekit.system.progress import rich_bar

_WIDTH, _HEIGHT = 480, 110  # units of a curve in a notebook
_CURVE_POINTS = 240  # of a curve at most
_PICTURE_PAUSE = 0.5  # seconds between two pictures of it
_START = 0.1  # of a curve, whose fall may leave the picture


class Watcher:
    """Follow a run from its beginning, row by row of its history: override what is of use.

    Set `stop` in `look` to end the run there, with weights and a checkpoint, as Ctrl-C does.
    """

    stop: bool = False

    def begin(self, config: Config) -> None:
        """Take what is trained on what, as its data turned out to be."""

    def look(self, step: int, steps: int, epoch: float, row: dict[str, float]) -> None:
        """Take the newest row."""

    def end(self, state: str) -> None:
        """Take how it ended: finished, interrupted, diverged, or failed."""


class _Words(Watcher):
    """Say in words what a row holds, and which columns of a table are used."""

    def __init__(self):
        self._judged, self._watch, self._lines = "", "objective", list[str]()

    def begin(self, config: Config) -> None:
        """Say how many examples there are and of what kind, and which columns of a table."""
        self._watch = config.training.watch
        self._lines = [examples_text(config.notes)]
        known = Schema.read(config.notes)
        if known and known.columns:
            self._lines.append(f"columns {known.columns}")

    def _text(self, row: dict[str, float]) -> str:
        names = [name for name in row if f"weight_{name}" in row]
        terms = "  ".join(f"{name} {row[name]:.2f}" for name in names)
        judged = row.get(history.VALIDATION + self._watch)
        if judged is not None:
            self._judged = f"  validation {self._watch} {judged:.2f}"
        return f"{terms}{self._judged}  {row['images_per_second']:,.0f}/s"


def examples_text(notes: Mapping[str, Any]) -> str:
    """Say how many examples a run has to train on, to validate and to test, and what one is."""
    parts = [("train", "to train on"), ("validation", "to validate"), ("test", "held out to test")]
    counts = [f"{notes[name]:,} {what}" for name, what in parts if notes.get(name)]
    shape = tuple(notes.get("shape", ()))
    kind = " × ".join(map(str, shape[1:]))
    if len(shape) == 3:
        colours = {1: "grey", 3: "in colour"}.get(shape[0], f"of {shape[0]} channels")
        kind = f"an image of {kind} pixels, {colours}"
    else:
        kind = f"{shape[0]} numbers" if len(shape) == 1 else f"an array of shape {shape}"
    return f"examples: {', '.join(counts)}; each is {kind}"


class Bar(_Words):
    """Draw a progress bar with rate and terms on a terminal; print a line an epoch elsewhere."""

    def __init__(self, title: str, console: Console | None = None):
        super().__init__()
        self.console = console or Console(stderr=True)
        self._bar = rich_bar(self.console)
        self._task = self._bar.add_task(title, total=None, text="")
        self._printed = 0

    def __enter__(self) -> "Bar":
        if self.console.is_terminal:
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.console.is_terminal:  # elsewhere it would print an empty line
            self._bar.stop()

    def look(self, step: int, steps: int, epoch: float, row: dict[str, float]) -> None:
        """Show the newest row, below what is trained on: said once a first step went well."""
        while self._lines:
            self._print(self._lines.pop(0))
        text = self._text(row)
        self._bar.update(self._task, completed=step, total=steps, text=text)
        if not self.console.is_terminal and (int(epoch) > self._printed or step == steps):
            self._printed = int(epoch)
            self._print(f"epoch {epoch:g}  {text}")

    def _print(self, line: str) -> None:
        self.console.print(line, highlight=False, soft_wrap=True, markup=False)


class Curve(_Words):
    """Draw the bar and the curve of what is minimised in a notebook's cell, twice a second."""

    def __init__(self, title: str):
        super().__init__()
        self._title, self._said = title, ""
        self._rows, self._now = list[dict[str, float]](), (0, 1)
        self._handle: Any = None
        self._drawn, self._began = 0.0, time.monotonic()

    def look(self, step: int, steps: int, epoch: float, row: dict[str, float]) -> None:
        """Show the newest row, and those before it as a curve."""
        self._rows.append(row)
        self._now, self._said = (step, steps), f"epoch {epoch:g}  {self._text(row)}"
        if time.monotonic() - self._drawn > _PICTURE_PAUSE:
            self._draw(self._said)

    def end(self, state: str) -> None:
        """Show how it ended, and after how long."""
        took = time.monotonic() - self._began
        self._draw(f"{state} after {took // 60:.0f} min {took % 60:.0f} s  {self._said}".rstrip())

    def _draw(self, said: str) -> None:
        from IPython.display import display

        self._drawn = time.monotonic()
        face = _Face(self._html(said), f"{self._title}  {said}")
        if self._handle is None:
            self._handle = display(face, display_id=True)
        else:
            self._handle.update(face)

    def _html(self, said: str) -> str:
        parts = [html.escape(line).replace("  ", " · ") for line in (*self._lines, said)]
        step, steps = self._now
        bar = f'<progress value="{step}" max="{steps}" style="width: 100%"></progress>'
        lines = curve_lines(self._rows, self._watch)
        drawn = curve_svg(lines, f"curve of {self._watch}")
        if len(lines) > 1:
            parts.append(f"— {html.escape(self._watch)}, training &nbsp; ┄ validation")
        texts = "".join(f"<div>{part}</div>" for part in parts)
        title = f"<b>{html.escape(self._title)}</b>"
        return f'<div style="max-width: 40em">{title}{bar}{drawn}{texts}</div>'


class _Face:
    """Show HTML in a notebook, and text where there is none."""

    def __init__(self, shown: str, text: str):
        self._shown, self._text = shown, text

    def _repr_html_(self) -> str:
        return self._shown

    def __repr__(self) -> str:
        return self._text


def curve_lines(rows: Sequence[dict[str, float]], name: str) -> list[list[tuple[float, float]]]:
    """Return (step, value) of a number in training and, where it was judged, in validation."""
    both = [
        [(row["step"], row[key]) for row in rows if np.isfinite(row.get(key, np.nan))]
        for key in (name, history.VALIDATION + name)
    ]
    return [line for line in both if len(line) > 1]


def curve_svg(lines: Sequence[Sequence[tuple[float, float]]], label: str) -> str:
    """Draw lines of (step, value), the second dashed, as SVG in the colour of the text.

    The fall at the start may leave the picture, so that the rest can be seen.
    """
    if not lines:
        return ""
    last = max(line[-1][0] for line in lines)
    later = [y for line in lines for x, y in line if x >= _START * last]
    low, high = min(later), max(later)
    span = (high - low) or 1.0
    drawn = ""
    for line, dashes in zip(lines, ("none", "6 4"), strict=False):
        some = line[:: -(-len(line) // _CURVE_POINTS)]
        points = " ".join(
            f"{x / last * _WIDTH:.1f},{np.clip((high - y) / span, -1, 1) * _HEIGHT + 4:.1f}"
            for x, y in (*some, line[-1])
        )
        drawn += (
            f'<polyline points="{points}" fill="none" stroke="currentColor" stroke-width="1.5" '
            f'stroke-dasharray="{dashes}" vector-effect="non-scaling-stroke"/>'
        )
    texts = "".join(
        f'<text x="{_WIDTH + 8}" y="{y}" font-size="12" fill="currentColor">{value:.4g}</text>'
        for y, value in ((12, high), (_HEIGHT + 4, low))
    )
    return (
        f'<svg viewBox="0 0 {_WIDTH + 70} {_HEIGHT + 8}" role="img" width="100%" '
        f'aria-label="{html.escape(label)}">{drawn}{texts}</svg>'
    )


def in_notebook() -> bool:
    """Say whether output goes to a notebook's cell, which can show HTML."""
    shell: Any = sys.modules.get("IPython")
    return shell is not None and "ipykernel" in sys.modules and shell.get_ipython() is not None
