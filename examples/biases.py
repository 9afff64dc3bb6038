"""See in four small models what variational inference prefers, where the likelihood does not.

    python examples/biases.py [--out docs/pictures] [--seeds 10] [--points 1000] [--noise 0.5]
        [--wide]

The free energy is the log-likelihood less the distance of q from the true posterior,

    F = ln p(x|θ) − KL(q(z)‖p(z|x, θ))

so that learning θ by F prefers parameters whose posterior has the shape of q. Where q has
independent latents, that means columns of W that are orthogonal, and columns that are 0: appendix
B of "Independent Subspace Analysis for Unsupervised Learning of Disentangled Representations".
Nothing is amortised, everything begins at the truth (factor analysis at the truth with its latents
turned), and no step lowers F. What is expected there and what is found here stand side by side;
pictures `biases-*.png` go to the folder.

The mathematics is in `biases_factors.py` and `biases_components.py`, the pictures in
`biases_pictures.py`.
"""

import argparse
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import NamedTuple

import biases_pictures as pictures
import numpy as np
from biases_components import Likelihood, fit_components, most_likely
from biases_factors import (
    between,
    climb,
    divergence,
    folded,
    free_energy,
    kept,
    lengths,
    log_likelihood,
    turned,
)

from vaekit.errors import VaekitError

POINTS = 100  # of factor analysis, where F and ln p are sums over points that are all alike
VARIANCES = np.array([2.5, 0.6])  # λ of the data along the axes, noise included
SIGMA2 = np.array([0.25, 0.25])  # of the noise
BETAS = (1.0, 1.5, 2.0, 3.0, 5.0, 8.0)
TAILS = (1.5, 2.0, 2.5, 3.5, 6.0, 20.0)
NU, BETA = 3.5, 5.0
LINES = ((0, 60, 120), (0, 45, 90), (0, 30, 100), (0, 50, 110), (0, 20, 40))  # degrees
NOISES = (0.1, 0.25, 0.5, 1.0, 2.0)
EARLY = 20  # steps that show VI on its way


class Row(NamedTuple):
    """Hold one line of the table."""

    what: str
    expected: str
    found: str


class Learned(NamedTuple):
    """Hold what one seed gave: points, W and ln p (nats per point) by the name of the method."""

    x: np.ndarray
    weights: dict[str, np.ndarray]
    log_likelihood: dict[str, float]
    free_energy: dict[str, float]


def aligned() -> np.ndarray:
    """Return the most likely W (2, 2) whose columns are orthogonal, of lengths √(λ − σ²)."""
    return np.diag(np.sqrt(VARIANCES - SIGMA2))


def spread(values: Sequence[float] | np.ndarray, digits: int = 2) -> str:
    """Write the mean and the range of values."""
    low, mean, high = np.min(values), np.mean(values), np.max(values)
    return f"{mean:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def implied(log_p: float, free: float, points: int) -> tuple[float, float]:
    """Return the two variances λ that have these sums over points at 0 and at π/4, in nats.

    ln p = −N/2 (ln λ₁λ₂ + 2 ln 2π + 2) and ln p − F = N/2 ln((λ₁ + λ₂)²/4λ₁λ₂), whatever the noise.
    """
    product = np.exp(-2 * log_p / points - 2 - 2 * np.log(2 * np.pi))
    mean = np.exp((log_p - free) / points) * np.sqrt(product)
    root = np.sqrt(mean**2 - product)
    return mean + root, mean - root


def rotation() -> tuple[list[Row], dict[str, np.ndarray]]:
    """Turn the latents of factor analysis: ln p is flat, F is not."""
    moment, angles = np.diag(VARIANCES), np.linspace(0, 180, 361)
    log_p, free = (
        POINTS * np.array([law(turned(aligned(), angle)) for angle in angles])
        for law in (
            lambda w: log_likelihood(w, SIGMA2, moment),
            lambda w: free_energy(w, SIGMA2, moment)[0],
        )
    )
    told = POINTS / 2 * np.log(VARIANCES.sum() ** 2 / 4 / VARIANCES.prod())
    found, _ = climb(turned(aligned(), 30), SIGMA2, moment)
    angle = folded(np.rad2deg(np.arctan2(found[1], found[0]))).max()
    rows = [
        Row("ln p, largest difference over angles", "0", f"{np.ptp(log_p):.1e} nats"),
        Row("F at 0, π/2, π", f"ln p = {log_p[0]:.2f}", f"{free[[0, 180, 360]].min():.2f} nats"),
        Row("F at π/4", f"{log_p[0] - told:.2f}", f"{free[90]:.2f} nats"),
        Row("learned from 30°: columns off the axes", "0°", f"{angle:.4f}°"),
    ]
    for points in (20, 100, 500):
        found = " and ".join(f"{one:.4f}" for one in implied(-17.82, -57.16, points))
        rows.append(Row(f"λ that give {points} points the paper's F", "-17.82, -57.16 nats", found))
    return rows, {"angles": angles, "log_p": log_p, "free": free}


