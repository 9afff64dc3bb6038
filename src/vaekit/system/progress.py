"""Bars for what takes long: how far a loop is, how fast, and when it will end.

    with shown_bars():                  # the command line does so
        for part in steps(parts, "examples", 500):

A loop says how many items it has; outside of `shown_bars`, and where stderr is neither a terminal
nor that of a notebook, nothing is drawn. What is done within a second is not shown either.
"""

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

WAIT = 1.0  # seconds
LoopItem = TypeVar("LoopItem")


class _Screen:
    """Say whether bars are drawn, and whether one is; `console` is where, None for stderr."""

    visible = False
    busy = False
    console: "Console | None" = None


@contextmanager
def shown_bars(shown: bool = True, console: "Console | None" = None) -> Iterator[None]:
    """Draw bars of the loops inside, on a terminal or in a notebook, or with False none."""
    able = sys.stderr.isatty() or "ipykernel" in sys.modules
    before = _Screen.visible, _Screen.console
    _Screen.visible = shown and (able if console is None else console.is_terminal)
    _Screen.console = console
    try:
        yield
    finally:
        _Screen.visible, _Screen.console = before


def steps(
    items: Iterable[LoopItem],
    what: str,
    size: "int | Callable[[LoopItem], int]" = 1,
    total: int | None = None,
) -> Iterator[LoopItem]:
    """Yield the items, and show how many are done; each stands for `size` of what is counted.

    `total` is how much is counted in all, by default as many times the size as there are items;
    where neither is known, no end is foretold. Of loops inside of one another the outer is shown.
    """
    if not _Screen.visible or _Screen.busy:
        yield from items
        return
    _Screen.busy = True
    try:
        if total is None and isinstance(items, Sized) and isinstance(size, int):
            total = len(items) * size
        yield from _drawn(items, what, size, total)
    finally:
        _Screen.busy = False


def _drawn(
    items: Iterable[LoopItem], what: str, size: "int | Callable[[LoopItem], int]", total: int | None
) -> Iterator[LoopItem]:
    from rich.console import Console

    bar = rich_bar(_Screen.console or Console(stderr=True))
    task = bar.add_task(what, total=total, text="")
    began, drawn, done = time.monotonic(), False, 0
    try:
        for item in items:
            yield item
            done += size if isinstance(size, int) else size(item)
            passed = time.monotonic() - began
            if passed > WAIT:
                if not drawn:
                    bar.start()
                drawn = True
                bar.update(task, completed=done, text=_speed(done / passed))
    finally:
        if drawn:
            bar.stop()


def rich_bar(console: "Console") -> "Progress":
    """Make bars of rich: what is done, how far it is, a `text`, and when it will end."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    words = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[text]}")
    return Progress(*words, TimeRemainingColumn(), console=console, transient=True)


def _speed(rate: float) -> str:
    return f"{rate:,.0f}/s" if rate >= 10 else f"{rate:.1f}/s"
