"""How latents follow the factors that generated the data: the view that numbers leave out.

For sets with two factors named x and y, a latent of position shows as a slope across the map of
its mean code over positions, and a latent of scale or rotation as a curve that all shapes share. A
latent that mixes factors shows in several panels of its row. MIG and its matrix sum the same up.
"""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from vaekit.data import Dataset, Factors
from vaekit.metrics import Score, mig
from vaekit.report.codes import Codes
from vaekit.report.plots import MUTED, SERIES, Plot, matrix

LATENTS = 6
MATRIX_ROWS = 20
_GREY = "#888888"


def response_plot(codes: Codes, data: Dataset, factors: Factors) -> str:
    """Draw, for the most informative latents, their mean code over positions and other factors.

    One row a latent; the map needs factors named x and y; curves are coloured by the factor named
    shape where there is one. Returns SVG.
    """
    levels = factors.codes(_flat(data, codes))
    others = [k for k, name in enumerate(factors.names) if name not in ("x", "y", "shape")]
    panels = [k for k in others if factors.sizes[k] > 1]
    latents = codes.order[:LATENTS]
    mapped = {"x", "y"} <= set(factors.names)
    columns = int(mapped) + len(panels)
    with Plot(10, 0.5 + 1.75 * len(latents), len(latents), columns) as plot:
        for row, latent in enumerate(latents):
            z, axes = codes.means[:, latent], plot.axes[row]
            if mapped:
                _map(plot, axes[0], z, levels, factors, limit=float(np.abs(z).max()) or 1.0)
            for panel, k in zip(axes[int(mapped) :], panels, strict=True):
                _curves(panel, z, levels, factors, k, data.label_names)
                panel.set_ylim(_span(z))
            axes[0].set_title(codes.label(int(latent)))
        _legend(plot, factors, data.label_names, bool(panels))
    return plot.svg


def _flat(data: Dataset, codes: Codes) -> np.ndarray:
    found = data.levels(codes.rows)
    assert found is not None and data.factors is not None
    return data.factors.index(found)


def _span(z: np.ndarray) -> tuple[float, float]:
    low, high = float(z.min()), float(z.max())
    room = 0.05 * (high - low) or 1.0
    return low - room, high + room


def mean_by_level(z: np.ndarray, cells: np.ndarray, size: int) -> np.ndarray:
    """Average codes z (n,) within cells (n,) numbered from 0, (size,); NaN for an empty cell."""
    count = np.bincount(cells, minlength=size)
    total = np.bincount(cells, weights=z, minlength=size)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _map(
    plot: Plot, axes: Axes, z: np.ndarray, levels: np.ndarray, factors: Factors, *, limit: float
) -> None:
    x, y = factors.names.index("x"), factors.names.index("y")
    wide, high = factors.sizes[x], factors.sizes[y]
    means = mean_by_level(z, levels[:, y] * wide + levels[:, x], wide * high).reshape(high, wide)
    image = axes.imshow(means, cmap="RdBu_r", vmin=-limit, vmax=limit, interpolation="none")
    axes.set_xticks([]), axes.set_yticks([])
    axes.set_xlabel("x"), axes.set_ylabel("y")
    axes.spines[:].set_visible(False)
    bar = plot.figure.colorbar(image, ax=axes, aspect=15)
    bar.outline.set_visible(False)  # pyright: ignore[reportCallIssue]


def _groups(factors: Factors) -> int:
    return factors.sizes[factors.names.index("shape")] if "shape" in factors.names else 1


def _curves(
    axes: Axes, z: np.ndarray, levels: np.ndarray, factors: Factors, k: int, names: Sequence[str]
) -> None:
    size = factors.sizes[k]
    for group in range(_groups(factors)):
        member = np.full(len(z), True)
        if "shape" in factors.names:
            member = levels[:, factors.names.index("shape")] == group
        means = mean_by_level(z[member], levels[member, k], size)
        colour = SERIES[group % len(SERIES)]
        axes.plot(levels[member, k], z[member], ".", color=colour, markersize=1, alpha=0)
        axes.plot(range(size), means, "o-", color=colour, markersize=2.5, linewidth=1.2)
    axes.axhline(0, color=MUTED, linewidth=0.4)
    axes.set_xlabel(f"level of {factors.names[k]}")


def _legend(plot: Plot, factors: Factors, names: Sequence[str], shown: bool) -> None:
    count = _groups(factors)
    if count < 2 or not shown:
        return
    labels = list(names) if len(names) == count else [f"shape {i}" for i in range(count)]
    lines = plot.axes[0, -1].get_lines()[1 : 3 * count : 2]
    plot.figure.legend(lines, labels, loc="outside upper right", ncols=count, fontsize=9)


def score(codes: Codes, levels: np.ndarray) -> Score:
    """Compute the MIG of the mean codes for levels (n, K)."""
    return mig(codes.means, levels)


def mig_matrix(codes: Codes, found: Score, names: Sequence[str]) -> str:
    """Draw I(z_j; v_k) / H(v_k) for the most informative latents and all varying factors, as SVG."""
    total = found.parts["entropy"]
    varying = np.flatnonzero(total > 0)
    rows = codes.order[:MATRIX_ROWS]
    share = found.parts["mutual_information"][np.ix_(rows, varying)] / total[varying]
    labels = [codes.label(int(latent)) for latent in rows]
    return matrix(share, labels, [names[k] for k in varying], "I(z; v) / H(v)")
