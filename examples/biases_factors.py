"""Factor analysis with mean-field inference in closed form, and a climb that never falls.

Data are x = W z + ε, ε ~ N(0, D), z ~ N(0, I), with W (L, K). β-VI is VI with each likelihood to
the power 1/β; its free energy, per point and in nats, is (appendix B.1 of "Independent Subspace
Analysis for Unsupervised Learning of Disentangled Representations")

    F(q, θ, β) = 1/β E_q ln p(x|z) − KL(q(z)‖p(z)),      β F is the objective of the β-VAE, eq. 13

and everything about it is known (appendix B.2). With A = WᵀD⁻¹W/β + I,

    p(z|x) = N(R x, A⁻¹),   R = A⁻¹WᵀD⁻¹/β,   the best q with independent z_k is N(R x, diag(A)⁻¹)
    KL(q‖p(z|x)) = ½ (Σ_k ln A_kk − ln|A|)    the same at every x, 0 where WᵀD⁻¹W is diagonal

where for β > 1 the posterior is that under the flattened likelihood. (The paper prints the mean
with the inverse of the covariance, drops a W from a trace in eq. 16, and turns W from the left,
which would change the likelihood: latents are turned from the right.)
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from vaekit.errors import VaekitError

Objective = Callable[[np.ndarray], tuple[float, np.ndarray]]


class Ascent(NamedTuple):
    """Hold the last point, and what the objective was at the start and after every step."""

    point: np.ndarray
    values: np.ndarray


def ascend(
    objective: Objective,
    start: np.ndarray,
    steps: int = 400,
    reach: float = 1.0,
    gain: float = 1e-8,
    memory: int = 20,
) -> Ascent:
    """Climb by L-BFGS steps, of which none may lower the objective nor move a number by > `reach`.

    A step that does not rise is halved until it does. Ends after `steps`, where five steps together
    bring less than `gain`, or where none rises. Raises `VaekitError` for a start without a value.
    """
    value, slope = objective(start)
    if not np.isfinite(value):
        raise VaekitError("the objective has no value at the start: begin at finite parameters")
    point, values, past = start, [value], []
    for _ in range(steps):
        step = _direction(slope, past[-memory:])
        step *= min(1.0, reach / max(np.abs(step).max(), 1e-300))
        while True:
            higher, turned = objective(point + step)
            if higher >= value + 1e-4 * slope @ step:  # Armijo; never so for a NaN
                break
            step = step / 2
            if np.abs(step).max() < 1e-13:
                return Ascent(point, np.array(values))
        if (bent := slope - turned) @ step > 1e-12 * np.linalg.norm(bent) * np.linalg.norm(step):
            past.append((step, bent))
        point, value, slope = point + step, higher, turned
        values.append(value)
        if len(values) > 5 and value - values[-6] < gain:
            break
    return Ascent(point, np.array(values))


def _direction(slope: np.ndarray, past: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Return the L-BFGS estimate of (−Hessian)⁻¹ slope: uphill, as every pair in `past` is."""
    found, shares = slope.copy(), []
    for step, bent in reversed(past):
        shares.append(step @ found / (bent @ step))
        found -= shares[-1] * bent
    if past:
        step, bent = past[-1]
        found *= step @ bent / (bent @ bent)
    for (step, bent), share in zip(past, reversed(shares), strict=True):
        found += step * (share - bent @ found / (bent @ step))
    return found


def turned(weights: np.ndarray, degrees: float) -> np.ndarray:
    """Return W (L, 2) times the rotation of its two latents: the likelihood stays what it was."""
    cos, sin = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    return weights @ np.array([[cos, -sin], [sin, cos]])


def precision(weights: np.ndarray, noise: np.ndarray, beta: float = 1) -> np.ndarray:
    """Return A = WᵀD⁻¹W/β + I (K, K) of W (L, K) and the variances D (L,).

    Raises `VaekitError` for shapes that do not go together, variances or a β that are not > 0.
    """
    if np.ndim(weights) != 2 or np.shape(noise) != np.shape(weights)[:1]:
        raise VaekitError(
            f"expected weights (L, K) and L variances, got {np.shape(weights)} and "
            f"{np.shape(noise)}: give one variance for each entry of x"
        )
    if not (np.isfinite(noise) & (np.asarray(noise) > 0)).all():
        raise VaekitError(f"variances of the noise must be finite and > 0, got {noise}")
    check_beta(beta)
    return (weights.T / noise) @ weights / beta + np.eye(weights.shape[1])


