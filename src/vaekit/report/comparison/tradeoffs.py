"""Groups of runs as marks on axes: numbers along a setting, scores against the distortion.

A line joins groups that differ in one setting only, in the order of its values. Error bars are
standard errors: over seeds where a group has several runs, else of the one run where the number has
one.
"""

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from vaekit.report import tables
from vaekit.report.comparison.axes import Axis, as_numbers, axes_of, series_of
from vaekit.report.comparison.groups import Group, Value, names_of
from vaekit.report.plots import SERIES, of_runs, panels
from vaekit.report.section import Section, figure

MARKS = {"o": "●", "s": "■", "^": "▲", "D": "◆", "v": "▼"}
NUMBERS, AXES, TICKS, LINES, NAMED, WIDE = 9, 6, 5, 24, 24, 8.0

Point = tuple[int, Value, Value]  # the place of a group, x and y


def arguments(groups: Sequence[Group], keys: Sequence[str]) -> Section | None:
    """Plot the numbers along each setting that varies while others stay; None where none does."""
    names = _varying(groups)[:NUMBERS]
    axes = axes_of(groups, [key for key in keys if not key.startswith("data")])
    if not names or not axes:
        return None
    figures = [part for axis in axes[:AXES] for part in _along(groups, axis, names)]
    caption = (
        "Each number along a setting that varies; a line joins runs that differ in nothing else "
        "but the seed. Bars are one standard error to each side, over seeds where there are "
        "several, else over the examples or draws of the one run. A schedule counts as its end."
    )
    caption += _cut("settings", len(axes), AXES) + _cut("numbers", len(_varying(groups)), NUMBERS)
    return Section("settings-varied", "Along a setting", caption, figures)


def _cut(what: str, count: int, most: int) -> str:
    return f" Of {count} {what} the first {most} are drawn." if count > most else ""


def _varying(groups: Sequence[Group]) -> list[str]:
    """Name the numbers that differ between groups, the usual ones first."""
    names = names_of(groups)
    seen = {n: {v.value for g in groups if (v := g.number(n)) is not None} for n in names}
    return [name for name in names if len(seen[name]) > 1]


def _along(groups: Sequence[Group], axis: Axis, names: Sequence[str]) -> list[Markup]:
    drawn = axis.series
    if len(drawn) > len(SERIES):  # lone marks beside so many lines would be a riddle
        drawn = [series for series in drawn if len(set(series.values)) > 1]
    figures = []
    for name in names:
        with panels(1) as plot:
            axes = plot.axes[0, 0]
            for i, series in enumerate(drawn):
                known = {place: groups[place].number(name) for place in series.places}
                pairs = zip(series.places, series.values, strict=True)
                points = [
                    (place, Value(x, None, 1), y)
                    for place, x in pairs
                    if (y := known[place]) is not None
                ]
                draw(axes, points, i)
            axes.set(title=tables.title(name), xlabel=axis.name)
            scale(axes, [x for series in drawn for x in series.values])
            axes.yaxis.set_major_locator(MaxNLocator(4))
        figures.append(figure(plot.svg, name))
    head = Markup("<h3>{}</h3>").format(axis.name)
    return [head, legend([series.name for series in drawn]), side_by_side(figures)]


def side_by_side(figures: Sequence[Markup]) -> Markup:
    """Lay small plots out in rows, as many in one as the page has room for."""
    return Markup('<div class="plots">{}</div>').format(Markup("").join(figures))


# ---- scores


def scores(
    groups: Sequence[Group], keys: Sequence[str], measures: Sequence[str | None]
) -> Section | None:
    """Plot scores of known factors against the reconstruction; None where runs have none."""
    every = dict.fromkeys(n for g in groups for n in g.names if _is_score(g, n))
    names = [n for n in every if sum(g.number(n) is not None for g in groups) > 1]
    if not names:
        return None
    mixed = len({*measures} - {None}) > 1
    x, what = ("squared_error", "−‖x − E[x|z]‖²") if mixed else ("distortion", "E log p(x|z)")
    strengths, varied = _strengths(groups, keys)
    series = series_of(groups, strengths, [key for key in keys if key not in varied])
    figures = []
    for name in names[:NUMBERS]:
        with panels(1) as plot:
            axes = plot.axes[0, 0]
            for i, each in enumerate(series):
                pairs = [(p, groups[p].number(x), groups[p].number(name)) for p in each.places]
                points = [(p, _minus(a), b) for p, a, b in pairs if a is not None and b is not None]
                draw(axes, points, i)
                if varied and len(groups) <= NAMED:
                    _name(axes, points, [f"{v:g}" for v in each.values])
            axes.set(title=tables.title(name), xlabel=what)
            axes.xaxis.set_major_locator(MaxNLocator(4))
        figures.append(figure(plot.svg, name))
    caption = (
        f"Scores of disentanglement against the reconstruction, {what}: right and up is better. "
    )
    caption += "Bars are one standard error to each side, over seeds where there are several. "
    if varied:
        caption += f"A line follows {', '.join(sorted(varied))}, its values beside the marks. "
    if mixed:
        caption += "Log-likelihoods of these noise models are no common scale, so errors stand in. "
    caption += _cut("scores", len(names), NUMBERS)
    title = "Scores against reconstruction"
    return Section(
        "scores", title, caption, [legend([s.name for s in series]), side_by_side(figures)]
    )


