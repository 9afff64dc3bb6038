"""Scores against strength: each run a point, a line through the medians of the seeds."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from vaekit.report import tables
from vaekit.report.section import Section
from vaekit.study.analysis.layout import Repeats, by_data, repeats, values_of
from vaekit.study.page.chart import COLOURS, Chart, colour_key
from vaekit.study.page.markup import by_set, concatenated, fold, heading, note

if TYPE_CHECKING:
    import polars as pl

_NUMBERS_SHOWN, _JITTER, _NAMED_LINES = 8, 3.0, 12


def strength_section(table: "pl.DataFrame", numbers: Sequence[str]) -> Section | None:
    """Draw numbers against the strength of each recipe; None where no recipe has one."""
    groups = [group for group in repeats(table) if group.strength is not None]
    if not groups:
        return None
    parts = by_data(groups)
    values = {name: values_of(table, name) for name in numbers}
    names = dict(zip(table["recipe"].to_list(), table["strength_name"].to_list(), strict=True))

    def part(data: str) -> tuple[str, Markup]:
        rows = np.concatenate([group.rows for group in parts[data]])
        varying = [
            n
            for n in numbers
            if len(np.unique(v := values[n][rows][np.isfinite(values[n][rows])])) > 1 and len(v)
        ]
        drawn = [_number_row(parts[data], n, values[n], names) for n in varying]
        rest = drawn[_NUMBERS_SHOWN:]
        more = fold(f"{len(rest)} more numbers", _side_by_side(rest)) if rest else Markup("")
        return "", _side_by_side(drawn[:_NUMBERS_SHOWN]) + more

    lone = sorted(set(table["recipe"].to_list()) - {group.recipe for group in groups})
    caption = (
        "Each run is a point, moved sideways a little so that seeds lie apart; the line goes "
        "through the medians over seeds. Recipes have panels of their own, for their strengths are "
        "no common scale; the vertical scale is one for all. A schedule counts as its end."
    )
    caption += f" Without a strength that varies: {', '.join(lone)}." if lone else ""
    return Section("strength", "Score against strength", caption, by_set(list(parts), part))


def _side_by_side(parts: Sequence[Markup]) -> Markup:
    """Set the drawings of numbers side by side where they fit."""
    return Markup('<div class="rows">{}</div>').format(concatenated(parts))


def _number_row(
    groups: Sequence[Repeats], name: str, values: np.ndarray, names: dict[str, str]
) -> Markup:
    """Draw one number, a panel for each recipe."""
    rows = np.concatenate([group.rows for group in groups])
    y = values[rows][np.isfinite(values[rows])]
    better = tables.better(name)
    title = tables.title(name) + (f" ({better} is better)" if better else "")
    charts = [
        _panel([g for g in groups if g.recipe == recipe], i, y, values, names[recipe])
        for i, recipe in enumerate(dict.fromkeys(group.recipe for group in groups))
    ]
    html = Markup('<div style="--panels:{}">{}<div class="charts">{}</div></div>')
    return html.format(len(charts), heading(title), concatenated(charts))


def _panel(
    groups: Sequence[Repeats], colour: int, y: np.ndarray, values: np.ndarray, strength: str
) -> Markup:
    series = list(dict.fromkeys(group.series for group in groups))
    x = np.array([float(group.strength or 0.0) for group in groups])
    chart = Chart(x, y, groups[0].recipe, strength, steps=True)
    for i, name in enumerate(series):
        shade = colour if len(series) == 1 else i
        own = [(g, s) for g, s in zip(groups, x, strict=True) if g.series == name]
        middle = []
        for group, at in own:
            known = values[group.rows]
            known = known[np.isfinite(known)]
            if len(known):
                spread = _JITTER * np.linspace(-1, 1, len(known)) if len(known) > 1 else 0.0
                chart.dots(np.full(len(known), at), known, shade, spread)
                middle.append((at, float(np.median(known)), len(known), group.setting))
        if middle:
            along, medians = np.array([pair[:2] for pair in middle]).T
            chart.line(along, medians, shade)
        for at, median, n, setting in middle:
            hint = f"{setting}: median {tables.text(median)} of {n} runs"
            chart.mark(at, median, shade, hint)
    keys = colour_key([_rest(name) for name in series[:_NAMED_LINES]])
    if len(series) > _NAMED_LINES:
        keys += note(
            f"Of {len(series)} lines the first {_NAMED_LINES} are named; colours repeat after "
            f"{COLOURS}."
        )
    return Markup("<div>{}{}</div>").format(chart.svg(), keys)


def _rest(series: str) -> str:
    """Return the words of a series without its recipe, which the panel names."""
    return series.partition(" · ")[2] or "these"
