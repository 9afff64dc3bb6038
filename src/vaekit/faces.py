"""What results look like in a notebook: a heading, a few lines, a picture, a table.

All that is given is text, and is escaped; a notebook's own style decides about fonts and colours.
"""

import html
from collections.abc import Iterable, Sequence

_FRAME = '<div style="max-width: 60em; overflow-x: auto">{}</div>'
_CELL = '<{tag} style="text-align: {side}; padding: 0.1em 0.8em 0.1em 0">{text}</{tag}>'


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
        style = "display: block; margin: 0.4em 0; max-width: 100%; image-rendering: pixelated"
        alt = html.escape(what, quote=True)
        parts += [f'<img src="{picture}" alt="{alt}" style="{style}">']
    body = "".join(_row("td", row) for row in rows)
    if body:
        parts += [f"<table>{_row('th', heads) if heads else ''}{body}</table>"]
    return _FRAME.format("".join(parts))


def _row(tag: str, cells: Sequence[str]) -> str:
    return f"<tr>{''.join(_cell(tag, cell, k) for k, cell in enumerate(cells))}</tr>"


def _cell(tag: str, text: str, place: int) -> str:
    number = place > 0 and text.lstrip("−-").replace(",", "").replace(".", "", 1).isdigit()
    return _CELL.format(tag=tag, side="right" if number else "left", text=html.escape(text))
