"""Draw what `biases.py` finds: one message to a picture, told by its title."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from biases_factors import precision, turned
from matplotlib.axes import Axes
from matplotlib.figure import Figure

INK, MUTED = "#1b1f24", "#8a939e"
TRUTH, FOUND, EXACT = "#2f5fa8", "#c4572a", "#3b8a5a"
SHADES = ("#f0a080", "#e07f58", "#c4572a", "#9a3f1b", "#6d2a10", "#431807")
TURNS = (0, 45, 90, 135, 180)
ANGLES = ("0", "π/4", "π/2", "3π/4", "π")


class Draw(Protocol):
    """Know the points x (N, 2) and W (2, 3) by the name of the method."""

    @property
    def x(self) -> np.ndarray: ...  # noqa: D102
    @property
    def weights(self) -> dict[str, np.ndarray]: ...  # noqa: D102


def panels(title: str, width: float, height: float, columns: int, **more: Any) -> tuple[Any, Any]:
    """Begin a figure with a title and a row of plain axes."""
    figure = Figure(figsize=(width, height), layout="constrained")
    figure.suptitle(title, fontsize=12, color=INK)
    axes = figure.subplots(1, columns, squeeze=False, **more)[0]
    for each in axes:
        each.spines[["top", "right"]].set_visible(False)
        each.tick_params(labelsize=9)
    return figure, axes


def save(figure: Figure, path: Path) -> None:
    """Write a figure."""
    figure.savefig(path, dpi=130, facecolor="white")


def ellipse(axes: Axes, covariance: np.ndarray, **look: Any) -> None:
    """Draw where N(0, covariance) of two latents has 1 and 2 standard deviations."""
    around = np.linspace(0, 2 * np.pi, 181)
    edge = np.linalg.cholesky(covariance) @ np.stack([np.cos(around), np.sin(around)])
    for times in (1, 2):
        axes.plot(*(times * edge), **look)
        look.pop("label", None)


def rotation(
    path: Path, found: dict[str, np.ndarray], weights: np.ndarray, noise: np.ndarray
) -> None:
    """Draw ln p and F over the angle, and the posteriors at 0 and π/4."""
    title = "The likelihood does not see a rotation of the latents; the free energy does"
    figure, (left, *rest) = panels(title, 10, 3.7, 3, width_ratios=(1.5, 1, 1))
    left.plot(found["angles"], found["log_p"], color=TRUTH, lw=2)
    left.plot(found["angles"], found["free"], color=FOUND, lw=2)
    top, low = found["log_p"].max(), found["free"].min()
    left.set_ylim(low - 0.1 * (top - low), top + 0.25 * (top - low))
    left.text(90, top + 0.04 * (top - low), "log-likelihood", color=TRUTH, ha="center", va="bottom")
    left.text(45, low - 0.02 * (top - low), "free energy F", color=FOUND, ha="center", va="top")
    left.set(xlabel="angle by which W is turned", ylabel="nats, 100 points")
    left.set_xticks(TURNS, ANGLES)
    for axes, angle, name in zip(rest, (0, 45), ("turned by 0", "turned by π/4"), strict=True):
        a = precision(turned(weights, angle), noise)
        ellipse(axes, np.linalg.inv(a), color=TRUTH, lw=2.6, label="posterior")
        ellipse(axes, np.diag(1 / np.diag(a)), color=FOUND, lw=1.4, ls="--", label="best q")
        axes.set_aspect("equal")
        axes.set(xlim=(-1.6, 1.6), ylim=(-1.6, 1.6), xlabel="z₁ − its mean")
        axes.set_title(name, fontsize=10)
    rest[0].set_ylabel("z₂ − its mean")
    rest[1].legend(frameon=False, fontsize=9, loc="lower right")
    save(figure, path)


def pruning(path: Path, found: dict[str, np.ndarray]) -> None:
    """Draw ln p and F over the share α that the first of two parallel columns has."""
    title = "Where two latents share a direction, the free energy drops one of them"
    figure, (axes,) = panels(title, 6.5, 3.7, 1)
    axes.plot(found["shares"], found["log_p"], color=TRUTH, lw=2)
    axes.plot(found["shares"], found["free"], color=FOUND, lw=2)
    top, low = found["log_p"].max(), found["free"].min()
    axes.set_ylim(low - 0.12 * (top - low), top + 0.2 * (top - low))
    axes.text(0.5, top + 0.03 * (top - low), "log-likelihood", color=TRUTH, ha="center")
    axes.text(0.707, low - 0.03 * (top - low), "free energy F", color=FOUND, ha="center", va="top")
    for share, text, side in ((0, "column 1 pruned", "left"), (1, "column 2 pruned", "right")):
        axes.plot(share, top, "o", color=FOUND, ms=8, clip_on=False)
        axes.text(share, top + 0.07 * (top - low), text, ha=side, fontsize=9, color=INK)
    axes.set(xlabel="length α of column 1  (column 2 has √(1 − α²))", ylabel="nats, 100 points")
    save(figure, path)


def amplitude(
    path: Path,
    found: dict[str, np.ndarray],
    betas: Sequence[float],
    variances: np.ndarray,
    noise: float,
) -> None:
    """Draw KL(q‖posterior) over the angle, and the learned lengths, for each β."""
    title = "β keeps the directions and shortens the columns, until they are gone"
    figure, (left, right) = panels(title, 9.5, 3.8, 2)
    for beta, gap, shade in zip(betas, found["gaps"], SHADES, strict=False):
        left.plot(found["angles"], -gap, color=shade, lw=1.8, label=f"β = {beta:g}")
    left.set(xlabel="angle by which W is turned", ylabel="F − max F, nats per point")
    left.set_title("most likely W, turned", fontsize=10)
    left.set_xticks(TURNS, ANGLES)
    left.legend(frameon=False, fontsize=8, loc="lower center")
    fine = np.linspace(1, max(betas), 500)
    for k, (variance, name) in enumerate(zip(variances, ("first", "second"), strict=True)):
        line = np.sqrt(np.maximum(variance - fine * noise, 0))
        right.plot(fine, line, color=MUTED, lw=1.5, label="√(λ − βσ²)" if k == 0 else None)
        right.plot(
            betas, found["sizes"][:, k], "o", color=(FOUND, TRUTH)[k], label=f"{name} column"
        )
    right.set(xlabel="β", ylabel="length of the column", ylim=(-0.08, None))
    right.set_title("W learned, from a turn of 30°", fontsize=10)
    right.legend(frameon=False, fontsize=9)
    save(figure, path)


def components(path: Path, draw: Draw, beta: float) -> None:
    """Draw the points, the true columns, and those that each method learns."""
    title = "Three sources in the plane: the likelihood finds three, VI keeps two at right angles"
    figure, axes = panels(title, 10.5, 4.4, 3, sharex=True, sharey=True)
    names = {"ML": "maximum likelihood", "VI": "VI", "β-VI": f"VI with β = {beta:g}"}
    for each, (key, name) in zip(axes, names.items(), strict=True):
        each.plot(*draw.x.T, ".", color="#c9ced6", ms=3, zorder=0)
        for weights, look in (
            (draw.weights["truth"], {"color": TRUTH, "lw": 5, "alpha": 0.45, "label": "truth"}),
            (draw.weights[key], {"color": FOUND, "lw": 2, "label": "learned"}),
        ):
            for column in 2.4 * weights.T:
                each.plot(*np.stack([-column, column], axis=1), solid_capstyle="round", **look)
                look.pop("label", None)
        short = min(np.linalg.norm(draw.weights[key], axis=0))
        each.set_title(f"{name}: shortest column {short:.2f}", fontsize=10)
        each.set(xlim=(-4, 4), ylim=(-4, 4), xlabel="x₁", aspect="equal")
    axes[0].set_ylabel("x₂")
    axes[0].legend(frameon=True, framealpha=0.9, edgecolor="none", fontsize=9, loc="upper left")
    save(figure, path)


def tails(path: Path, found: np.ndarray, powers: Sequence[float], beta: float) -> None:
    """Draw shortest over longest column (ν, β, seed) over ν."""
    title = "VI drops the third source unless tails are very heavy, and a larger β may keep it"
    figure, (axes,) = panels(title, 7.6, 3.9, 1)
    place = np.arange(len(powers))
    for j, (colour, name) in enumerate(((TRUTH, "VI, β = 1"), (FOUND, f"VI, β = {beta:g}"))):
        beside = place + 0.16 * (2 * j - 1)
        axes.plot(beside, found[:, j], "o", color=colour, alpha=0.45, ms=5, mec="none")
        axes.plot(beside, found[:, j].mean(axis=1), "_", color=colour, ms=22, mew=2.5, label=name)
    axes.axhline(1, color=MUTED, lw=1, ls="--")
    axes.text(place[-1] + 0.4, 0.98, "truth", color=MUTED, ha="right", va="top", fontsize=9)
    axes.set_xticks(place, [f"{nu:g}" for nu in powers])
    axes.set(xlabel="ν of the sources (heavier tails to the left)", ylim=(-0.04, 1.06))
    axes.set_ylabel("shortest / longest column")
    axes.legend(frameon=False, fontsize=9, loc="center right", title="bars: means, dots: seeds")
    save(figure, path)
