"""What results look like to a reader: numbers as text, and in a notebook a heading with a table.

All that a face is given is text, and is escaped; a notebook's own style decides about fonts and
colours.
"""

import html
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_FRAME = '<div style="max-width: 60em; overflow-x: auto">{}</div>'
_CELL = '<{tag} style="text-align: {side}; {wrap}padding: 0.1em 0.8em 0.1em 0">{text}</{tag}>'


def face(
    title: str,
    lines: Iterable[str] = (),
    *,
    picture: str = "",
    what: str = "",
    heads: Sequence[str] = (),
    rows: Iterable[Sequence[str]] = (),
) -> str:
    """Return HTML: a title, lines, a picture (a data URI, and `what` is seen in it), a table."""
    parts = [f"<b>{html.escape(title)}</b>"]
    parts += [f"<div>{html.escape(line)}</div>" for line in lines]
    if picture:
        style = (
            "display: block; margin: 0.4em 0; width: min(100%, 46em); image-rendering: pixelated"
        )
        alt = html.escape(what, quote=True)
        parts += [f'<img src="{picture}" alt="{alt}" style="{style}">']
    body = "".join(_row("td", row) for row in rows)
    if body:
        parts += [f"<table>{_row('th', heads) if heads else ''}{body}</table>"]
    return _FRAME.format("".join(parts))


def _row(tag: str, cells: Sequence[str]) -> str:
    return f"<tr>{''.join(_cell(tag, cell, k) for k, cell in enumerate(cells))}</tr>"


def _cell(tag: str, said: str, place: int) -> str:
    number = place > 0 and said.lstrip("−± ").replace(",", "").replace(".", "", 1).isdigit()
    side, wrap = ("right", "white-space: nowrap; ") if number else ("left", "")
    return _CELL.format(tag=tag, side=side, wrap=wrap, text=html.escape(said))


class Numbers(dict[str, Any]):
    """Hold numbers by name, each {value, unit, estimator, n, …}; a notebook shows a table."""

    def _repr_html_(self) -> str:
        given = {name: each for name, each in self.items() if isinstance(each, Mapping)}
        rows = [
            [
                name,
                *with_error(each.get("value"), each.get("se")),
                *(text(each.get(key, "")) for key in ("unit", "estimator", "n")),
            ]
            for name, each in given.items()
        ]
        heads = ["number", "value", "", "unit", "estimator", "n"]
        return face(f"{len(rows)} numbers", heads=heads, rows=rows)


def with_error(value: Any, error: float | None) -> tuple[str, str]:
    """Write a value and its standard error, ("−86.48", "± 0.94"); the second is empty without."""
    if not error:
        return text(value), ""
    return _rounded(value, error), f"± {_rounded(error, error)}"


def _rounded(value: Any, error: float) -> str:
    """Write a value to the second digit of its standard error."""
    if not (math.isfinite(error) and math.isfinite(value)):
        return text(value)
    return f"{value:,.{max(0, 1 - math.floor(math.log10(error)))}f}".replace("-", "−")


def text(value: Any) -> str:
    """Write a value for a reader: four digits, thousands apart, a real minus."""
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "–"}[value]
    if isinstance(value, int):
        return f"{value:,}".replace("-", "−")
    if isinstance(value, float):
        digits = f"{value:,.2f}" if 100 <= abs(value) < 1e6 else f"{value:.4g}"
        return digits.replace("-", "−")
    return ", ".join(map(text, value)) if isinstance(value, list | tuple) else str(value)
