"""The page of an item: published and measured side by side, its claims, its pictures."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby
from typing import Any

import torch
from markupsafe import Markup

from vaekit import pictures
from vaekit.errors import VaekitError
from vaekit.report import tables
from vaekit.report.codes import encode_items
from vaekit.report.comparison.groups import Value
from vaekit.report.comparison.tradeoffs import draw, legend, scale
from vaekit.report.plots import SERIES, Plot
from vaekit.report.rendering import breakable, check_page, csv_link, data_name, render, save_page
from vaekit.report.section import Section, figure, picture
from vaekit.report.sections.plane import drawn
from vaekit.reproduce.items import Row
from vaekit.reproduce.make import Made, Spread, Verdict
from vaekit.runs import Run
from vaekit.study.page.markup import Cell, html_table

_COLUMNS = 2  # plots side by side
_POINTS = 800  # codes in a plane
_SMOKE = (
    "Smoke: a few steps of small networks on small data show that this runs from end to end. The "
    "numbers say nothing of the paper."
)
_SMALL = (
    "Small: the paper's comparison with fewer steps, smaller networks or fewer seeds, as listed "
    "under Settings. What is contradicted here is contradicted at this scale."
)
_NOTES = {"smoke": _SMOKE, "small": _SMALL}


def write_page(made: Made, force: bool = False) -> Made:
    """Write page.html into the folder of an item, and return what was made.

    Raises `VaekitError` where something that is no page stands there (unless `force`), and where
    the disk refuses.
    """
    item = made.item
    sections = [
        _claims(made),
        *([_along(made)] if item.along else []),
        *_pictures(made),
    ]
    text = render(
        "reproduced.html.jinja",
        title=f"{item.title} [{item.paper}]",
        facts=_facts(made),
        notes=_notes(made),
        asks=item.asks,
        table=_table(made),
        sections=[section for section in sections if section is not None],
        settings=_settings(made),
    )
    return replace(made, page=save_page(check_page(made.page, force), text))


def _facts(made: Made) -> str:
    count = sum(map(len, made.runs.values()))
    most = max(map(len, made.runs.values()))
    return f"{made.item.key} · scale {made.scale} · {count} runs, {most} of a row"


def _notes(made: Made) -> list[str]:
    notes = [_NOTES[made.scale]] if made.scale in _NOTES else []
    if made.failed:
        notes.append(f"{made.failed} runs have not finished and are in no mean.")
    return notes


# ---- numbers


def _table(made: Made) -> Markup:
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
        [row.name, *(cell for n in names for cell in _plain(made, row, n))]
        for row in made.item.rows
    ]
    under = [
        f"{n} {what}".rstrip() for n in names for what in ("published", "", "deviation", "runs")
    ]
    return html_table(heads, rows, "many") + csv_link([["row", *under], *plain], made.item.name)


def _both(spread: Spread | None, published: float | None) -> Markup:
    shown = _spread(spread)
    if published is None:
        return Markup("{}").format(shown)
    html = '{}<br><span class="quiet">published {}</span>'
    return Markup(html).format(shown, tables.text(published))


def _spread(spread: Spread | None) -> str | Markup:
    if spread is None:
        return ""
    plain, apart = tables.with_error(spread.mean, spread.deviation)
    return Markup('{} <span class="spread">{}</span>').format(plain, apart) if apart else plain


def _plain(made: Made, row: Row, name: str) -> list[str]:
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
        Cell(verdict.claim.note, "text"),
    ]


# ---- the figure


def _along(made: Made) -> Section | None:
    """Draw the other numbers along one, a line for each recipe; as published hollow."""
    x, names = made.item.along, [n for n in made.item.numbers if n != made.item.along]
    names = [n for n in names if any(n in known for known in made.spreads.values())]
    points = [row for row in made.item.rows if x in made.spreads[row.name]]
    if not names or len(points) < 2:
        return None
    lines = -(-len(names) // _COLUMNS)
    with Plot(9.6, 2.8 * lines, lines, _COLUMNS, spare=lines * _COLUMNS - len(names)) as plot:
        for name, axes in zip(names, plot.axes.flat, strict=False):
            for i, (recipe, rows) in enumerate(groupby(points, lambda row: row.recipe)):
                each = [(made.spreads[row.name], row) for row in rows]
                shown = [
                    (made.item.rows.index(row), _value(known[x]), _value(known[name]))
                    for known, row in each
                    if name in known
                ]
                draw(axes, shown, i)
                told = [
                    (r.published[x], r.published[name])
                    for _, r in each
                    if {x, name} <= {*r.published}
                ]
                if told:
                    style: Any = {
                        "mfc": "none",
                        "linestyle": "none",
                        "color": SERIES[i % len(SERIES)],
                    }
                    axes.plot(*zip(*told, strict=True), "o", label=recipe, **style)
            scale(axes, [_value(made.spreads[row.name][x]).value for row in points])
            axes.set(title=tables.title(name), xlabel=tables.title(x))
    caption = f"Each number along {tables.title(x)}, means and standard errors over seeds."
    if any(x in row.published for row in points):
        caption += " Hollow: as published."
    recipes = list(dict.fromkeys(row.recipe for row in points))
    return Section("figure", "Figure", caption, [legend(recipes), figure(plot.svg)])


def _value(spread: Spread) -> Value:
    return Value(spread.mean, spread.error, len(spread.values))


# ---- pictures


def _pictures(made: Made) -> Iterator[Section]:
    for kind, how in made.item.pictures.items():
        about = how or {}
        shown = about.get("rows") or [row.name for row in made.item.rows]
        figures, troubles = [], []
        for name in shown:
            if not made.runs[name]:
                continue
            try:
                figures.append(_framed(name, _KINDS[kind](made.runs[name][0], about)))
            except VaekitError as error:
                troubles.append(f"{name}: {error}")
        caption = f"{_CAPTIONS[kind]} Of each row the run of the first seed."
        caption += f" Left out: {'; '.join(troubles)}." if troubles else ""
        if figures:
            yield Section(kind, kind.capitalize(), caption, figures)


def _framed(name: str, shown: Markup) -> Markup:
    return Markup("<h3>{}</h3>{}").format(name, shown)


def _samples(run: Run, about: dict[str, Any]) -> Markup:
    count = int(about.get("count", 16))
    x = torch.from_numpy(run.sample(count))
    return _grid(run, [x], count)


def _reconstructions(run: Run, about: dict[str, Any]) -> Markup:
    data = run.data.test
    part = data.subset(range(min(int(about.get("count", 12)), len(data))))
    x = torch.from_numpy(run.reconstruct(part))
    return _grid(run, [part.batch(range(len(part))), x], len(part))


def _grid(run: Run, rows: list[torch.Tensor], columns: int) -> Markup:
    sheet = pictures.stacked(rows, columns, *run.schema.levels)
    times = max(1, round(900 / sheet.shape[1]))
    return picture(sheet, "pictures in rows", times)


def _moved(run: Run, about: dict[str, Any]) -> Markup:
    moved = run.traverse(**{"of": 0, **{k: v for k, v in about.items() if k != "rows"}})
    return picture(moved.sheet(), repr(moved), 1)


def _codes(run: Run, about: dict[str, Any]) -> Markup:
    data = run.data.test
    if run.model.posterior.latent != 2 or run.model.prior is None:
        raise VaekitError("codes are drawn where there are two latents and a prior")
    return figure(drawn(run.model, data, encode_items(run.model, data, _POINTS))[0])


_KINDS = {
    "samples": _samples,
    "reconstructions": _reconstructions,
    "traversals": _moved,
    "codes": _codes,
}
_CAPTIONS = {
    "samples": "The mean of p(x|z) for codes drawn from the prior, seed 0.",
    "reconstructions": "Test examples, below them the mean of p(x|z) at their mean codes.",
    "traversals": "Decodings with one latent changed, the original first.",
    "codes": "Codes of test examples, drawn from q(z|x), beside the prior.",
}


# ---- settings


def _settings(made: Made) -> list[tuple[str, list[tuple[str, str]]]]:
    spec = made.item.study(made.scale)
    common = {"data": data_name(str(spec["data"])), "seeds": spec["seeds"], **spec["settings"]}
    listed = [
        ("The paper", [("setting", made.item.setting)]),
        ("Here, all rows", [(k.replace("_", " "), tables.text(v)) for k, v in common.items()]),
    ]
    for row, block in zip(made.item.rows, spec["runs"], strict=True):
        own = [("recipe", row.recipe)]
        own += [(k.replace("_", " "), tables.text(v)) for k, v in block["points"][0].items()]
        listed.append((row.name, own))
    return listed
