"""Pieces of the page: tables, folds, and what is said once for each data set."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from vaekit.report import tables
from vaekit.report.rendering import scrolled

MOST_ROWS, FIRST_ROWS, LAST_ROWS = 40, 12, 5  # rows that are too many, and those shown of them


@dataclass(frozen=True)
class Cell:
    """Hold what a cell of a table shows, its class, and what it says when pointed at."""

    content: str | Markup
    kind: str = ""
    hint: str = ""

    def __html__(self) -> str:
        """Return the cell as HTML."""
        title = Markup(' title="{}"').format(self.hint) if self.hint else ""
        return Markup('<td class="{}"{}>{}</td>').format(self.kind, title, self.content)


def html_table(
    heads: Sequence[str | Cell],
    rows: Sequence[Sequence[str | Cell]],
    kind: str,
    most: int = MOST_ROWS,
) -> Markup:
    """Lay out rows under heads; of more than `most` the first and last, all of them in a fold."""
    if len(rows) <= most:
        return _plain_table(heads, rows, kind)
    gap: list[str | Cell] = [Cell("⋮", "quiet") for _ in heads]
    ends = [*rows[:FIRST_ROWS], gap, *rows[len(rows) - LAST_ROWS :]]
    return _plain_table(heads, ends, kind) + fold(
        f"all {len(rows)} rows, of which {len(rows) - FIRST_ROWS - LAST_ROWS} are left out above",
        _plain_table(heads, rows, kind),
    )


def _plain_table(
    heads: Sequence[str | Cell], rows: Sequence[Sequence[str | Cell]], kind: str
) -> Markup:
    top = concatenated(_head(head) for head in heads)
    body = concatenated(
        Markup("<tr>{}</tr>\n").format(concatenated(map(_as_cell, row))) for row in rows
    )
    inner = "<thead><tr>{}</tr></thead>\n<tbody>\n{}</tbody>"
    table = Markup(f'<table class="numbers {{}}">\n{inner}</table>').format(kind, top, body)
    named = [str(_as_cell(head).content) for head in heads]
    return scrolled(table, ", ".join(filter(None, named[:4])))


def _as_cell(cell: str | Cell) -> Cell:
    return cell if isinstance(cell, Cell) else Cell(cell)


def _head(head: str | Cell) -> Markup:
    known = _as_cell(head)
    hint = Markup(' title="{}"').format(known.hint) if known.hint else ""
    html = '<th scope="col" class="{}"{}>{}</th>' if known.content else '<td class="{}"{}>{}</td>'
    return Markup(html).format(known.kind, hint, known.content)


def concatenated(parts: Iterable[Markup | Cell]) -> Markup:
    """Put pieces one after another."""
    return Markup("").join(parts)


def fold(head: str | Markup, content: Markup, shown: bool = False) -> Markup:
    """Fold content away under a line that opens it."""
    html = "<details{}><summary>{}</summary>\n{}\n</details>\n"
    return Markup(html).format(" open" if shown else "", head, content)


def heading(text: str) -> Markup:
    """Write a heading within a section."""
    return Markup("<h3>{}</h3>").format(text)


def note(text: str | Markup) -> Markup:
    """Write a line below or between figures."""
    return Markup('<p class="caption">{}</p>').format(text)


def by_set(sets: Sequence[str], part: Callable[[str], tuple[str, Markup]]) -> list[Markup]:
    """Show a part for each data set, folded under its name and a word of it, but the first."""
    if len(sets) == 1:
        return [part(sets[0])[1]]
    made = [(name, *part(name)) for name in sets]
    html = Markup('<b>{}</b> <span class="quiet">{}</span>')
    return [fold(html.format(*head), content, not i) for i, (*head, content) in enumerate(made)]


def number(value: float | None, error: float | None = None) -> str | Markup:
    """Write a number with its standard error, muted."""
    if value is None:
        return ""
    plain, spread = tables.with_error(float(value), error)
    return Markup('{} <span class="spread">{}</span>').format(plain, spread) if spread else plain


def interval(low: float | None, high: float | None, digits: float | None = None) -> str:
    """Write an interval, to the digits that its width deserves; nothing where there is none."""
    if low is None or high is None:
        return ""
    width = (high - low) or digits
    return f"[{tables.with_error(low, width)[0]}, {tables.with_error(high, width)[0]}]"


def percent_cell(share: float | None) -> str:
    """Write a share in percent."""
    return "" if share is None else f"{100 * share:.0f} %".replace("-", "−").replace("−0 %", "0 %")


def span(counts: Sequence[int]) -> str:
    """Say the least and the most of some counts."""
    low, high = min(counts), max(counts)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"
