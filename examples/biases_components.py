"""Independent components: VI at every point apart, and the likelihood that it bounds.

Data are x = W z + ε in the plane, ε ~ N(0, σ²I), z_k ~ Student-t(ν) independent (appendix B.7 of
"Independent Subspace Analysis for Unsupervised Learning of Disentangled Representations"). The
posterior has no closed form. q_n = N(μ_n, diag(s_n²)) is free at each point, there is no encoder:

    F = 1/β E_q ln p(x|z) − KL(q(z)‖p(z))

The reconstruction and the entropy of q are closed; E_q ln p(z) is one integral for each latent of
each point, by the nodes of Gauss and Hermite. The likelihood itself, which VI is to be compared
with, is an integral over the frequencies u of the plane, a sum of cosines over a grid of them:

    p(x) = (2π)⁻² ∫ cos(u·x) e^{−σ²|u|²/2} Π_k φ(w_k·u) du
    φ(t) = E cos(t z) = |√ν t|^{ν/2} K_{ν/2}(|√ν t|) / (Γ(ν/2) 2^{ν/2 − 1})

For a given σ², β-VI learns the W that VI learns for a noise of βσ²: the two F differ by a constant.
"""

from functools import lru_cache
from math import gamma, lgamma, log, pi
from typing import NamedTuple

import numpy as np
from biases_factors import ascend, check_beta
from scipy.interpolate import CubicSpline
from scipy.special import kv

from vaekit.errors import VaekitError

NODES, SHARES = np.polynomial.hermite_e.hermegauss(32)
SHARES = SHARES / SHARES.sum()
END = 40.0  # where φ is less than 1e-25


class Fit(NamedTuple):
    """Hold W (L, K), μ and ln s (N, K), and F after every step, nats per point.

    W is the true one in the first `held` steps, so `values[held]` is F of the truth at the best q.
    """

    weights: np.ndarray
    mean: np.ndarray
    log_std: np.ndarray
    values: np.ndarray
    held: int