def pruning() -> tuple[list[Row], dict[str, np.ndarray]]:
    """Share one direction between two of three latents (eq. 17): ln p is flat, F is not."""
    rho, noise = 0.7, np.array([0.1, 0.1])

    def weights(share: float) -> np.ndarray:
        along = np.array([share, np.sqrt(1 - share**2)]) / np.sqrt(2)
        return np.array([[*along, rho / np.sqrt(2)], [*along, -rho / np.sqrt(2)]])

    moment = weights(0) @ weights(0).T + np.diag(noise)
    shares = np.linspace(0, 1, 201)
    log_p = POINTS * np.array([log_likelihood(weights(a), noise, moment) for a in shares])
    free = POINTS * np.array([free_energy(weights(a), noise, moment)[0] for a in shares])
    told = POINTS / 2 * np.log1p(shares**2 * (1 - shares**2) / (noise[0] * (1 + noise[0])))
    found, values = climb(weights(0.5), noise, moment)
    size = ", ".join(f"{length:.3f}" for length in lengths(found))
    rows = [
        Row("ln p, largest difference over α", "0", f"{np.ptp(log_p):.1e} nats"),
        Row("F is highest at α", "0 or 1", f"{np.abs(shares[free > free.max() - 1e-9])}"),
        Row("ln p − F at α = ½", f"{told[100]:.2f}", f"{(log_p - free)[100]:.2f} nats"),
        Row("learned from α = ½: lengths of columns", f"1, {rho}, 0", size),
        Row("… and ln p − F", "0", f"{POINTS * (log_p[0] / POINTS - values[-1]):.1e} nats"),
    ]
    return rows, {"shares": shares, "log_p": log_p, "free": free}


def amplitude() -> tuple[list[Row], dict[str, np.ndarray]]:
    """Learn factor analysis under several β, from the truth turned by 30°, the noise given."""
    moment, angles = np.diag(VARIANCES), np.linspace(0, 180, 361)
    gaps = [[divergence(turned(aligned(), a), SIGMA2, b) for a in angles] for b in BETAS]
    rows, sizes = [], []
    for beta in BETAS:
        found, _ = climb(turned(aligned(), 30), SIGMA2, moment, beta)
        told = np.sqrt(np.maximum(VARIANCES - beta * SIGMA2, 0))
        size, long = lengths(found), np.linalg.norm(found, axis=0) > 1e-3
        off = folded(np.rad2deg(np.arctan2(found[1], found[0])))[long].max()
        text = f"{size[0]:.3f}, {size[1]:.3f}; {off:.3f}°"
        rows.append(
            Row(f"β = {beta:g}: lengths; off the axes", f"{told[0]:.3f}, {told[1]:.3f}; 0°", text)
        )
        sizes.append(size)
    return rows, {"angles": angles, "gaps": np.array(gaps), "sizes": np.array(sizes)}


def truth(
    points: int, noise: float, nu: float, seed: int, lines: Sequence[float] = (0, 60, 120)
) -> tuple[np.ndarray, ...]:
    """Draw x (N, 2) of three sources (N, 3) along lines at angles; return x, W, sources."""
    rng, angles = np.random.default_rng(seed), np.deg2rad(lines)
    weights, sources = np.stack([np.cos(angles), np.sin(angles)]), rng.standard_t(nu, (points, 3))
    return sources @ weights.T + noise * rng.normal(size=(points, 2)), weights, sources


def learn(points: int, noise: float, seed: int) -> Learned:
    """Learn W of one draw by the likelihood, by VI and by β-VI, each from the truth."""
    x, weights, sources = truth(points, noise, NU, seed)
    likelihood = Likelihood(x, noise**2, NU)
    found = {"truth": weights}
    found["ML"] = most_likely(likelihood, weights)
    fits = {
        name: fit_components(x, weights, sources, noise**2, NU, beta)
        for name, beta in (("VI", 1.0), ("β-VI", BETA))
    }
    found |= {name: fit.weights for name, fit in fits.items()}
    early = fit_components(x, weights, sources, noise**2, NU, steps=EARLY)
    found["early"] = early.weights
    free = {name: float(fit.values[-1]) for name, fit in fits.items()}
    free["start"] = float(fits["VI"].values[fits["VI"].held])
    return Learned(x, found, {name: likelihood(w)[0] for name, w in found.items()}, free)


