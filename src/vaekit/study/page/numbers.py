"""Numbers by setting: tables, and each number's ranking with intervals."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from vaekit.report import tables
from vaekit.study.analysis.layout import needs_labels
from vaekit.study.page.chart import whisker
from vaekit.study.page.markup import (
    MOST_ROWS,
    Cell,
    by_set,
    concatenated,
    fold,
    heading,
    html_table,
    interval,
    note,
    number,
)

if TYPE_CHECKING:
    import polars as pl

RANKED = 24  # rows of a ranking that are too many
_Settings = list[dict[str, Any]]


def numbers_by_setting(summary: "pl.DataFrame") -> list[Markup]:
    """Show, for each data set, all numbers of all settings and the ranking by each number."""
    known: dict[str, dict[str, _Settings]] = {}
    for row in summary.iter_rows(named=True):
        known.setdefault(row["data"], {}).setdefault(row["number"], []).append(row)
    return by_set(list(known), lambda data: _numbers_of_set(known[data]))


def _numbers_of_set(by_number: dict[str, _Settings]) -> tuple[str, Markup]:
    shown = {n: rows for n, rows in by_number.items() if any(row["n"] for row in rows)}
    parts = {"Scores of known factors or labels": [n for n in shown if needs_labels(n)]}
    parts["Other numbers"] = [n for n in shown if n not in next(iter(parts.values()))]
    both = all(parts.values())
    made = [
        (heading(title) if both else Markup("")) + _matrix([shown[n] for n in names], names)
        for title, names in parts.items()
        if names
    ]
    ranked = [name for name in shown if any(row["rank"] for row in shown[name])]
    folds = [fold(_headline(n, shown[n]), _ranking(shown[n]), not i) for i, n in enumerate(ranked)]
    head = _best_setting(ranked[0], shown[ranked[0]]) if ranked else ""
    above = heading("Ranked, with bootstrap intervals") if folds else Markup("")
    return head, concatenated([*made, above, *folds])


def _matrix(columns: Sequence[_Settings], names: Sequence[str]) -> Markup:
    """Lay numbers out by setting; of many settings those best by the first number come first."""
    order = list(range(len(columns[0])))
    if len(order) > MOST_ROWS:
        order.sort(key=lambda i: _order(columns[0][i]))
    failed = any(row["failed"] for row in columns[0])
    heads: list[str | Cell] = ["setting", Cell("runs", "right")]
    heads += [Cell("failed", "right")] if failed else []
    heads += [Cell(tables.title(name), "right") for name in names]
    rows = []
    for i in order:
        row = columns[0][i]
        most = max(column[i]["n"] for column in columns)
        cells = [Cell(row["setting"], "label"), Cell(tables.text(most), "quiet count")]
        cells += [Cell(tables.text(row["failed"] or ""), "quiet count")] if failed else []
        rows.append([*cells, *(_mean_cell(column[i], most) for column in columns)])
    made = html_table(heads, rows, "many")
    if len(order) <= MOST_ROWS:
        return made
    return note(f"In the order of {tables.title(names[0])}, the best first.") + made


def _order(row: dict[str, Any]) -> Any:
    rank = row["rank"] if row["rank"] is not None else float("inf")
    sign = 1 if tables.better(row["number"]) == "lower" else -1
    return rank, sign * row["mean"] if row["mean"] is not None else 0.0


def _mean_cell(row: dict[str, Any], most: int) -> Cell:
    few = f" ({row['n']} runs)" if 0 < row["n"] < most else ""
    hint = (
        f"95 % {interval(row['low'], row['high'])}, {row['n']} runs"
        if row["low"] is not None
        else ""
    )
    return Cell(
        Markup("{}{}").format(number(row["mean"], row["se"]), few),
        f"value {row['mark'] or ''}",
        hint,
    )


def _headline(name: str, rows: _Settings) -> Markup:
    html = Markup('{} <span class="quiet">{}</span>')
    return html.format(tables.title(name), _best_setting(name, rows, named=False))


def _best_setting(name: str, rows: _Settings, named: bool = True) -> str:
    """Say which setting is best by a number, and how many cannot be told from it."""
    best = next((row for row in rows if row["mark"] == "best"), None)
    if best is None:
        return ""
    near = sum(row["mark"] == "near" for row in rows)
    value = " ".join(tables.with_error(best["mean"], best["se"]))
    tied = f", {near} more not told apart" if near else ""
    return f"{f'best {tables.title(name)}: ' if named else ''}{best['setting']}, {value}{tied}"


def _ranking(rows: _Settings) -> Markup:
    known = sorted((row for row in rows if row["mean"] is not None), key=_order)
    every = [v for row in known for v in (row["mean"], row["low"], row["high"]) if v is not None]
    ends = min(every), max(every)
    heads = [Cell("rank", "rank"), "setting", Cell("mean and 95 % interval"), Cell("mean", "right")]
    heads += [Cell("interval", "right"), Cell("runs", "right")]
    laid = []
    for row in known:
        mark = row["mark"] or ""
        drawn = whisker(row["mean"], row["low"], row["high"], ends, mark)
        laid.append(
            [
                *(Cell(tables.text(row["rank"]), "rank"), Cell(row["setting"], f"label {mark}")),
                *(Cell(drawn), Cell(number(row["mean"], row["se"]), f"value {mark}")),
                Cell(interval(row["low"], row["high"], row["se"]), "quiet right"),
                Cell(tables.text(row["n"]), "quiet count"),
            ]
        )
    return html_table(heads, laid, "many", RANKED)