def check_beta(beta: float) -> None:
    """Raise `VaekitError` for a β that is no finite number > 0."""
    if not 0 < beta < np.inf:
        raise VaekitError(f"beta must be a finite number > 0, got {beta}: 1 is plain VI")


def divergence(weights: np.ndarray, noise: np.ndarray, beta: float = 1) -> float:
    """Return KL(q‖p(z|x)) = ½ (Σ_k ln A_kk − ln|A|) of the best q, nats per point."""
    a = precision(weights, noise, beta)
    return float(np.log(np.diag(a)).sum() - np.linalg.slogdet(a)[1]) / 2


def log_likelihood(weights: np.ndarray, noise: np.ndarray, moment: np.ndarray) -> float:
    """Return the mean of ln N(x; 0, WWᵀ + D), nats per point, by the moment E xxᵀ (L, L)."""
    covariance = weights @ weights.T + np.diag(noise)
    fit = np.trace(np.linalg.solve(covariance, moment))
    return -float(np.linalg.slogdet(2 * np.pi * covariance)[1] + fit) / 2


def free_energy(
    weights: np.ndarray, noise: np.ndarray, moment: np.ndarray, beta: float = 1
) -> tuple[float, np.ndarray]:
    """Return F at the best q (eq. 16 and below), nats per point, and its gradient by W (L, K).

    q is at its maximum, so the gradient is that at fixed q.
    """
    a = precision(weights, noise, beta)
    scaled = weights / noise[:, None] / beta  # D⁻¹W/β
    recognition = np.linalg.solve(a, scaled.T)  # R
    width, mixed = 1 / np.diag(a), recognition @ moment  # R E xxᵀ
    spread = mixed @ recognition.T + np.diag(width)  # E zzᵀ under q
    square = np.diag(moment) @ (1 / noise) / beta + np.trace(scaled.T @ weights @ spread)
    reconstruction = -(np.log(2 * np.pi * noise).sum() / beta + square) / 2 + np.trace(
        mixed @ scaled
    )
    rate = (np.trace(spread) - np.log(width).sum() - len(a)) / 2
    return float(reconstruction - rate), (mixed.T - weights @ spread) / noise[:, None] / beta


def climb(
    weights: np.ndarray, noise: np.ndarray, moment: np.ndarray, beta: float = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Learn W from a start, D and E xxᵀ given; return it and F after every step."""

    def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
        value, slope = free_energy(flat.reshape(weights.shape), noise, moment, beta)
        return value, slope.ravel()

    found = ascend(objective, weights.ravel(), reach=0.1, gain=1e-13)
    return found.point.reshape(weights.shape), found.values


def folded(degrees: np.ndarray | float) -> np.ndarray:
    """Return how far angles lie from a multiple of 90°, in degrees."""
    return np.abs((np.asarray(degrees) + 45) % 90 - 45)


def lengths(weights: np.ndarray) -> np.ndarray:
    """Return the lengths of the columns, the longest first."""
    return np.sort(np.linalg.norm(weights, axis=0))[::-1]


def kept(weights: np.ndarray) -> float:
    """Return the shortest column over the longest: 0 where one is pruned."""
    return float(lengths(weights)[-1] / max(lengths(weights)[0], 1e-300))


def between(weights: np.ndarray) -> float:
    """Return the angle between the lines of the two longest columns, 0° to 90°."""
    one, two = weights.T[np.argsort(-np.linalg.norm(weights, axis=0))[:2]]
    cosine = np.abs(one @ two) / max(np.linalg.norm(one) * np.linalg.norm(two), 1e-300)
    return float(np.rad2deg(np.arccos(np.clip(cosine, 0, 1))))
