"""Plots of a model of vectors (N, D), where there are no pictures to show.

Numbers are in the table's own units, where it was scaled.
"""

from collections.abc import Iterator

import numpy as np

from vaekit.apply import decode, sample
from vaekit.report import columns, plots
from vaekit.report.codes import (
    informative,
    path,
    spread,
    sweep,
    typical,
)
from vaekit.report.plots import MUTED, SERIES, panels
from vaekit.report.section import Section, View, figure
from vaekit.report.sections.images import no_samples, order_text
from vaekit.report.touch.explorer import explorer

COLUMNS, POINTS, DRAWS, STEPS = 6, 500, 1000, 61


def sections(view: View) -> Iterator[Section]:
    """Yield what a model of vectors gives back, dreams up, and what each latent does."""
    if view.image:
        return
    if not view.data.fields:  # of which `mixed` shows these
        yield from (plot_reconstructions(view), no_samples(view) or density_section(view))
    yield plot_traversals(view)


def plot_reconstructions(view: View) -> Section:
    """Plot the first columns of test items against the mean of p(x|z) at their mean code."""
    data = view.data
    some = slice(None, None, max(1, len(view.judged) // POINTS))
    before = view.own(data.batch(view.codes.rows[view.judged[some]]).cpu().numpy())
    after = view.own(view.reconstructions[some].numpy())
    count = min(COLUMNS, before.shape[1])
    named = columns.names(data, count)
    with panels(count) as plot:
        for i, axes in enumerate(plot.axes.flat[:count]):
            both = np.concatenate([before[:, i], after[:, i]])
            ends = [both.min(), both.max()]
            axes.plot(ends, ends, color=MUTED, linewidth=0.6)
            axes.plot(before[:, i], after[:, i], ".", color=SERIES[0], markersize=3, alpha=0.6)
            axes.set(title=named[i], xlabel="original", ylabel="reconstruction")
    caption = (
        f"The first {count} of {before.shape[1]} columns of {len(before)} test items: the mean of "
        "p(x|z) at the mean of q(z|x) against the original; on the line they agree."
    ) + columns.units(data)
    return Section("reconstructions", "Reconstructions", caption, [figure(plot.svg)])


def density_section(view: View) -> Section:
    """Plot how the first columns are distributed in the test set and under the prior."""
    codes, data = view.codes, view.data
    told = codes.condition(np.resize(spread(codes, DRAWS), DRAWS))
    made = view.own(sample(view.model, DRAWS, told).numpy())
    real = view.own(data.batch(codes.rows).cpu().numpy())
    count = min(COLUMNS, real.shape[1])
    named = columns.names(data, count)
    with panels(count) as plot:
        for i, axes in enumerate(plot.axes.flat[:count]):
            plots.densities(axes, real[:, i], made[:, i])
            axes.set(title=named[i], yticks=[])
        plot.legend(2)
    caption = (
        f"Densities of the first {count} columns: {len(real)} test items, and the mean of p(x|z) "
        f"for {DRAWS} codes drawn from the prior, seed 0; without the noise of p(x|z) these are "
        "narrower."
    ) + columns.units(data)
    return Section("samples", "Samples", caption, [figure(plot.svg)])


def plot_traversals(view: View) -> Section:
    """Plot the columns that move most while each informative latent moves alone."""
    codes, data = view.codes, view.data
    latents, centre = informative(codes), typical(codes)
    if not latents:
        none = "No curves: the code is a category alone."
        return Section("traversals", "Latent traversals", none, [explorer(view)])
    shown, told = latents[: len(SERIES)], codes.condition(np.full(STEPS, centre))
    curves = [
        view.own(decode(view.model, path(codes, latent, centre, STEPS), told).numpy())
        for latent in shown
    ]
    widths = np.nanstd(view.own(data.batch(codes.rows).cpu().numpy()), 0)
    moved = np.max([np.ptp(curve, 0) for curve in curves], 0) / np.where(widths > 0, widths, 1.0)
    most = np.argsort(-moved, kind="stable")[:COLUMNS].tolist()
    named = columns.names(data, data.shape[0])
    with panels(len(most)) as plot:
        for column, axes in zip(most, plot.axes.flat, strict=False):
            for latent, curve, colour in zip(shown, curves, SERIES, strict=False):
                values = sweep(codes, latent, STEPS, centre)
                axes.plot(values, curve[:, column], color=colour, label=codes.label(latent))
            axes.set(title=named[column], xlabel="value of the latent")
        plot.legend(min(3, len(shown)))
    caption = (
        f"The {len(most)} of {data.shape[0]} columns that move most, against their spread: the "
        "mean of p(x|z) as one latent moves, a line each, and the others stay at the mean code of "
        f"the test item nearest to the average. {order_text(codes, shown)}"
        + (" The entries of a one-hot are not moved." if codes.categories else "")
    ) + columns.units(data)
    figures = [explorer(view), figure(plot.svg)]
    return Section("traversals", "Latent traversals", caption, figures)
