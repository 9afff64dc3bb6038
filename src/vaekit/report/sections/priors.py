"""What a structured prior looks like, and what a model makes of it.

Contours of a density p enclose the smallest regions that hold a given share of its mass. The level
of the contour around a share m is the (1 − m)-quantile of p(z) over draws z ~ p, for any density.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from matplotlib.axes import Axes
from torch.distributions import Distribution

from vaekit.apply import seeded
from vaekit.data import Dataset
from vaekit.information.encoding import drawing, encoded
from vaekit.information.ranking import BlockRate, rank
from vaekit.information.scores.match import unsampled
from vaekit.model import Model
from vaekit.posteriors import Gaussian, Product
from vaekit.priors import Conditional, LpNested, Normal
from vaekit.report.codes import ItemCodes, spread
from vaekit.report.plots import FRAME, INK, MUTED, SERIES, Plot
from vaekit.report.section import Section, View, figure

SHARES = (0.95, 0.75, 0.5, 0.25)
POINTS, DRAWS, DOTS, ITEMS, MANY = 161, 20_000, 600, 1500, 40


class Palette(NamedTuple):
    """Choose colours: by default those that follow the page."""

    ink: str = INK
    muted: str = MUTED
    frame: str = FRAME
    series: Sequence[str] = SERIES


PAGE = Palette()


# ---- drawn on axes


def contours(axes: Axes, p: Distribution, reach: float = 3.5, palette: Palette = PAGE) -> None:
    """Draw a density over the plane: contours around 95, 75, 50 and 25 % of its mass, and draws."""
    with torch.no_grad(), seeded(0):
        drawn = p.sample((DRAWS,))
        line = torch.linspace(-reach, reach, POINTS).to(drawn)
        height = p.log_prob(torch.cartesian_prod(line, line)).view(POINTS, POINTS).T
        levels = p.log_prob(drawn).double().quantile(1 - torch.tensor(SHARES, dtype=torch.float64))
    style: dict[str, Any] = {"s": 3, "color": palette.muted, "alpha": 0.45, "linewidths": 0}
    axes.scatter(*drawn[:DOTS].double().cpu().numpy().T, **style)
    values = np.unique(levels.cpu().numpy())
    at = line.double().cpu().numpy()
    lines: dict[str, Any] = {"colors": palette.series[0], "linestyles": "solid"}
    axes.contour(at, at, height.double().cpu().numpy(), values, **lines)
    _square(axes, reach)


def tree(axes: Axes, prior: LpNested, palette: Palette = PAGE) -> None:
    """Draw the tree of a prior, exponents in its nodes, coordinates as leaves ([isa] Fig. 4)."""
    p = prior.exponents(torch.float64).detach().tolist()
    free = iter(range(prior.latent))
    numbers = iter(range(len(p)))
    small = 8 if prior.latent <= 30 else 6

    def place(node: Any, depth: int) -> tuple[float, float]:
        number, below = next(numbers), []
        for child in node[1:]:
            if isinstance(child, int):
                below += [_leaf(axes, next(free), depth + 1, small, palette) for _ in range(child)]
            else:
                below.append(place(child, depth + 1))
        x = (below[0][0] + below[-1][0]) / 2
        for left, down in below:
            axes.plot([x, left], [-depth, down], color=palette.muted, linewidth=0.8, zorder=1)
        box = {"boxstyle": "round,pad=0.25", "facecolor": palette.frame, "linewidth": 0}
        style: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 8, "zorder": 3}
        axes.text(x, -depth, f"{p[number]:.3g}", color=palette.ink, bbox=box, **style)
        return x, float(-depth)

    place(prior.tree, 0)
    axes.set(xlim=(-0.8, prior.latent - 0.2), ylim=(-prior.layout.depth - 0.35, 0.35))
    axes.axis("off")


def _leaf(axes: Axes, j: int, depth: int, size: int, palette: Palette) -> tuple[float, float]:
    axes.text(j, -depth - 0.06, f"z{j}", ha="center", va="top", fontsize=size, color=palette.muted)
    return float(j), float(-depth)


def exponents(axes: Axes, runs: np.ndarray, palette: Palette = PAGE, p0: float = 0) -> None:
    """Draw histograms of learned exponents (runs, subspaces), sorted in each run ([isa] Fig. 7).

    Subspaces have no names of their own from run to run, so the smallest exponent of each run is
    compared with the smallest of the others, and so on. A line marks `p0` where it is given.
    """
    ordered = np.sort(runs, axis=1)
    reach = np.append(ordered, p0 or ordered[0])
    edges = np.linspace(reach.min(), reach.max() + 1e-6, 25)
    for i, column in enumerate(ordered.T):
        colour, label = palette.series[i % len(palette.series)], f"{_nth(i)} of each run"
        axes.hist(column, edges, color=colour, alpha=0.6, label=label)
    if p0:
        axes.axvline(p0, color=palette.ink, linewidth=0.8, linestyle="--", label="p0")
    axes.set_xlabel("exponent p of a subspace")
    axes.set_ylabel("runs")
    axes.legend(fontsize=7)


def _nth(i: int) -> str:
    return "smallest" if i == 0 else f"{i + 1}{({1: 'nd', 2: 'rd'}).get(i, 'th')} smallest"


def _square(axes: Axes, reach: float) -> None:
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
    ticks = np.array([-1, 0, 1]) * (max(1, int(reach * 0.7)) if reach > 1.2 else reach * 0.7)
    axes.set_xticks(ticks)
    axes.set_yticks(ticks)


# ---- plots


def rates(blocks: Sequence[BlockRate]) -> str:
    """Draw the rate of every block as a bar, the most used first."""
    with Plot(6.6, 0.7 + 0.22 * len(blocks)) as plot:
        axes: Axes = plot.axes[0, 0]
        for row, block in enumerate(blocks):
            style: dict[str, Any] = {"color": SERIES[0], "ecolor": INK, "height": 0.6}
            axes.barh(row, block.rate.value, xerr=block.rate.se or 0, **style)
        axes.set_yticks(range(len(blocks)), [_block_title(block) for block in blocks])
        axes.tick_params(axis="y", length=0)
        axes.invert_yaxis()
        axes.set_xlabel("nats for one example")
    return plot.svg


def _block_title(block: BlockRate) -> str:
    first, last = block.where.start, block.where.stop - 1
    return f"{block.name} · z{first}" + (f"–z{last}" if last > first else "")


# ---- the page's section


def sections(view: View) -> Iterator[Section]:
    """Yield the prior beside the codes, where it is of independent parts or subspaces."""
    model, data, codes, prior = view.model, view.data, view.codes, view.model.prior
    if prior is None or isinstance(prior, Normal | Conditional):
        return
    figures, said = [], ""
    if isinstance(prior, LpNested) and prior.latent <= MANY:
        with Plot(max(4.0, 0.33 * prior.latent), 0.6 + 0.75 * prior.layout.depth) as plot:
            tree(plot.axes[0, 0], prior)
        figures.append(figure(plot.svg))
        how = {"no": "fixed", "inner": "learned but for the root's", "all": "learned"}
        said = f"The tree of norms with its exponents ({how[prior.learned]}). "
    dense = isinstance(model.posterior, Gaussian)
    known = dense or (isinstance(model.posterior, Product) and codes.nats)
    if known and prior.blocks:
        blocks = rank(model, data, ITEMS)
        figures.append(figure(rates(blocks[:MANY])))
        said += "Rate of each independent part of the code, the most used first; lines are ± 1 SE. "
    if dense and prior.latent > 1 and not unsampled(model, data):
        figures.append(figure(_beside(model, data, codes)))
        said += (
            "Draws of the prior, and of q(z|x) for as many test items, in the first two latents "
            "of the traversals."
        )
    if figures:
        yield Section("prior", "Prior", said, figures)


@torch.no_grad()
def _beside(model: Model, data: Dataset, codes: ItemCodes) -> str:
    """Draw the prior and the codes of a set in its two worthiest latents."""
    rows, (a, b) = codes.rows[torch.from_numpy(spread(codes, ITEMS))], codes.order[:2]
    drawn: list[list[torch.Tensor]] = [[], []]
    with drawing(0):
        for part in encoded(model, data, rows):
            assert part.prior is not None
            count = () if part.prior.batch_shape else part.q.mean.shape[:1]
            for into, z in zip(drawn, (part.prior.sample(count), part.q.rsample()), strict=True):
                into.append(z.double().cpu())
    clouds = [torch.cat(parts).numpy()[:, [a, b]] for parts in drawn]
    reach = float(np.quantile(np.abs(np.concatenate(clouds)), 0.998)) * 1.05
    with Plot(6.4, 3.2, 1, 2) as plot:
        titles = "prior p(z)", "codes q(z|x)"
        for axes, cloud, title in zip(plot.axes.flat, clouds, titles, strict=True):
            axes.scatter(*cloud.T, s=4, color=SERIES[0], alpha=0.5, linewidths=0)
            axes.set(title=title, xlabel=f"z{a}", ylabel=f"z{b}")
            _square(axes, reach)
    return plot.svg
