"""Draw structured priors: norms in space, densities in the plane, trees, learned exponents.

    python examples/priors.py [--out docs/pictures] [--runs runs/isa-* …]

Writes

- `norms.png`: the surfaces f(z) = 1 of f = (|z1|^p0 + (|z2|^p1 + |z3|^p1)^(p0/p1))^(1/p0) for
  p0, p1 in {1, 2, 9}, as in Figure 2 of "Independent Subspace Analysis for Unsupervised Learning of
  Disentangled Representations" (its eq. 6). Where p0 = p1 the three axes are alike; p0 shapes how
  z1 meets the plane of z2 and z3, p1 that plane itself.
- `priors.png`: priors over the plane, contours around 95, 75, 50 and 25 % of the mass, and draws.
  Heavy tails (p < 2) keep draws near the axes, light ones (p > 2) spread them over a square
  (its Figure 3). In a subspace p gives the contours and p0 how fast they follow one another.
- `tree.png`: the trees of eq. 6 and of an ISA prior (its Figure 4).
- `exponents.png`, with --runs: the exponents that runs of `isa_vae` have learned (its Figure 7).
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure

from vaekit.distributions.nested.lp_nested import Layout
from vaekit.errors import VaekitError
from vaekit.priors import LpNested, Prior, isa, prior
from vaekit.report.sections.priors import Palette, contours, exponents, tree
from vaekit.runs import Run

PAPER = Palette(
    "#1b1f24", "#5b6470", "#dfe3e8", ("#2f5fa8", "#c4572a", "#3b8a5a", "#8a55a8", "#a8862f")
)
POWERS = (1.0, 2.0, 9.0)
STYLE = {"dpi": 120, "facecolor": "white"}


def surface(p0: float, p1: float, points: int = 121) -> np.ndarray:
    """Return points (3, rows, columns) of f(z) = 1, eq. 6: directions u, divided by f(u)."""
    up = np.linspace(-np.pi / 2, np.pi / 2, points)
    around = np.linspace(-np.pi, np.pi, 2 * points - 1)
    latitude, longitude = np.meshgrid(up, around, indexing="ij")
    flat = np.cos(latitude)
    u = np.stack([np.sin(latitude), flat * np.cos(longitude), flat * np.sin(longitude)])
    layout = Layout([p0, 1, [p1, 2]])
    p = torch.tensor(layout.exponents, dtype=torch.float64)
    level = torch.from_numpy(np.moveaxis(u, 0, -1)).abs().clamp_min(1e-300).log()
    f = layout.powers(level, layout.ratios(p)).sum(-1).numpy() ** (1 / p0)
    return u / f


def norms(path: Path, points: int = 121) -> None:
    """Draw the nine surfaces, p0 by rows and p1 by columns."""
    figure = Figure(figsize=(7.5, 7.8), layout="constrained")
    for row, p0 in enumerate(POWERS):
        for column, p1 in enumerate(POWERS):
            axes = figure.add_subplot(3, 3, 3 * row + column + 1, projection="3d")
            x, y, z = surface(p0, p1, points)
            look = {"color": "#8db4ee", "linewidth": 0, "antialiased": False, "shade": True}
            axes.plot_surface(y, z, x, rstride=1, cstride=1, **look)
            axes.set_title(f"p0 = {p0:g}, p1 = {p1:g}", fontsize=10)
            axes.set(xlabel="z2", ylabel="z3", zlabel="z1")
            axes.set_box_aspect((1, 1, 1), zoom=0.85)  # pyright: ignore[reportArgumentType]
            for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
                axis.set_ticks([-1, 0, 1])
                axis.set_tick_params(labelsize=6, pad=-3)
                axis.labelpad = -8
            axes.view_init(elev=22, azim=-58)
    figure.savefig(path, **STYLE)


def densities() -> dict[str, Prior]:
    """Build priors over the plane, all but the last of unit variance."""
    torch.manual_seed(1)
    unit = "unit_variance=true"
    return {
        "p = 1 (Laplace)": prior(f"generalized_normal(p=1, {unit})", 2),
        "logistic": prior("logistic", 2),
        "p = 2 (normal)": prior("normal", 2),
        "p = 9": prior(f"generalized_normal(p=9, {unit})", 2),
        "subspace, p0 = 2, p = 1": prior(f"isa(p0=2, p=1, size=2, {unit})", 2),
        "subspace, p0 = 1, p = 2": prior(f"isa(p0=1, p=2, size=2, {unit})", 2),
        "subspace, p0 = 9, p = 2": prior(f"isa(p0=9, p=2, size=2, {unit})", 2),
        "mixture(5)": prior("mixture(5)", 2),
    }


def plane(path: Path) -> None:
    """Draw the priors over the plane."""
    figure = Figure(figsize=(10, 5.3), layout="constrained")
    for axes, (name, made) in zip(figure.subplots(2, 4).flat, densities().items(), strict=True):
        contours(axes, made(torch.zeros(1, dtype=torch.float64)), 3.2, palette=PAPER)
        axes.set_title(name, fontsize=10)
    figure.savefig(path, **STYLE)


def trees(path: Path) -> None:
    """Draw the tree of eq. 6 and that of five subspaces of four coordinates."""
    figure = Figure(figsize=(10, 2.2), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1, 5))
    tree(left, LpNested([2.1, 1, [2.2, 2]]), PAPER)
    tree(right, isa(p0=2.1, subspaces=[(2.2, 4)] * 5), PAPER)
    figure.savefig(path, **STYLE)


def learned(runs: list[str]) -> tuple[np.ndarray, float | None]:
    """Read the exponents of the subspaces (runs, subspaces), and p0 where the runs share it."""
    found = []
    for folder in runs:
        made = Run(Path(folder)).model.prior
        if not isinstance(made, LpNested):
            raise VaekitError(f"{folder} has no L^p-nested prior: train isa_vae --learned inner")
        found.append(made.exponents(torch.float64).detach().numpy())
        if made.learned == "no":
            raise VaekitError(f"{folder} has learned no exponents: train it with --learned inner")
    if len({len(p) for p in found}) > 1:
        raise VaekitError("the runs differ in the number of subspaces: give runs of one layout")
    roots = {float(p[0]) for p in found}
    return np.stack(found)[:, 1:], roots.pop() if len(roots) == 1 else None


def histogram(path: Path, runs: list[str]) -> None:
    """Draw the histogram of learned exponents."""
    values, p0 = learned(runs)
    figure = Figure(figsize=(6, 3), layout="constrained")
    exponents(figure.subplots(), values, PAPER, p0 or 0)
    figure.savefig(path, **STYLE)


def main(words: list[str] | None = None) -> None:
    """Read the arguments and write the pictures."""
    made = argparse.ArgumentParser(description="Draw structured priors.")
    made.add_argument("--out", type=Path, default=Path("docs/pictures"))
    made.add_argument("--runs", nargs="+", default=[], help="run folders of isa_vae")
    asked = made.parse_args(words)
    asked.out.mkdir(parents=True, exist_ok=True)
    norms(asked.out / "norms.png")
    plane(asked.out / "priors.png")
    trees(asked.out / "tree.png")
    if asked.runs:
        histogram(asked.out / "exponents.png", asked.runs)


if __name__ == "__main__":
    try:
        main()
    except VaekitError as error:
        sys.exit(f"priors.py: {error}")