def _is_score(group: Group, name: str) -> bool:
    known = any(entry.numbers.get(name, {}).get("factors") for entry in group.entries)
    return known and tables.better(name) == "higher"


def _minus(value: Value) -> Value:
    return Value(-value.value, value.se, value.n)


def _strengths(groups: Sequence[Group], keys: Sequence[str]) -> tuple[list[float], set[str]]:
    """Find by recipe the setting that trades scores for reconstruction: β, or its only number.

    Groups without one stand at 0.
    """
    values, varied = [0.0] * len(groups), set[str]()
    for recipe in dict.fromkeys(group.settings["recipe"] for group in groups):
        places = [i for i, group in enumerate(groups) if group.settings["recipe"] == recipe]
        read = {}
        for key in (key for key in keys if key != "recipe" and not key.startswith("data")):
            known = as_numbers([groups[i].settings.get(key) for i in places])
            if known is not None and len(set(known[1])) > 1:
                read[key] = known[1]
        key = "beta" if "beta" in read else next(iter(read)) if len(read) == 1 else None
        if key is not None:
            varied.add(key)
            for place, value in zip(places, read[key], strict=True):
                values[place] = 0.0 if value is None else value
    return values, varied


def _name(axes: Axes, points: Sequence[Point], names: Sequence[str]) -> None:
    for (run, x, y), name in zip(points, names, strict=False):
        place: Any = {"xytext": (4, 3), "textcoords": "offset points", "fontsize": 7}
        of_runs(axes.annotate(name, (x.value, y.value), **place), [run])


# ---- marks


def draw(axes: Axes, points: Sequence[Point], i: int) -> None:
    """Draw points with their errors, joined in order, in the colour and mark of series `i`."""
    style: Any = {"color": SERIES[i % len(SERIES)], "linewidth": 1.1}
    if len(points) > 1:
        runs, x, y = zip(*points, strict=True)
        (line,) = axes.plot([v.value for v in x], [v.value for v in y], **style)
        of_runs(line, runs, line=True)
    for run, x, y in points:
        marks = axes.errorbar(
            x.value,
            y.value,
            y.se,
            x.se,
            fmt=list(MARKS)[i % len(MARKS)],
            markersize=4,
            elinewidth=0.9,
            **style,
        )
        for artist in marks.get_children():
            of_runs(artist, [run])


def scale(axes: Axes, values: Sequence[float]) -> None:
    """Fit the horizontal axis to values of a setting: logarithmic where they span 1 to 8."""
    seen = sorted(set(values))
    if seen[0] > 0 and seen[-1] / seen[0] >= WIDE:
        axes.set_xscale("log")
    if len(seen) <= TICKS:
        axes.xaxis.set_major_locator(FixedLocator(seen))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:.3g}".replace("-", "−")))
    elif axes.get_xscale() == "linear":
        axes.xaxis.set_major_locator(MaxNLocator(4))


def legend(names: Sequence[str]) -> Markup:
    """Name series beside their marks, in the order of `draw`; nothing where one is all."""
    if len(names) < 2:
        return Markup("")
    marks = list(MARKS.values())
    item = Markup('<span><b style="color:var(--series-{})">{}</b> {}</span>')
    named = [
        item.format(i % len(SERIES), marks[i % len(marks)], name or "these")
        for i, name in enumerate(names[:LINES])
    ]
    if len(names) > LINES:
        named.append(Markup("<span>and {} more</span>").format(len(names) - LINES))
    return Markup('<p class="legend">{}</p>').format(Markup("").join(named))
