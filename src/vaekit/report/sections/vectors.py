"""Plots of a model of vectors (N, D), where there are no pictures to show."""

from collections.abc import Iterator

import numpy as np
import torch

from vaekit.apply import decode, sample
from vaekit.data import Dataset
from vaekit.model import Model
from vaekit.report import columns
from vaekit.report.codes import (
    ItemCodes,
    informative,
    path,
    sample_rows,
    spread,
    sweep,
    typical,
)
from vaekit.report.plots import MUTED, SERIES, panels
from vaekit.report.section import Section, View, figure
from vaekit.report.sections.images import no_samples, order_text

COLUMNS, POINTS, DRAWS, STEPS = 6, 500, 1000, 61


def sections(view: View) -> Iterator[Section]:
    """Yield what a model of vectors gives back, dreams up, and what each latent does."""
    if not view.image:
        given = view.model, view.data, view.codes
        samples = no_samples(view) or densities(*given)
        yield from (plot_reconstructions(*given), samples, plot_traversals(*given))


def plot_reconstructions(model: Model, data: Dataset, codes: ItemCodes) -> Section:
    """Plot the first columns of test items against the mean of p(x|z) at their mean code."""
    places = sample_rows(len(codes.rows), POINTS).numpy()
    before = data.batch(codes.rows[places]).numpy()
    z = torch.from_numpy(codes.means[places]).float()
    after = decode(model, z, codes.condition(places)).numpy()
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
        f"The first {count} of {before.shape[1]} columns of {len(places)} test items: the mean of "
        "p(x|z) at the mean of q(z|x) against the original; on the line they agree."
    ) + columns.scaling(data)
    return Section("reconstructions", "Reconstructions", caption, [figure(plot.svg)])


def densities(model: Model, data: Dataset, codes: ItemCodes) -> Section:
    """Plot how the first columns are distributed in the test set and under the prior."""
    told = codes.condition(np.resize(spread(codes, DRAWS), DRAWS))
    made, real = sample(model, DRAWS, told).numpy(), data.batch(codes.rows).numpy()
    count = min(COLUMNS, real.shape[1])
    named = columns.names(data, count)
    with panels(count) as plot:
        for i, axes in enumerate(plot.axes.flat[:count]):
            edges = np.histogram_bin_edges(np.concatenate([made[:, i], real[:, i]]), 30)
            style = {"density": True, "histtype": "step", "linewidth": 1.2}
            axes.hist(real[:, i], edges, color=MUTED, label="test set", **style)
            axes.hist(made[:, i], edges, color=SERIES[0], label="samples", **style)
            axes.set(title=named[i], yticks=[])
        plot.legend(2)
    caption = (
        f"Densities of the first {count} columns: {len(real)} test items, and the mean of p(x|z) "
        f"for {DRAWS} codes drawn from the prior, seed 0; without the noise of p(x|z) these are "
        "narrower."
    ) + columns.scaling(data)
    return Section("samples", "Samples", caption, [figure(plot.svg)])


def plot_traversals(model: Model, data: Dataset, codes: ItemCodes) -> Section:
    """Plot the first decoded columns while each informative latent moves alone."""
    shown, centre = informative(codes), typical(codes)
    if not shown:
        return Section("traversals", "Latent traversals", "None: the code is a category alone.")
    count, told = min(COLUMNS, data.shape[0]), codes.condition(np.full(STEPS, centre))
    named = columns.names(data, count)
    with panels(len(shown)) as plot:
        for latent, axes in zip(shown, plot.axes.flat, strict=False):
            curves = decode(model, path(codes, latent, centre, STEPS), told).numpy()[:, :count]
            moved = sweep(codes, latent, STEPS, centre)
            for i, colour in enumerate(SERIES[:count]):
                axes.plot(moved, curves[:, i], color=colour, label=named[i])
            axes.set(title=codes.label(latent), xlabel=f"z{latent}")
        plot.legend(columns.legend_columns(named))
    caption = (
        f"The first {count} columns of the mean of p(x|z) as one latent moves and the others stay "
        f"at the mean code of the test item nearest to the average. {order_text(codes, shown)}"
        + (" The entries of a one-hot are not moved." if codes.categories else "")
    ) + columns.scaling(data)
    return Section("traversals", "Latent traversals", caption, [figure(plot.svg)])
