"""How latents follow the factors that generated the data: the view that numbers leave out.

For sets with two factors named x and y, a latent of position shows as a slope across the map of
its mean code over positions, and a latent of scale or rotation as a curve that all shapes share. A
latent that mixes factors shows in several panels of its row. MIG and its matrix sum the same up.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from matplotlib.artist import setp
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from vaekit.data import Dataset
from vaekit.metrics import Score, mig
from vaekit.report.codes import ItemCodes
from vaekit.report.plots import MUTED, SERIES, Plot, matrix
from vaekit.report.section import Section, View, figure

LATENTS = 6
MATRIX_ROWS = 20


@dataclass(frozen=True)
class Known:
    """Hold the levels (n, K) of the factors behind `codes`, with names and sizes (K,).

    `groups` names the levels of the factor called shape, by which curves are coloured; without
    such a factor it has one entry.
    """

    levels: np.ndarray
    names: tuple[str, ...]
    sizes: tuple[int, ...]
    groups: tuple[str, ...]

    def column(self, name: str) -> np.ndarray:
        """Return the levels (n,) of a factor."""
        return self.levels[:, self.names.index(name)]

    def size(self, name: str) -> int:
        """Return the number of levels of a factor."""
        return self.sizes[self.names.index(name)]

    @property
    def mapped(self) -> bool:
        """Say whether there are two factors of position, x and y."""
        return {"x", "y"} <= set(self.names)

    @property
    def curves(self) -> list[str]:
        """Name the varying factors that are neither position on a map nor the colour."""
        other = {"x", "y", "shape"} if self.mapped else {"shape"}
        pairs = zip(self.names, self.sizes, strict=True)
        return [name for name, size in pairs if size > 1 and name not in other]


def sections(view: View) -> Iterator[Section]:
    """Yield how latents follow known factors, and what each tells of which."""
    codes, given = view.codes, known(view.data, view.codes)
    if given is None:
        return
    if drawn := responses(codes, given):
        caption = (
            f"Mean code of the {min(LATENTS, len(codes.share))} most informative latents, "
            f"averaged over the {len(codes.means):,} encoded test items that share "
        )
        caption += "a position (map) or " if given.mapped else ""
        caption += "a level" + (" and a shape." if len(given.groups) > 1 else ".")
        yield Section("factors", "Latents against factors", caption, [figure(drawn)])
    score = mig(codes.means, given.levels)
    caption = (
        f"Share of each factor's entropy that each latent tells, {score.settings['estimator']}, "
        f"n = {score.settings['n']:,}. MIG = {score:.3f}, the mean over factors of the distance "
        f"from the first latent to the second; shuffled factors give {score.shuffled:.3f}."
    )
    vary = score.parts["entropy"].any()
    shown = [figure(mig_matrix(codes, score, given))] if vary else []
    yield Section("mig", "Information about factors", caption, shown)


def known(data: Dataset, codes: ItemCodes) -> Known | None:
    """Look up what is known of the items behind `codes`; None for a set without factors."""
    levels, factors = data.levels(codes.rows), data.factors
    if levels is None or factors is None:
        return None
    count = factors.sizes[factors.names.index("shape")] if "shape" in factors.names else 1
    groups = data.label_names if len(data.label_names) == count else ()
    return Known(
        levels,
        factors.names,
        factors.sizes,
        groups or tuple(f"shape {i}" for i in range(count)),
    )


def responses(codes: ItemCodes, given: Known) -> str:
    """Draw the mean code of the most informative latents over positions and other factors, as SVG.

    One row a latent. Returns "" where no factor can be drawn.
    """
    latents, columns = codes.order[:LATENTS], int(given.mapped) + len(given.curves)
    if not columns:
        return ""
    width, height = min(10.0, 0.4 + 3.2 * columns), 0.5 + 1.8 * len(latents)
    ratios = [1.2] * given.mapped + [2.0] * len(given.curves)
    with Plot(width, height, len(latents), columns, ratios=ratios) as plot:
        for latent, axes in zip(latents, plot.axes, strict=True):
            z = codes.means[:, latent]
            if given.mapped:
                _map(plot, axes[0], z, given)
            for panel, name in zip(axes[int(given.mapped) :], given.curves, strict=True):
                _mean_curves(panel, z, given, name)
            axes[0].set_title(codes.label(int(latent)))
        if given.curves and len(given.groups) > 1:
            lines = plot.axes[0, -1].get_lines()[: len(given.groups)]
            place = "outside upper right"
            plot.figure.legend(lines, given.groups, loc=place, ncols=len(lines), fontsize=9)
    return plot.svg


def mean_by_cell(z: np.ndarray, cells: np.ndarray, count: int) -> np.ndarray:
    """Average codes z (n,) in each of `count` cells (n,) numbered from 0; NaN for an empty cell."""
    hits = np.bincount(cells, minlength=count)
    total = np.bincount(cells, weights=z, minlength=count)
    return np.where(hits > 0, total / np.maximum(hits, 1), np.nan)


def _map(plot: Plot, axes: Axes, z: np.ndarray, given: Known) -> None:
    wide, high = given.size("x"), given.size("y")
    cells = given.column("y") * wide + given.column("x")
    means = mean_by_cell(z, cells, wide * high).reshape(high, wide)
    limit = float(np.abs(z).max()) or 1.0
    image = axes.imshow(means, cmap="RdBu_r", vmin=-limit, vmax=limit, interpolation="none")
    axes.set(xlabel="x", ylabel="y", xticks=[], yticks=[], anchor="W")
    axes.spines[:].set_visible(False)
    bar = plot.figure.colorbar(image, ax=axes, aspect=15)
    setp(bar.outline, visible=False)


def _mean_curves(axes: Axes, z: np.ndarray, given: Known, name: str) -> None:
    size, levels = given.size(name), given.column(name)
    for group in range(len(given.groups)):
        member = given.column("shape") == group if len(given.groups) > 1 else np.full(len(z), True)
        means = mean_by_cell(z[member], levels[member], size)
        style = {"color": SERIES[group % len(SERIES)], "markersize": 2.5, "linewidth": 1.2}
        axes.plot(range(size), means, "o-", **style)
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    axes.axhline(0, color=MUTED, linewidth=0.4, zorder=0)
    limit = 1.05 * float(np.abs(z).max()) or 1.0
    axes.set(xlabel=f"level of {name}", ylim=(-limit, limit))


def mig_matrix(codes: ItemCodes, score: Score, given: Known) -> str:
    """Draw I(z_j; v_k) / H(v_k) for the worthiest latents and the varying factors, as SVG."""
    total = score.parts["entropy"]
    varying, rows = np.flatnonzero(total > 0), codes.order[:MATRIX_ROWS]
    share = score.parts["mutual_information"][np.ix_(rows, varying)] / total[varying]
    labels = [codes.label(int(latent)) for latent in rows]
    return matrix(share, labels, [given.names[k] for k in varying], "I(z; v) / H(v)")
