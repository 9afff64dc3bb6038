"""Pictures of a conditional model: what the condition decides, and what the code leaves to style.

A style is one draw of noise, carried to every condition through p(z|c): for the conditional prior
z = m(c) + t(c) ε with the same ε, for a prior that knows no condition the same z. A model without
a prior has no draws; its styles are the codes of test items.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.axes import Axes
from torch import Tensor

from vaekit import pictures
from vaekit.apply import decode, sample_codes
from vaekit.data import Dataset, one_hot
from vaekit.data.border import evenly_spaced
from vaekit.model import Condition, Model
from vaekit.report import columns
from vaekit.report.codes import ItemCodes, spread
from vaekit.report.plots import MUTED, SERIES, panels
from vaekit.report.section import Section, View, figure, strips
from vaekit.shapes import spans

STYLES, CLASSES, STEPS, MOVED, COLUMNS, DRAWS = 8, 20, 10, 10, 6, 500


def sections(view: View) -> Iterator[Section]:
    """Yield the model under its conditions: classes, or each factor or attribute moved alone."""
    condition = view.model.condition
    if condition is None:
        return
    if condition.kind == "labels":
        yield (class_images if view.image else class_means)(view, condition.width)
    else:
        yield moved(view, sweeps(view.data, view.codes, condition), condition.kind)


def styles(model: Model, codes: ItemCodes, c: Tensor, count: int) -> Tensor:
    """Return the codes (count, H) of the first `count` styles under one condition c (width,)."""
    if model.prior is None:
        places = np.resize(spread(codes, count), count)
        return torch.from_numpy(codes.means[places]).float()
    return sample_codes(model, count, c.expand(count, -1), seed=0)


def _whence(model: Model, count: int) -> str:
    if model.prior is None:
        return f"{count} mean code{'s' if count > 1 else ''} of test items"
    draws = f"{count} draw{'s' if count > 1 else ''} of ε, seed 0"
    return f"{draws}, carried to each condition through p(z|c)"


def class_names(data: Dataset, width: int) -> list[str]:
    """Name the classes of a condition, by number where the set does not."""
    named = len(data.label_names) == width
    return list(data.label_names) if named else [str(i) for i in range(width)]


# ---- classes


def class_images(view: View, width: int) -> Section:
    """Show the same styles under every class: a column a class, a row a style."""
    model, codes, shown = view.model, view.codes, min(width, CLASSES)
    by_class = [
        view.decoded(styles(model, codes, c, STYLES), c.expand(STYLES, -1))
        for c in one_hot(torch.arange(shown), width)
    ]
    tiles = np.stack(by_class, 1)  # (STYLES, classes, H, W, 3)
    rows = [(f"style {i + 1}", pictures.grid(tile, shown)) for i, tile in enumerate(tiles)]
    few = "" if shown == width else f", the first {shown} of {width}"
    caption = (
        f"The mean of p(x|z, c): a column for each class c{few}, a row for each style, "
        f"{_whence(model, STYLES)}. What stays along a row is style, what stays down a column is "
        "the class."
    )
    drawn = view.strips("classes", rows, class_names(view.data, width)[:shown])
    return Section("classes", "Classes and styles", caption, [drawn])


def class_means(view: View, width: int) -> Section:
    """Plot the first columns' mean and spread by class: of test items, and of the model."""
    model, data, codes = view.model, view.data, view.codes
    shown, labels = min(width, CLASSES), data.batch_labels(codes.rows)
    assert labels is not None
    real, kept = data.batch(codes.rows).cpu().numpy(), labels.cpu().numpy()
    made = [
        decode(model, styles(model, codes, c, DRAWS), c.expand(DRAWS, -1)).numpy()
        for c in one_hot(torch.arange(shown), width)
    ]
    count = min(COLUMNS, data.shape[0])
    named = columns.names(data, count)
    with panels(count) as plot:
        for i, axes in enumerate(plot.axes.flat[:count]):
            groups = [real[kept == k, i] for k in range(shown)]
            _bars(axes, groups, -0.12, MUTED, "test set")
            _bars(axes, [m[:, i] for m in made], 0.12, SERIES[0], "model")
            axes.set(title=named[i], xlim=(-0.5, shown - 0.5))
            axes.set_xticks(range(shown), class_names(data, width)[:shown])
        plot.legend(2)
    caption = (
        f"The first {count} of {data.shape[0]} columns by class: mean and standard deviation over "
        f"{len(real):,} test items, and of the mean of p(x|z, c) over {_whence(model, DRAWS)}; "
        "without the noise of p(x|z, c) the latter spread less."
    ) + columns.scaling(data)
    return Section("classes", "Columns by class", caption, [figure(plot.svg)])


