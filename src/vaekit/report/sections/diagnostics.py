"""Pictures of what the survey's regularisers claim, each where the system has the part.

    Sparsity term         mean activation of each unit beside ρ
    k largest             how often each unit is among them
    Contractive term      singular values of the encoder's Jacobian

The numbers are those of `vaekit.information.diagnostics`, of which the same examples are asked.
"""

import math
from collections.abc import Iterator

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from vaekit.data import Dataset
from vaekit.information import diagnostics as measure
from vaekit.model import Model
from vaekit.objectives import Contractive, Sparsity
from vaekit.posteriors import TopK
from vaekit.report.codes import ItemCodes
from vaekit.report.plots import MUTED, SERIES, Plot
from vaekit.report.section import Section, View, figure


def sections(view: View) -> Iterator[Section]:
    """Yield how units are used by a sparse code, and how a contractive one moves."""
    model, objective = view.model, view.objective
    sparsity = None if objective is None else measure.term_of(objective, Sparsity)
    if sparsity is not None:
        yield activations(model, sparsity, view.data, view.codes)
    if isinstance(model.posterior, TopK):
        yield selection(view.codes)
    if objective is not None and measure.term_of(objective, Contractive) is not None:
        yield contraction(model, view.data, view.codes)


# ---- sparse


def activations(model: Model, sparsity: Sparsity, data: Dataset, codes: ItemCodes) -> Section:
    """Plot the mean activation of each unit that the penalty watches, beside ρ."""
    layers = measure.mean_activations(model, sparsity, data, codes.rows)
    means, rho = torch.cat(layers), sparsity.rho
    said = [f"layer {i + 1}" for i in range(len(layers))] if len(layers) > 1 else [""]
    values = [layer.numpy() for layer in layers]
    drawn = usage(values, said, rho, f"ρ = {rho:g}", "mean activation ρ̂")
    dead = int((means < measure.DEAD_UNIT).sum())
    caption = (
        f"Mean activation ρ̂ of each of the {len(means):,} units that the penalty holds against "
        f"ρ = {rho:g}, over {len(codes.rows):,} test items: sorted, and as a histogram. Their mean "
        f"is {float(means.mean()):.3g}, the furthest from ρ is "
        f"{float(means[(means - rho).abs().argmax()]):.3g}; {_counted(dead, len(means))} dead "
        f"(ρ̂ < {measure.DEAD_UNIT:g})."
    )
    return Section("activations", "Mean activations", caption, [figure(drawn)])


def selection(codes: ItemCodes) -> Section:
    """Plot how often each unit is among the k largest."""
    on = codes.means != 0
    shares, k, size = on.mean(0), int(on.sum(1).max()), on.shape[1]
    drawn = usage([shares], [""], k / size, "k/H, all alike", "share of items", len(on))
    caption = (
        f"Share of {len(on):,} test items for which each of the {size:,} units is among the "
        f"k = {k} largest: sorted, and as a histogram. {_counted(int((shares == 0).sum()), size)} "
        f"dead: never among them. Half of all selections fall to the {_to_half(shares):,} units "
        "used most."
    )
    return Section("selection", "Use of the units", caption, [figure(drawn)])


def _counted(count: int, size: int) -> str:
    return f"{count:,} of {size:,} ({100 * count / size:.3g} %) {'is' if count == 1 else 'are'}"


def _to_half(shares: np.ndarray) -> int:
    total = np.cumsum(np.sort(shares)[::-1])
    return int(np.searchsorted(total, total[-1] / 2)) + 1


def usage(
    layers: list[np.ndarray], names: list[str], mark: float, said: str, what: str, of: int = 0
) -> str:
    """Draw values of units (units,) of each layer, sorted and as a histogram, as SVG.

    `mark`, described by `said`, is where they should lie; values that are shares `of` so many
    items are written in per cent.
    """
    edges = _edges(max(mark, *(float(values.max()) for values in layers)), of)
    with Plot(9.4, 2.7, 1, 2) as plot:
        left, right = plot.axes[0]
        for values, name, colour in zip(layers, names, SERIES, strict=False):
            ranks = np.arange(1, len(values) + 1)
            left.plot(ranks, np.sort(values)[::-1], color=colour, linewidth=1.4, label=name)
            right.hist(values, edges, color=colour, histtype="step", linewidth=1.2)
        left.axhline(mark, color=MUTED, linewidth=0.9, linestyle=(0, (4, 3)), label=said)
        right.axvline(mark, color=MUTED, linewidth=0.9, linestyle=(0, (4, 3)))
        left.set(xlabel="units, from the largest", ylabel=what, ylim=(0, None))
        right.set(xlabel=what, ylabel="units", xlim=(min(0, edges[0]), None))
        if of:
            left.yaxis.set_major_formatter(PercentFormatter(1))
            right.xaxis.set_major_formatter(PercentFormatter(1))
        left.legend(loc="upper right")
        if of:  # unused units would hide all others
            right.set_yscale("log")
    return plot.svg


def _edges(top: float, of: int, bins: int = 40) -> np.ndarray:
    """Divide 0 to `top` into bins, for shares `of` so many items around whole numbers of items."""
    if not of:
        return np.linspace(0, top, bins + 1)
    wide = math.ceil((top * of + 1) / bins)
    return (np.arange(0, top * of + 1 + wide, wide) - 0.5) / of


# ---- contractive


def contraction(model: Model, data: Dataset, codes: ItemCodes) -> Section:
    """Plot the singular values of the encoder's Jacobian over test items."""
    places = measure.evenly_spaced(len(codes.rows), measure.JACOBIANS)
    values = measure.spectra(model, data, codes.rows[places]).numpy()
    squares = values**2
    norm = float(np.sqrt(squares.sum(1)).mean())
    most = np.cumsum(squares.mean(0)) >= 0.9 * squares.mean(0).sum()
    caption = (
        f"Singular values of J = ∂E[z|x]/∂x at {len(values)} clean test items, at equal distances "
        "through the set: mean and, shaded, the 10th to 90th percentile, by rank, on a linear and "
        "a logarithmic scale: how far the code moves for a small step of x in each direction. "
        f"Mean ‖J‖_F = {norm:.3g}; 90 % of mean ‖J‖²_F lies in the first "
        f"{int(most.argmax()) + 1} of {values.shape[1]:,} directions."
    )
    with Plot(9.4, 2.7, 1, 2) as plot:
        for axes, scale in zip(plot.axes[0], ("linear", "log"), strict=True):
            _spectrum(axes, values, scale)
    return Section("contraction", "Contraction", caption, [figure(plot.svg)])


def _spectrum(axes: Axes, values: np.ndarray, scale: str) -> None:
    ranks = np.arange(1, values.shape[1] + 1)
    low, high = np.percentile(values, [10, 90], axis=0)
    style = {"color": SERIES[0], "linewidth": 1.4}
    axes.fill_between(ranks, low, high, color=SERIES[0], alpha=0.2, linewidth=0)
    axes.plot(ranks, values.mean(0), "." if len(ranks) == 1 else "-", **style)
    top = float(high.max()) or 1.0
    floor = max(1e-5 * top, 0.5 * float(low.min()))  # below lies float32's rounding
    axes.set_yscale(scale)
    axes.set_ylim(*((0, 1.05 * top) if scale == "linear" else (floor, 2 * top)))
    if scale == "log" and 2 * top < 20 * floor:  # a decade or so: powers of ten say little
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter(lambda x, _: f"{x:g}" if f"{x:e}"[0] in "235" else "")
    axes.set(xlabel="rank", ylabel="singular value of J")