def components(seeds: int, points: int, noise: float) -> tuple[list[Row], list[Learned]]:
    """Learn three sources from two observations under several seeds."""
    learned = [learn(points, noise, seed) for seed in range(seeds)]
    paper = {"ML": ("1", "60°"), "VI": ("> 0", "> 60°"), "β-VI": ("0", "90°")}
    names = {"ML": "likelihood", "VI": "VI", "β-VI": f"VI, β = {BETA:g}"}
    rows = []
    for name, (short, angle) in paper.items():
        ratio = [kept(one.weights[name]) for one in learned]
        line = [between(one.weights[name]) for one in learned]
        rows.append(Row(f"{names[name]}: shortest / longest column", short, spread(ratio)))
        rows.append(Row("… angle of the two longest", angle, spread(line, 1) + "°"))
    lost = [one.log_likelihood["ML"] - one.log_likelihood["VI"] for one in learned]
    won = [one.free_energy["VI"] - one.free_energy["start"] for one in learned]
    early = [one.weights["early"] for one in learned]
    rows.append(
        Row(f"VI stopped after {EARLY} steps: shortest / longest", "", spread([*map(kept, early)]))
    )
    rows.append(Row("… angle of the two longest", "", spread([*map(between, early)], 1) + "°"))
    rows.append(Row("VI gives up of ln p, nats per point", "", spread(lost, 3)))
    rows.append(Row("… and gains of F, from the truth", "", spread(won, 3)))
    return rows, learned


def tails(seeds: int, points: int, noise: float) -> tuple[list[Row], np.ndarray]:
    """Learn sources of heavier and lighter tails; return shortest / longest (ν, β, seed)."""
    found = np.zeros((len(TAILS), 2, seeds))
    for i, nu in enumerate(TAILS):
        for seed in range(seeds):
            x, weights, sources = truth(points, noise, nu, seed)
            for j, beta in enumerate((1.0, BETA)):
                fit = fit_components(x, weights, sources, noise**2, nu, beta, steps=1500)
                found[i, j, seed] = kept(fit.weights)
    rows = [
        Row(
            f"ν = {nu:g}: shortest / longest, β = 1; {BETA:g}",
            "> 0; 0",
            "; ".join(spread(each) for each in found[i]),
        )
        for i, nu in enumerate(TAILS)
    ]
    return rows, found


def wide() -> list[Row]:
    """Learn sources of ν = 3.5 by VI with other lines, noises, numbers of points, three seeds."""
    found = []
    for lines, noise, points, seed in product(LINES, NOISES, (50, 200, 1000), range(3)):
        x, weights, sources = truth(points, noise, NU, seed, lines)
        found.append(kept(fit_components(x, weights, sources, noise**2, NU).weights))
    few = sum(one < 0.1 for one in found)
    return [
        Row("shortest / longest below .1", "no climb", f"{few} of {len(found)} climbs"),
        Row("shortest / longest", "> 0", spread(found)),
    ]


def table(title: str, rows: Sequence[Row]) -> str:
    """Write rows under a title."""
    head = Row(title, "expected", "found")
    return "\n".join(f"{a:<44}{b:<30}{c}" for a, b, c in (head, *rows)) + "\n"


def main(words: list[str] | None = None) -> None:
    """Read the arguments, print the tables and write the pictures."""
    made = argparse.ArgumentParser(description="See what variational inference prefers.")
    made.add_argument("--out", type=Path, default=Path("docs/pictures"), help="folder of pictures")
    made.add_argument("--seeds", type=int, default=10, help="draws of the independent components")
    made.add_argument("--points", type=int, default=1000, help="in each draw")
    made.add_argument("--noise", type=float, default=0.5, help="σ of each draw")
    made.add_argument("--wide", action="store_true", help="also try VI in 225 other settings")
    asked = made.parse_args(words)
    if asked.seeds < 1 or asked.points < 10:
        made.error("--seeds is at least 1, --points at least 10")
    if not 0 < asked.noise < np.inf:
        made.error("--noise is a finite number > 0")
    try:
        asked.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        made.error(f"--out: cannot make the folder {asked.out}: {error.strerror}")
    try:
        show(asked.out, asked.seeds, asked.points, asked.noise)
        if asked.wide:
            print(table("VI in other settings", wide()))
    except VaekitError as error:
        made.error(str(error))


def show(out: Path, seeds: int, points: int, noise: float) -> None:
    """Print each table as it is there, and draw its picture."""
    rows, turns = rotation()
    print(table(f"Factor analysis, {POINTS} points, turned", rows))
    pictures.rotation(out / "biases-rotation.png", turns, aligned(), SIGMA2)
    rows, shared = pruning()
    print(table("Three latents for two directions", rows))
    pictures.pruning(out / "biases-pruning.png", shared)
    rows, sized = amplitude()
    print(table("β, with the noise given", rows))
    pictures.amplitude(out / "biases-beta.png", sized, BETAS, VARIANCES, SIGMA2[0])
    rows, learned = components(seeds, points, noise)
    print(table(f"Three sources, ν = {NU:g}; {seeds} seeds of {points}", rows))
    pictures.components(out / "biases-components.png", learned[0], BETA)
    rows, found = tails(seeds, max(points // 3, 10), noise)
    print(table(f"Other tails; {seeds} seeds of {max(points // 3, 10)}", rows))
    pictures.tails(out / "biases-tails.png", found, TAILS, BETA)


if __name__ == "__main__":
    main()
