"""Rank correlations of numbers as a table of colours."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from vaekit.report import tables
from vaekit.report.section import Section
from vaekit.study.page.markup import Cell, by_set, fold, html_table, interval

if TYPE_CHECKING:
    import polars as pl

_NUMBERS_AT_ONCE = 12  # numbers shown at once
_Pairs = dict[tuple[str, str], dict[str, Any]]


def agreement_section(
    over_all: "pl.DataFrame", within: "pl.DataFrame", numbers: Sequence[str]
) -> Section | None:
    """Show ρ of each pair, over all runs above the diagonal, within settings below it."""
    known: dict[str, tuple[_Pairs, _Pairs]] = {}
    for i, each in enumerate((over_all, within)):
        for row in each.iter_rows(named=True):
            if row["rho"] is not None:
                known.setdefault(row["data"], ({}, {}))[i][row["a"], row["b"]] = row
    if not known:
        return None

    def part(data: str) -> tuple[str, Markup]:
        used = {name for pairs in known[data] for pair in pairs for name in pair}
        names = [name for name in numbers if name in used]
        content = _heat(names[:_NUMBERS_AT_ONCE], *known[data])
        if len(names) > _NUMBERS_AT_ONCE:
            content += fold(f"all {len(names)} numbers", _heat(names, *known[data]))
        pairs = known[data][0].values()
        n = sorted({row["n"] for row in pairs})
        count = f"{tables.text(n[-1])} runs" if n else ""
        return count, content

    caption = (
        "Spearman's ρ of ranks. Above the diagonal over all runs of a data set, which mostly says "
        "whether two numbers order the settings alike; below it within settings, among runs that "
        "differ in the seed alone, which says whether a lucky seed is lucky by both. Blue agrees, "
        "orange disagrees; pale figures have a 95 % bootstrap interval that holds 0, or none. "
        "Point at a cell for its interval and n. Numbers that do not vary are left out."
    )
    return Section("agreement", "Do the numbers agree?", caption, by_set(list(known), part))


def _heat(names: Sequence[str], over_all: _Pairs, within: _Pairs) -> Markup:
    heads = ["", *(Cell(tables.title(name), "turned") for name in names)]
    rows = []
    for i, a in enumerate(names):
        cells: list[str | Cell] = [Cell(tables.title(a), "label")]
        for j, b in enumerate(names):
            pairs = over_all if i < j else within
            cells.append(_rho_cell(pairs.get((a, b)) or pairs.get((b, a)), i == j))
        rows.append(cells)
    return html_table(heads, rows, "heat")


def _rho_cell(row: dict[str, Any] | None, same: bool) -> Cell:
    if row is None or same:
        return Cell("" if same else "–", "quiet")
    rho, low, high = row["rho"], row["low"], row["high"]
    sure = low is not None and (low > 0 or high < 0)
    colour = "var(--series-0)" if rho > 0 else "var(--series-1)"
    ink = f"background:color-mix(in srgb, {colour} {60 * abs(rho):.0f}%, transparent)"
    text = f"{rho:.2f}".replace("0.", ".", 1).replace("-", "−")
    count = f"{row['n']} runs of {row['settings']} settings"
    hint = f"ρ {rho:.3f}, 95 % {interval(low, high) or '–'}, {count}"
    html = Markup('<span style="{}" class="{}">{}</span>')
    return Cell(html.format(ink, "" if sure else "unsure", text), "rho", hint.replace("-", "−"))
