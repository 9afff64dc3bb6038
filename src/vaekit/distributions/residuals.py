"""Zero-mean Gaussian mixtures of residuals, fitted by expectation and maximisation.

A residual r = x_d − G_d(z) is drawn from Σ_k π_k N(0, σ_k²) ([noise] §3.3.2):

    E:  γ_k(r) = π_k N(r; 0, σ_k²) / Σ_k′ π_k′ N(r; 0, σ_k′²)
    M:  π_k = mean γ_k,  σ_k² = Σ γ_k r² / Σ γ_k

(The denominator of eq. 15 sums over l and m: erratum.)

By Fisher's identity the gradient in G of the expected complete log-likelihood Σ γ_k [ln π_k −
½ ln 2πσ_k² − r²/2σ_k²] (eqs. 16–17 have its signs wrong) is that of ln Σ_k π_k N(r; 0, σ_k²) at the
parameters of the E-step, so a network may be trained on the latter.

All of it sees r² only. Parameters are ln σ_k and ln π_k, (K,).
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from vaekit.errors import VaekitError

LEAST_SHARE = 1e-6  # of a component: none leaves for good
SPAN = 3.0  # from the middle of the first σ_k to the least and the largest
_PORTION = 1 << 20  # residuals of one step of memory


class Components(NamedTuple):
    """Hold the parameters of a zero-mean mixture, each (K,)."""

    log_std: Tensor
    log_share: Tensor


class Moments(NamedTuple):
    """Hold what an M-step needs, each (K,): mean over residuals of γ_k, and of γ_k r²."""

    share: Tensor
    square: Tensor


def joint(squares: Tensor, mixture: Components) -> Tensor:
    """Return ln π_k + ln N(r; 0, σ_k²) less the constant −½ ln 2π, (K, …), for r² (…)."""
    log_std, log_share = (t.view(-1, *[1] * squares.dim()) for t in mixture)
    return torch.addcmul(log_share - log_std, squares, -0.5 * (-2 * log_std).exp())


def responsibilities(squares: Tensor, mixture: Components) -> Tensor:
    """Return γ_k(r), (K, …), for r² (…): the E-step."""
    return joint(squares, mixture).softmax(0)


def moments(squares: Tensor, mixture: Components) -> Moments:
    """Return the statistics of residuals r² (…) under the responsibilities of `mixture`."""
    gamma = responsibilities(squares.flatten(), mixture)
    return Moments(gamma.mean(1), gamma @ squares.flatten() / squares.numel())


def maximised(sums: Moments, floor: float) -> Components:
    """Return the mixture of the M-step, σ_k² ≥ floor and π_k ≥ 1e-6."""
    share = (sums.share / sums.share.sum()).clamp_min(LEAST_SHARE)
    variance = (sums.square / sums.share.clamp_min(1e-30)).clamp_min(floor)
    return Components(0.5 * variance.log(), (share / share.sum()).log())


def start_mixture(sigma: float, components: int) -> Components:
    """Return components of equal share whose σ_k rise from sigma/3 to 3 sigma in equal ratios."""
    if components < 1:
        raise VaekitError(f"a mixture needs 1 component or more, got {components}")
    steps = torch.linspace(-1, 1, components) if components > 1 else torch.zeros(1)
    log_sigma = torch.tensor(float(sigma)).log()
    return Components(
        log_sigma + steps * math.log(SPAN),
        -torch.tensor(float(components)).log().expand(components).clone(),
    )


@torch.no_grad()
def converged(
    squares: Tensor, components: int, floor: float, tolerance: float = 1e-8, most: int = 2000
) -> tuple[Components, str]:
    """Fit a mixture to residuals r² (n,) by EM until ln p gains less than `tolerance` a residual.

    Float64, in portions. Returns the mixture, smallest σ first, and how EM ended, by that rule or
    after `most` steps. Raises `VaekitError` without any residuals.
    """
    if not squares.numel():
        raise VaekitError("there are no residuals to fit a noise model to")
    squares = squares.flatten()
    scale = float(squares.double().mean().sqrt().clamp_min(floor**0.5))
    now, before = Components(*(t.double() for t in start_mixture(scale, components))), -torch.inf
    ended = f"EM was stopped after {most:,} steps, before it had converged"
    for step in range(most):
        share = torch.zeros(components, dtype=torch.float64)
        square, gain = share.clone(), 0.0
        for part in squares.split(_PORTION):
            each = joint(part.double(), now)
            level = each.logsumexp(0)
            gamma = (each - level).exp_()
            share, square = share + gamma.sum(1), square + gamma @ part.double()
            gain += float(level.sum())
        n = len(squares)
        now = maximised(Moments(share / n, square / n), floor)
        if gain / n - before < tolerance:
            ended = f"EM converged after {step + 1:,} steps"
            break
        before = gain / n
    order = now.log_std.argsort()
    return Components(*(t[order] for t in now)), ended