def expected_log_prior(
    mean: np.ndarray, std: np.ndarray, nu: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return E ln t_ν(z), z ~ N(mean, std²), entry by entry, and its slopes by mean and by std."""
    z = mean[..., None] + std[..., None] * NODES
    pull = -(nu + 1) * z / (nu + z * z)
    constant = lgamma((nu + 1) / 2) - lgamma(nu / 2) - log(nu * pi) / 2
    value = constant - (nu + 1) / 2 * (np.log1p(z * z / nu) @ SHARES)
    return value, pull @ SHARES, pull @ (SHARES * NODES)


def components_free_energy(
    fit: tuple[np.ndarray, np.ndarray, np.ndarray],
    x: np.ndarray,
    variance: float,
    nu: float,
    beta: float = 1,
) -> tuple[float, np.ndarray, np.ndarray, np.ndarray]:
    """Return N F of (W, μ, ln s) in nats, D = variance · I, and its gradients by the three."""
    weights, mean, log_std = fit
    std, power = np.exp(log_std), (weights**2).sum(axis=0)
    prior, by_mean, by_std = expected_log_prior(mean, std, nu)
    error, scale = x - mean @ weights.T, 1 / (variance * beta)
    square = (error**2).sum() + (power * std**2).sum()
    reconstruction = -(x.size * log(2 * pi * variance) / beta + scale * square) / 2
    entropy = log_std.sum() + mean.size * (1 + log(2 * pi)) / 2
    return (
        float(reconstruction + prior.sum() + entropy),
        scale * (error.T @ mean - weights * (std**2).sum(axis=0)),
        scale * error @ weights + by_mean,
        (by_std - scale * power * std) * std + 1,
    )


def fit_components(
    x: np.ndarray,
    weights: np.ndarray,
    sources: np.ndarray,
    variance: float,
    nu: float,
    beta: float = 1,
    steps: int = 600,
) -> Fit:
    """Learn W and every q_n from the truth: first q alone with W held, then both together.

    x (N, L) was made of `sources` (N, K) by `weights` (L, K). Raises `VaekitError` for shapes that
    do not go together and for a variance, ν or β that is not > 0.
    """
    check_beta(beta)
    if not (0 < variance < np.inf and 0 < nu < np.inf):
        raise VaekitError(f"variance and nu must be > 0, got {variance} and {nu}")
    if x.shape != (len(sources), len(weights)) or sources.shape[1:] != weights.shape[1:]:
        raise VaekitError(
            f"expected x (N, L), weights (L, K) and sources (N, K), got {x.shape}, "
            f"{weights.shape} and {sources.shape}"
        )
    n, size = len(x), weights.size
    root = np.sqrt(n)  # all points pull at W, one at its q: this makes their curvatures alike

    def parts(flat: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        mean, log_std = flat[size:].reshape(2, *sources.shape)
        return flat[:size].reshape(weights.shape) / root, mean, log_std

    def objective(flat: np.ndarray, moves: float = 1.0) -> tuple[float, np.ndarray]:
        value, *slopes = components_free_energy(parts(flat), x, variance, nu, beta)
        slopes[0] = slopes[0] * moves / root
        return value, np.concatenate([slope.ravel() for slope in slopes])

    width = -np.log1p((weights**2).sum(axis=0) / variance / beta) / 2 + 0 * sources
    start = np.concatenate([(weights * root).ravel(), sources.ravel(), width.ravel()])
    first = ascend(lambda flat: objective(flat, 0.0), start, steps, gain=1e-6 * n)
    then = ascend(objective, first.point, steps, gain=1e-6 * n)
    values = np.concatenate([first.values, then.values[1:]]) / n
    return Fit(*parts(then.point), values, len(first.values) - 1)


@lru_cache
def characteristic(nu: float) -> CubicSpline:
    """Return φ(t) = E cos(t z) of Student-t(ν) as a spline on [0, 40], ν > 2."""
    t = np.linspace(0, END, 20_001)
    level = np.sqrt(nu) * t[1:]
    values = level ** (nu / 2) * kv(nu / 2, level) / (gamma(nu / 2) * 2 ** (nu / 2 - 1))
    return CubicSpline(t, np.concatenate([[1.0], values]), bc_type="clamped")


class Likelihood:
    """Compute ln p(x) of points x (N, 2) for any W (2, K), exactly but for the grid.

    The grid repeats the density at a period of three times the largest |x| and more, and ends where
    the noise alone leaves 1e-7 of a frequency. Raises `VaekitError` for points that are not in the
    plane, ν ≤ 2, and for a noise so small beside |x| that the grid would take minutes.
    """

    def __init__(self, x: np.ndarray, variance: float, nu: float):
        if x.ndim != 2 or x.shape[1] != 2 or not np.isfinite(x).all():
            raise VaekitError(f"expected finite points (N, 2) in the plane, got {x.shape}")
        if not (nu > 2 and variance > 0):
            raise VaekitError(f"expected nu > 2 and variance > 0, got {nu} and {variance}")
        gap = 2 * pi / (3 * np.abs(x).max() + 10)
        count = int(np.ceil(np.sqrt(-2 * log(1e-7) / variance) / gap))
        if count > 800:
            raise VaekitError(
                f"points as far as {np.abs(x).max():.3g} beside noise of variance {variance:.3g} "
                "need too fine a grid: take more noise or fewer points"
            )
        along, across = gap * np.arange(count + 1), gap * np.arange(-count, count + 1)
        self.u = np.stack(np.meshgrid(along, across, indexing="ij"))  # half the plane: p is real
        self.share = 2 * (gap / 2 / pi) ** 2 * np.exp(-variance * (self.u**2).sum(axis=0) / 2)
        self.share[0] /= 2
        self.cos = np.cos(x[:, :1] * along), np.cos(x[:, 1:] * across)
        self.sin = np.sin(x[:, :1] * along), np.sin(x[:, 1:] * across)
        self.table = characteristic(nu)
        self.slope = self.table.derivative()

    def density(self, waves: np.ndarray) -> np.ndarray:
        """Return p(x) (N,) of its transform, weighed, on the grid."""
        (left, right), (odd, even) = self.cos, self.sin
        return ((left @ waves) * right - (odd @ waves) * even).sum(axis=1)

    def __call__(self, weights: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the mean of ln p(x), nats per point, and its gradient by W."""
        t = np.tensordot(weights.T, self.u, 1)
        level = np.minimum(np.abs(t), END)
        each = self.table(level)
        p = self.density(self.share * each.prod(axis=0))
        if not (p > 0).all():
            return -np.inf, np.zeros_like(weights)
        (left, right), (odd, even) = self.cos, self.sin
        pull = self.share * (left.T @ (right / p[:, None]) - odd.T @ (even / p[:, None]))
        slopes = np.sign(t) * self.slope(level)
        by_weights = [
            (self.u * pull * slope * np.delete(each, k, axis=0).prod(axis=0)).sum(axis=(1, 2))
            for k, slope in enumerate(slopes)
        ]
        return float(np.log(p).mean()), np.stack(by_weights, axis=1) / len(p)


def most_likely(likelihood: Likelihood, weights: np.ndarray) -> np.ndarray:
    """Learn W (2, K) by the likelihood itself, from a start."""

    def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
        value, slope = likelihood(flat.reshape(weights.shape))
        return value, slope.ravel()

    return ascend(objective, weights.ravel(), reach=0.1, gain=1e-9).point.reshape(weights.shape)
