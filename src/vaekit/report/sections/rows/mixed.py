"""A model of mixed columns: what each column costs, how well it is given back, and drawn rows."""

from collections.abc import Iterator

import numpy as np
import polars as pl
from matplotlib.axes import Axes

from vaekit.apply import sample
from vaekit.data.tables.mixed import Field, places
from vaekit.information.missing import distortion_by_column
from vaekit.report import columns
from vaekit.report.codes import spread
from vaekit.report.plots import MUTED, SERIES, densities, panels
from vaekit.report.section import Section, View, figure, text_table
from vaekit.report.sections.images import no_samples
from vaekit.report.tables import text

PANELS, DRAWS, SHOWN, BARS = 12, 1000, 8, 12


def sections(view: View) -> Iterator[Section]:
    """Yield the costs of the columns, and how drawn rows compare with the test set."""
    if view.data.fields:
        yield costs(view, view.data.fields)
        yield no_samples(view) or drawn_rows(view, view.data.fields)


def costs(view: View, fields: tuple[Field, ...]) -> Section:
    """List for each column its law, its share of the distortion, and its error."""
    nats = distortion_by_column(view.model, view.data).numpy()
    real = view.own(view.data.batch(view.codes.rows[view.judged]).cpu().double().numpy())
    made = view.own(view.reconstructions.double().numpy())
    rows, total = list[tuple[str, ...]](), np.abs(nats).sum() or 1.0
    for (field, part), cost in zip(places(fields), nats.tolist(), strict=True):
        there = ~np.isnan(real[:, part]).any(1)
        gone = f"{1 - there.mean():.1%}" if not there.all() else "–"
        errors = _errors(field, real[there, part], made[there, part]) if there.any() else ("–", "–")
        share = f"{abs(cost) / total:.1%}"
        rows.append((field.name, field.text, text(cost), share, gone, *errors))
    caption = (
        "The distortion −E ln p(x|z) of each column d, in nats for a row, by one code of each test "
        "row, where a missing entry costs nothing; of numbers it is a density's, so it may be "
        "below 0. Its share is of the sum of what all columns cost or save. The error is that of "
        "the mean of p(x|z) at the mean of q(z|x), or of its likeliest class, beside that of the "
        "column's mean, or commonest class: of numbers the root mean square in the column's own "
        "units, of classes the share that is wrong."
    )
    heads = ("column", "law", "nats", "share", "missing", "error", "without a model")
    return Section("columns", "Columns", caption, [text_table(heads, rows)])


def _errors(field: Field, real: np.ndarray, made: np.ndarray) -> tuple[str, str]:
    error, base = (field.error_text(field.error(real, each)) for each in (made, real.mean(0)))
    return error, base


def drawn_rows(view: View, fields: tuple[Field, ...]) -> Section:
    """Plot each column of drawn rows beside the test set, and list some of the rows."""
    codes, known = view.codes, view.data.columns
    assert known is not None
    told = codes.condition(np.resize(spread(codes, DRAWS), DRAWS))
    made = known.typed(view.own(sample(view.model, DRAWS, told, draw=True).numpy()))
    real = known.typed(view.own(view.data.batch(codes.rows).cpu().numpy()))
    shown = fields[:PANELS]
    with panels(len(shown)) as plot:
        for field, axes in zip(shown, plot.axes.flat, strict=False):
            both = [real[field.name].drop_nulls(), made[field.name].drop_nulls()]
            (_class_bars if field.levels else _column_histogram)(field, axes, *both)
            axes.set(title=columns.plot_name(field.name), yticks=[])
        plot.legend(2)
    caption = (
        f"{DRAWS:,} rows drawn from p(x|z) at codes from the prior, seed 0, beside {len(real):,} "
        f"test rows, column by column, and {SHOWN} of them. Numbers keep to the ends of the "
        "training. `vaekit sample` writes such rows, also with values that are given."
    )
    if len(fields) > PANELS:
        caption += f" Plotted are the first {PANELS} of {len(fields)} columns."
    rows = [tuple("" if v is None else str(v) for v in row) for row in made.head(SHOWN).rows()]
    listed = text_table(made.columns, rows)
    return Section("samples", "Samples", caption, [figure(plot.svg), listed])


def _column_histogram(field: Field, axes: Axes, real: pl.Series, made: pl.Series) -> None:
    densities(axes, *(field.entries(each)[0][:, 0] for each in (real, made)))
    if field.date:
        axes.xaxis_date()  # days since 1970, as matplotlib counts them too
        axes.tick_params("x", rotation=40, labelsize=7)


def _class_bars(field: Field, axes: Axes, real: pl.Series, made: pl.Series) -> None:
    levels = list(field.levels)[:BARS]
    at, styles = np.arange(len(levels)), ((-0.2, MUTED, "test set"), (0.2, SERIES[0], "samples"))
    for values, (shift, colour, label) in zip((real, made), styles, strict=True):
        counted = values.to_list()
        shares = [counted.count(level) / max(1, len(counted)) for level in levels]
        axes.bar(at + shift, shares, 0.4, color=colour, label=label)
    named = [columns.plot_name(str(level))[:9] for level in levels]
    axes.set_xticks(at, named, rotation=40, ha="right", fontsize=7)
