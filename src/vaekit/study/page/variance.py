"""Shares of variance as bars beside their numbers."""

from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from vaekit.report import tables
from vaekit.report.section import Section
from vaekit.study.analysis.variance import LEVELS
from vaekit.study.page.markup import Cell, by_set, concatenated, html_table, percent_cell

if TYPE_CHECKING:
    import polars as pl

_LEVEL_COLOURS: dict[str, str] = dict(zip(LEVELS, ("0", "1", "2", "5"), strict=True))


def variance_section(shares: "pl.DataFrame") -> Section | None:
    """Show what the variance of each number is due to; None where no setting has two seeds."""
    known: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for row in shares.iter_rows(named=True):
        if row["share"] is not None:
            known.setdefault(row["data"], {}).setdefault(row["number"], []).append(row)
    if not known:
        return None
    caption = (
        "Runs lie in settings, settings in strengths, strengths in objectives; the sum of squares "
        "parts along this tree. Shares are ε²: of each level what its nodes would show by the luck "
        "of their seeds is taken off and given to the seed, so they add up to 1, and a level that "
        "does nothing has 0 on average, at times a little less. In brackets is η², the plain R² "
        "of group means that the literature reports; it counts luck as effect."
    )
    figures = by_set(
        list(known), lambda data: (_first_shares(known[data]), _shares_of_set(known[data]))
    )
    return Section("variance", "What decides: objective, strength or seed", caption, figures)


def _first_shares(numbers: dict[str, list[dict[str, Any]]]) -> str:
    """Say the shares of the first number."""
    name, rows = next(iter(numbers.items()))
    shares = ", ".join(f"{row['level']} {percent_cell(row['share'])}" for row in rows)
    return f"{tables.title(name)}: {shares}"


def _shares_of_set(numbers: dict[str, list[dict[str, Any]]]) -> Markup:
    levels = [n for n in LEVELS if any(r["level"] == n for rows in numbers.values() for r in rows)]
    heads: list[str | Cell] = ["number", Cell("", "bar"), *(Cell(name, "right") for name in levels)]
    heads += [Cell("runs", "right"), Cell("settings", "right")]
    laid = []
    for name, rows in numbers.items():
        by_level = {row["level"]: row for row in rows}
        cells = [Cell(tables.title(name), "label"), Cell(_bar(by_level), "bar")]
        cells += [Cell(_share_cell(by_level.get(level)), "value") for level in levels]
        counts = (rows[0]["n"], rows[0]["settings"])
        laid.append([*cells, *(Cell(tables.text(n), "quiet count") for n in counts)])
    html = Markup('<span><b style="color:var(--series-{})">■</b> {}</span>')
    named = concatenated(html.format(_LEVEL_COLOURS[level], level) for level in levels)
    return Markup('<p class="legend">{}</p>').format(named) + html_table(heads, laid, "many")


def _bar(by_level: dict[str, dict[str, Any]]) -> Markup:
    sizes = {level: max(0.0, row["share"]) for level, row in by_level.items()}
    whole = sum(sizes.values()) or 1.0
    html = Markup('<i style="width:{:.1f}%;background:var(--series-{})"></i>')
    parts = [
        html.format(100 * size / whole, _LEVEL_COLOURS[level]) for level, size in sizes.items()
    ]
    return Markup('<span class="shares">{}</span>').format(concatenated(parts))


def _share_cell(row: dict[str, Any] | None) -> str | Markup:
    if row is None:
        return ""
    html = Markup('{} <span class="spread">{}</span>')
    return html.format(percent_cell(row["share"]), f"({percent_cell(row['plain'])})")
