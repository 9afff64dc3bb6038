"""The short tables of a comparison, for the shell."""

from collections.abc import Iterator, Sequence

from vaekit.report import tables
from vaekit.study.analysis.layout import needs_labels
from vaekit.study.analysis.shares import LEVELS
from vaekit.study.page.choosing import NAMES
from vaekit.study.page.comparison import Comparison
from vaekit.study.page.markup import percent

_MOST, _WIDE = 20, 60  # rows of a table, letters of a cell


def lines(known: Comparison) -> Iterator[str]:
    """Yield the best settings, shares of variance, choices and failures, as tables of text."""
    several = known.table["data"].n_unique() > 1
    scored = [n for n in known.numbers if needs_labels(n)]
    best = [
        (
            row["data"],
            tables.title(row["number"]),
            row["setting"],
            _mean(row),
            row["n"],
            _near(known, row),
        )
        for row in known.summary.filter(mark="best").iter_rows(named=True)
    ]
    heads = ("data", "number", "best setting", "mean ± s.e.", "runs", "not told apart")
    yield from _table("Best settings", heads, best, several)
    parts: dict[tuple[str, str], dict[str, str]] = {}
    for row in known.shares.drop_nulls("share").iter_rows(named=True):
        name = tables.title(row["number"])
        parts.setdefault((row["data"], name), {})[row["level"]] = percent(row["share"])
    levels = [level for level in LEVELS if any(level in each for each in parts.values())]
    shares = [(*key, *(each.get(level, "") for level in levels)) for key, each in parts.items()]
    yield from _table("Share of variance (ε²)", ("data", "number", *levels), shares, several)
    chosen = [
        (
            row["data"],
            NAMES.get(row["criterion"]) or tables.title(row["criterion"]),
            row["setting"] or f"none: {row['why']}",
            *(("", "", "") if row["score"] is None else _got(row)),
        )
        for row in known.choices.iter_rows(named=True)
        if not row["labels"] and row["score"] in (*scored[:1], None)
    ]
    score = tables.title(scored[0]) if scored else "score"
    heads = ("data", "chosen by", "setting", score, "regret", "of chance")
    yield from _table("Chosen without labels", heads if scored else heads[:3], chosen, several)
    yield from _failures(known)


def _near(known: Comparison, row: dict[str, object]) -> int:
    same = known.summary.filter(data=row["data"], number=row["number"], mark="near")
    return len(same)


def _mean(row: dict[str, float]) -> str:
    return " ".join(tables.with_error(row["mean"], row["se"])).strip()


def _got(row: dict[str, float | None]) -> Sequence[str]:
    got = (row["value"], row["regret"], row["random_regret"])
    return ["–" if value is None else f"{value:.3g}" for value in got]


def _failures(known: Comparison) -> Iterator[str]:
    failed = known.table.filter(known.table["state"] != "finished")
    if len(failed):
        yield ""
        counts = failed["reason"].value_counts(sort=True)
        yield f"{len(failed)} of {len(known.table)} runs have not finished:"
        for reason, count in counts.head(_MOST // 4).iter_rows():
            yield f"{count:6d}  {reason[: 2 * _WIDE]}"
        if len(counts) > _MOST // 4:
            yield f"        and {len(counts) - _MOST // 4} other reasons"


def _table(
    title: str, heads: Sequence[str], rows: Sequence[Sequence[object]], several: bool
) -> Iterator[str]:
    """Yield a table with its title; without the column of data sets where there is one."""
    if not rows:
        return
    first = 0 if several else 1
    shown = [heads[first:], *(row[first : len(heads)] for row in rows[:_MOST])]
    cells = [[str(cell)[:_WIDE] for cell in row] for row in shown]
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
    yield ""
    yield title
    for row in cells:
        text = "  ".join(f"{c:<{w}}" for c, w in zip(row, widths, strict=True))
        yield f"  {text}".rstrip()
    if len(rows) > _MOST:
        yield f"  and {len(rows) - _MOST} more rows on the page"