def _bars(axes: Axes, groups: list[np.ndarray], shift: float, colour: str, label: str) -> None:
    there = [(k + shift, g.mean(), g.std()) for k, g in enumerate(groups) if len(g)]
    x, mean, sd = zip(*there, strict=True)
    style = {"color": colour, "markersize": 4, "elinewidth": 1.2, "label": label}
    axes.errorbar(x, mean, sd, fmt="o", **style)


# ---- factors and attributes


@dataclass(frozen=True)
class Sweep:
    """Hold conditions (n, width) that differ in one factor or attribute, its name and values."""

    name: str
    values: list[float]
    conditions: Tensor


def sweeps(data: Dataset, codes: ItemCodes, condition: Condition) -> list[Sweep]:
    """Move each factor over its levels, or each attribute between the set's 5 and 95 %.

    The others stay as they are for the first test item; what does not vary is left out.
    """
    start = data.condition(codes.rows[:1], condition.kind, condition.width)[0].cpu()
    if condition.kind == "factors":
        moves = _factor_sweeps(data, start)
    else:
        assert codes.conditions is not None
        moves = _attribute_sweeps(codes.conditions, start)
    return moves[:MOVED]


def _factor_sweeps(data: Dataset, start: Tensor) -> list[Sweep]:
    assert data.factors is not None
    moves, sizes = [], data.factors.sizes
    for name, size, place in zip(data.factors.names, sizes, spans(sizes), strict=True):
        if size > 1:
            levels = evenly_spaced(size, STEPS)
            moved = start.repeat(len(levels), 1)
            moved[:, place] = one_hot(levels, size)
            moves.append(Sweep(name, levels.tolist(), moved))
    return moves


def _attribute_sweeps(known: Tensor, start: Tensor) -> list[Sweep]:
    moves = []
    for i, column in enumerate(known.cpu().T):
        low, high = np.percentile(column.numpy(), [5, 95])
        if high > low:
            values = torch.linspace(float(low), float(high), STEPS)
            moved = start.repeat(STEPS, 1)
            moved[:, i] = values
            moves.append(Sweep(f"attribute {i}", values.tolist(), moved))
    return moves


def moved(view: View, moves: list[Sweep], kind: str) -> Section:
    """Show one style while one factor or attribute of the condition moves: images or columns."""
    if not moves:
        none = "The condition does not vary over the test set."
        return Section("conditions", "Conditions", none, [strips([])] if view.image else [])
    how = {
        "factors": "over its levels (at equal distances where there are more than 10)",
        "attributes": "from the 5th to the 95th percentile of the test set",
    }[kind]
    caption = (
        f"The mean of p(x|z, c) as one of the {kind} in the condition moves {how}, "
        f"{'a row' if view.image else 'a panel'} each, and the others stay those of the first test "
        f"item; the code is {_whence(view.model, 1)}."
    )
    if view.image:
        rows = [(m.name, pictures.grid(view.tiles(_decoded(view, m)), STEPS)) for m in moves]
        return Section("conditions", "Conditions", caption, [view.strips("conditions", rows)])
    drawn = figure(_draw_columns(view, moves))
    return Section("conditions", "Conditions", caption + columns.scaling(view.data), [drawn])


def _draw_columns(view: View, moves: list[Sweep]) -> str:
    """Plot the first decoded columns along each move."""
    named = columns.names(view.data, min(COLUMNS, view.data.shape[0]))
    with panels(len(moves)) as plot:
        for move, axes in zip(moves, plot.axes.flat, strict=False):
            curves = _decoded(view, move).numpy()[:, :COLUMNS]
            for i, column in enumerate(curves.T):
                axes.plot(move.values, column, color=SERIES[i], label=named[i])
            axes.set(title=move.name, xlabel=move.name)
        plot.legend(columns.legend_columns(named))
    return plot.svg


def _decoded(view: View, move: Sweep) -> Tensor:
    z = torch.cat([styles(view.model, view.codes, c, 1) for c in move.conditions])
    return decode(view.model, z, move.conditions)
