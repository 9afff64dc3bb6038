"""The short tables of a comparison, for the shell."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from vaekit.report import tables
from vaekit.report.rendering import data_name
from vaekit.study.analysis.layout import needs_labels
from vaekit.study.analysis.variance import LEVELS
from vaekit.study.page.choosing import NAMES
from vaekit.study.page.comparison import Comparison
from vaekit.study.page.markup import percent_cell

_TEXT_ROWS, _CELL = 20, 60  # rows of a table, letters of a cell
TextRows = Sequence[Sequence[object]]


def lines(known: Comparison) -> Iterator[str]:
    """Yield the best settings, shares of variance, choices and failures, as tables of text."""
    sets = known.table["data"].unique(maintain_order=True).sort().to_list()
    scored = [n for n in known.numbers if needs_labels(n)]
    main = scored or known.numbers
    for data in sets:
        of = f" on {data_name(data)}" if len(sets) > 1 else ""
        best = known.summary.filter(data=data, mark="best")
        rows = [
            (*_number_and_setting(row), _mean_text(row), row["n"], _near(known, row))
            for row in best.iter_rows(named=True)
            if row["number"] in main or len(sets) == 1
        ]
        heads = ("number", "best setting", "mean ± s.e.", "runs", "not told apart")
        yield from _text_table(f"Best settings{of}", heads, rows)
        yield from _text_table(f"Share of variance (ε²){of}", *_share_table(known, data, main))
        yield from _text_table(f"Chosen without labels{of}", *_choice_table(known, data, scored))
    yield from _failure_lines(known)


def _number_and_setting(row: Mapping[str, Any]) -> tuple[str, str]:
    return tables.title(row["number"]), row["setting"]


def _share_table(
    known: Comparison, data: str, main: Sequence[str]
) -> tuple[Sequence[str], TextRows]:
    by_number: dict[str, dict[str, str]] = {}
    for row in known.shares.filter(data=data).drop_nulls("share").iter_rows(named=True):
        if row["number"] in main:
            by_number.setdefault(row["number"], {})[row["level"]] = percent_cell(row["share"])
    levels = [level for level in LEVELS if any(level in each for each in by_number.values())]
    rows = [
        (tables.title(name), *(each.get(level, "") for level in levels))
        for name, each in by_number.items()
    ]
    return ("number", *levels), rows


def _choice_table(
    known: Comparison, data: str, scored: Sequence[str]
) -> tuple[Sequence[str], TextRows]:
    """Lay out the choices without labels, and what they get in the first score of labels."""
    own = known.choices.filter(data=data, labels=False)
    rows = [
        (
            NAMES.get(row["criterion"]) or tables.title(row["criterion"]),
            row["run"] or f"none: {row['why']}",
            *(_got(row) if scored else ()),
        )
        for row in own.iter_rows(named=True)
        if row["score"] in (*scored[:1], None)
    ]
    more = (tables.title(scored[0]), "regret", "of chance") if scored else ()
    return ("chosen by", "run", *more), rows


def _near(known: Comparison, row: Mapping[str, Any]) -> int:
    same = known.summary.filter(data=row["data"], number=row["number"], mark="near")
    return len(same)


def _mean_text(row: Mapping[str, Any]) -> str:
    return " ".join(tables.with_error(row["mean"], row["se"])).strip()


def _got(row: Mapping[str, Any]) -> Sequence[str]:
    got = (row["value"], row["regret"], row["random_regret"])
    return ["–" if value is None else f"{value:.3g}" for value in got]


def _failure_lines(known: Comparison) -> Iterator[str]:
    failed = known.table.filter(known.table["state"] != "finished")
    if len(failed):
        yield ""
        counts = failed["reason"].value_counts(sort=True)
        yield f"{len(failed)} of {len(known.table)} runs have not finished:"
        for reason, count in counts.head(_TEXT_ROWS // 4).iter_rows():
            yield f"{count:6d}  {reason[: 2 * _CELL]}"
        if len(counts) > _TEXT_ROWS // 4:
            yield f"        and {len(counts) - _TEXT_ROWS // 4} other reasons"


def _text_table(title: str, heads: Sequence[str], rows: TextRows) -> Iterator[str]:
    """Yield a table with its title, nothing where it has no rows."""
    if not rows:
        return
    cells = [[str(cell)[:_CELL] for cell in row] for row in (heads, *rows[:_TEXT_ROWS])]
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
    yield ""
    yield title
    for row in cells:
        text = "  ".join(f"{c:<{w}}" for c, w in zip(row, widths, strict=True))
        yield f"  {text}".rstrip()
    if len(rows) > _TEXT_ROWS:
        yield f"  and {len(rows) - _TEXT_ROWS} more rows on the page"
