"""Trade-offs: settings as marks, the front that none beats, and how sure it is."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup

from vaekit.report import tables
from vaekit.report.section import Section
from vaekit.study.analysis.fronts import way_of
from vaekit.study.analysis.layout import by_data, repeats, values_of
from vaekit.study.page.chart import Chart, colour_key
from vaekit.study.page.markup import Cell, by_set, fold, html_table, number, percent_cell

if TYPE_CHECKING:
    import polars as pl

_WIDTH, _HEIGHT, _LIKELY, _NAMED = 540, 340, 0.05, 20
_Marks = list[dict[str, Any]]


def tradeoff_section(
    results: "pl.DataFrame", front: "pl.DataFrame", y: str, x: str
) -> Section | None:
    """Draw one number against another; None where no setting has both."""
    known: dict[str, _Marks] = {}
    for row in front.iter_rows(named=True):
        if row["n"]:
            known.setdefault(row["data"], []).append(row)
    if not known:
        return None
    groups = by_data(repeats(results))
    values = {name: values_of(results, name) for name in (x, y)}

    def part(data: str) -> tuple[str, Markup]:
        best = [row for row in known[data] if row["on_front"]]
        best.sort(key=lambda row: row["x"])
        place = np.concatenate([group.rows for group in groups[data]])
        drawn = _chart(
            known[data],
            best,
            results["recipe"].to_numpy()[place],
            values[x][place],
            values[y][place],
            x,
            y,
        )
        return f"{len(best)} of {len(known[data])} settings", drawn + _tables(
            known[data], best, x, y
        )

    caption = (
        f"{_with_way(y)} against {_with_way(x)}. Faint dots are runs, marks the means of settings; "
        "numbered are those that no other beats in both, joined by a line. Their support is the "
        "share of 2000 resamples of the seeds in which they are on the front: where it is low, a "
        "place is owed to luck."
    )
    return Section(
        "tradeoff",
        f"Trade-off: {tables.title(y)} against {tables.title(x)}",
        caption,
        by_set(list(known), part),
    )


def _with_way(name: str) -> str:
    return f"{tables.title(name)} ({way_of(name)} is better)"


def _chart(
    rows: _Marks, best: _Marks, recipes: np.ndarray, xs: np.ndarray, ys: np.ndarray, x: str, y: str
) -> Markup:
    there = np.isfinite(xs) & np.isfinite(ys)
    recipes, xs, ys = recipes[there], xs[there], ys[there]
    chart = Chart(xs, ys, "", tables.title(x), tables.title(y), _WIDTH, _HEIGHT)
    names = list(dict.fromkeys(row["recipe"] for row in rows))
    for i, name in enumerate(names):
        chart.dots(xs[recipes == name], ys[recipes == name], i)
    chart.line(
        np.array([row["x"] for row in best]), np.array([row["y"] for row in best]), None, "front"
    )
    for row in rows:
        place = next((str(i + 1) for i, each in enumerate(best) if each is row), "")
        place = place if len(best) <= _NAMED else ""
        means = [
            f"{tables.title(n)} {' '.join(tables.with_error(row[k], row[f'{k}_se']))}"
            for n, k in ((x, "x"), (y, "y"))
        ]
        hint = f"{row['setting']}: {', '.join(means)}, {row['n']} runs"
        chart.mark(row["x"], row["y"], names.index(row["recipe"]), hint, place)
    return colour_key(names) + Markup('<div class="plot">{}</div>').format(chart.svg())


def _tables(rows: _Marks, best: _Marks, x: str, y: str) -> Markup:
    made = _front_table(best, x, y)
    others = sorted((r for r in rows if not r["on_front"]), key=lambda r: -r["support"])
    near = [row for row in others if row["support"] >= _LIKELY]
    if near:
        made += fold(
            f"{len(near)} more that chance may keep off it (support ≥ 5 %)",
            _front_table(near, x, y, False),
        )
    return made


def _front_table(rows: Sequence[dict[str, Any]], x: str, y: str, numbered: bool = True) -> Markup:
    heads = [
        Cell("", "rank"),
        "setting",
        Cell(tables.title(x), "right"),
        Cell(tables.title(y), "right"),
    ]
    heads += [Cell("support", "right"), Cell("runs", "right")]
    laid = [
        [
            Cell(str(i + 1) if numbered else "", "rank"),
            Cell(row["setting"], "label"),
            Cell(number(row["x"], row["x_se"]), "value"),
            Cell(number(row["y"], row["y_se"]), "value"),
            Cell(percent_cell(row["support"]), "quiet count"),
            Cell(tables.text(row["n"]), "quiet count"),
        ]
        for i, row in enumerate(rows)
    ]
    return html_table(heads, laid, "many")
