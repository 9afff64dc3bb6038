"""The page of an item: published and measured side by side, its claims, its pictures."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from markupsafe import Markup
from matplotlib.axes import Axes

from vaekit.report import tables
from vaekit.report.comparison.groups import Value
from vaekit.report.comparison.tradeoffs import draw, legend, scale
from vaekit.report.plots import SERIES, Plot
from vaekit.report.rendering import (
    breakable,
    check_page,
    coded,
    csv_link,
    data_name,
    render,
    save_page,
)
from vaekit.report.section import Section, figure
from vaekit.reproduce.claims import SeedSpread, Verdict
from vaekit.reproduce.illustrations import illustrated
from vaekit.reproduce.items import ItemRow
from vaekit.reproduce.make import Made
from vaekit.study.page.markup import Cell, html_table

_PLOTS_ABREAST = 2  # plots side by side
_SMOKE = (
    "Smoke: a few steps of small networks, on {} in place of the paper's data, show that this runs "
    "from end to end. The numbers say nothing of the paper."
)
_SMALL_NOTE = (
    "Small: the paper's comparison with fewer steps, smaller networks or fewer seeds, as listed "
    "under Settings. What is contradicted here is contradicted at this scale."
)
_SCALE_NOTES = {"smoke": _SMOKE, "small": _SMALL_NOTE}


def write_page(made: Made, force: bool = False) -> Made:
    """Write page.html into the folder of an item, and return what was made.

    Raises `VaekitError` where something that is no page stands there (unless `force`), and where
    the disk refuses.
    """
    item = made.item
    sections = [
        _claims(made),
        *(_drawn_along(made, x, names) for x, names in item.along.items()),
        *illustrated(made),
    ]
    text = render(
        "reproduced.html.jinja",
        title=f"{item.title} [{item.paper}]",
        facts=_item_facts(made),
        notes=_item_notes(made),
        asks=item.asks,
        table=_published_table(made),
        sections=[section for section in sections if section is not None],
        settings=_settings_listed(made),
    )
    return replace(made, page=save_page(check_page(made.page, force), text))


def _item_facts(made: Made) -> str:
    count = len({run.folder for runs in made.runs.values() for run in runs})
    most = max(map(len, made.runs.values()))
    return f"{made.item.key} · scale {made.scale} · {count} runs, {most} of a row"


def _item_notes(made: Made) -> list[str]:
    data = data_name(str(made.item.scales[made.scale]["data"]))
    notes = [_SCALE_NOTES[made.scale].format(data)] if made.scale in _SCALE_NOTES else []
    if made.failed:
        notes.append(f"{made.failed} runs have not finished and are in no mean.")
    return notes


# ---- numbers


def _published_table(made: Made) -> Markup:
    """Lay out rows with each number as measured, and below it as published."""
    names = [n for n in made.item.numbers if any(n in known for known in made.spreads.values())]
    heads = [Cell("row", "label")]
    heads += [Cell(breakable(tables.title(n)), "right", tables.better(n)) for n in names]
    rows = [
        [
            Cell(row.name, "label"),
            *(
                Cell(_both(made.spreads[row.name].get(n), row.published.get(n)), "value")
                for n in names
            ),
        ]
        for row in made.item.rows
    ]
    plain = [
        [row.name, *(cell for n in names for cell in _csv_cells(made, row, n))]
        for row in made.item.rows
    ]
    under = [
        f"{n} {what}".rstrip() for n in names for what in ("published", "", "deviation", "runs")
    ]
    return html_table(heads, rows, "many") + csv_link([["row", *under], *plain], made.item.name)


def _both(spread: SeedSpread | None, published: float | None) -> Markup:
    shown = _spread_text(spread)
    if published is None:
        return Markup("{}").format(shown)
    html = '{}<br><span class="quiet">published {}</span>'
    return Markup(html).format(shown, tables.text(published))


def _spread_text(spread: SeedSpread | None) -> str | Markup:
    if spread is None:
        return ""
    plain, apart = tables.with_error(spread.mean, spread.deviation)
    return Markup('{} <span class="spread">{}</span>').format(plain, apart) if apart else plain


def _csv_cells(made: Made, row: ItemRow, name: str) -> list[str]:
    """Return a number for the .csv: as published, mean, deviation, count of runs."""
    spread, published = made.spreads[row.name].get(name), row.published.get(name, "")
    if spread is None:
        return [str(published), "", "", ""]
    apart = "" if spread.deviation is None else str(spread.deviation)
    return [str(published), str(spread.mean), apart, str(len(spread.values))]


# ---- claims


def _claims(made: Made) -> Section | None:
    if not made.verdicts:
        return None
    rows = [_claim(verdict) for verdict in made.verdicts]
    caption = (
        "Of rows that a claim puts in an order each is compared with the next: it holds where "
        "every difference is above two standard errors over seeds, and is contradicted where one "
        "lies as far on the other side. One run of a row decides nothing."
    )
    heads = ["the paper says", "here", "differences of the number", "note"]
    return Section("claims", "Claims", caption, [html_table(heads, rows, "many")])


def _claim(verdict: Verdict) -> list[str | Cell]:
    number = tables.title(verdict.claim.number) if verdict.claim.number else ""
    steps = "; ".join(verdict.steps)
    return [
        Cell(verdict.claim.says, "text"),
        Cell(verdict.word, "label"),
        Cell(f"{number}: {steps}" if steps else "", "text"),
        Cell(coded(verdict.claim.note), "text"),
    ]


# ---- the figure


def _drawn_along(made: Made, x: str, named: Sequence[str]) -> Section | None:
    """Draw numbers, all others by default, along one or a setting; a line for each recipe."""
    names = named or [n for n in made.item.numbers if n != x]
    names = [n for n in names if any(n in known for known in made.spreads.values())]
    points = [row for row in made.item.rows if _stand(made, row, x) is not None]
    if not names or len(points) < 2:
        return None
    lines, recipes = (
        -(-len(names) // _PLOTS_ABREAST),
        list(dict.fromkeys(row.recipe for row in points)),
    )
    with Plot(
        9.6, 2.8 * lines, lines, _PLOTS_ABREAST, spare=lines * _PLOTS_ABREAST - len(names)
    ) as plot:
        for name, axes in zip(names, plot.axes.flat, strict=False):
            for i, recipe in enumerate(recipes):
                _trace(axes, made, [row for row in points if row.recipe == recipe], (x, name), i)
            scale(axes, [v.value for row in points if (v := _stand(made, row, x)) is not None])
            axes.set(title=tables.title(name), xlabel=_axis_title(x))
    caption = f"Each number along {_axis_title(x)}, means and standard errors over seeds."
    if any(_stand_published(row, x) is not None and {*row.published} & {*names} for row in points):
        caption += " Hollow: as published."
    first = x == next(iter(made.item.along))
    key = "figure" if first else f"figure-{x}"
    return Section(
        key,
        "Figure" if first else f"Along {_axis_title(x)}",
        caption,
        [legend(recipes), figure(plot.svg)],
    )


def _trace(
    axes: Axes, made: Made, rows: Sequence[ItemRow], numbers: tuple[str, str], i: int
) -> None:
    """Draw the second of two numbers along the first, of the rows of one recipe."""
    along, name = numbers
    shown = [
        (made.item.rows.index(row), x, _value(made.spreads[row.name][name]))
        for row in rows
        if name in made.spreads[row.name] and (x := _stand(made, row, along)) is not None
    ]
    draw(axes, shown, i)
    told = [
        (x, row.published[name])
        for row in rows
        if name in row.published and (x := _stand_published(row, along)) is not None
    ]
    if told:
        style: Any = {"mfc": "none", "linestyle": "none", "color": SERIES[i % len(SERIES)]}
        axes.plot(*zip(*told, strict=True), "o", **style)


def _stand(made: Made, row: ItemRow, along: str) -> Value | None:
    """Return where a row stands along a number or a setting, None where that is unknown."""
    if along in row.settings:
        return Value(float(row.settings[along]), None, 1)
    spread = made.spreads[row.name].get(along)
    return None if spread is None else _value(spread)


def _stand_published(row: ItemRow, along: str) -> float | None:
    """Return where a row stands as published."""
    return row.settings[along] if along in row.settings else row.published.get(along)


def _axis_title(name: str) -> str:
    return "β" if name == "beta" else tables.title(name)


def _value(spread: SeedSpread) -> Value:
    return Value(spread.mean, spread.error, len(spread.values))


# ---- settings


def _settings_listed(made: Made) -> list[tuple[str, list[tuple[str, str]]]]:
    spec = made.item.study(made.scale)
    common = {"data": data_name(str(spec["data"])), "seeds": spec["seeds"], **spec["settings"]}
    listed = [
        ("The paper", [("setting", made.item.setting)]),
        ("Here, all rows", [(k.replace("_", " "), tables.text(v)) for k, v in common.items()]),
    ]
    for row, block in zip(made.item.rows, spec["runs"], strict=True):
        own = [("recipe", row.recipe)]
        own += [(k.replace("_", " "), tables.text(v)) for k, v in block["points"][0].items()]
        own += [("noise refitted", row.refit)] if row.refit else []
        listed.append((row.name, own))
    return listed
