"""Divergences between a posterior and a prior, in nats.

KL(q‖p) is analytic where a closed form is registered, otherwise the Monte-Carlo mean of
log q(z) − log p(z) over the samples of z. A closed form is registered by coordinate, because the
indicators of what each coordinate carries need it; the whole divergence is its sum.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.distributions import Distribution

from vaekit.distributions import DiagonalGaussian, PointMass, StandardNormal
from vaekit.errors import VaekitError

ClosedForm = Callable[..., Tensor]
_CLOSED: dict[tuple[type, type], ClosedForm] = {}


def closed_form(q: type, p: type) -> Callable[[ClosedForm], ClosedForm]:
    """Register the KL by coordinate of a pair of distribution classes: (q, p) → (batch, H)."""

    def register(function: ClosedForm) -> ClosedForm:
        _CLOSED[q, p] = function
        return function

    return register


def kl_by_coordinate(q: Distribution, p: Distribution) -> Tensor | None:
    """Return KL(q‖p) of every coordinate, (batch, H), or None where no closed form is known."""
    function = _CLOSED.get((type(q), type(p)))
    return function(q, p) if function else None


def kl(q: Distribution, p: Distribution, z: Tensor) -> Tensor:
    """Return KL(q‖p) of every example, (batch,): analytic, else the mean over samples of z.

    z is (samples, batch, H), drawn from q. Raises `VaekitError` for a deterministic q, whose KL to
    a density is infinite.
    """
    parts = kl_by_coordinate(q, p)
    return kl_by_samples(q, p, z) if parts is None else parts.sum(-1)


def kl_by_samples(q: Distribution, p: Distribution, z: Tensor) -> Tensor:
    """Return the Monte-Carlo KL(q‖p) of every example, (batch,), from z (samples, batch, H)."""
    if isinstance(q, PointMass):
        raise VaekitError(
            "KL needs a posterior with a density, but this one is deterministic: "
            "use posterior Gaussian, or leave the KL term out"
        )
    return (q.log_prob(z) - p.log_prob(z)).mean(0)


@closed_form(DiagonalGaussian, StandardNormal)
def _gaussian_to_standard(q: DiagonalGaussian, p: StandardNormal) -> Tensor:
    """KL(N(μ, s²)‖N(0, 1)) = ½ (μ² + s² − 1) − ln s, by coordinate (Kingma & Welling, App. B)."""
    return 0.5 * (torch.addcmul(q.mean * q.mean, q.std, q.std) - 1) - q.log_std


@closed_form(DiagonalGaussian, DiagonalGaussian)
def _gaussian_to_gaussian(q: DiagonalGaussian, p: DiagonalGaussian) -> Tensor:
    """KL(N(μ, s²)‖N(m, t²)) = ½ ((μ − m)² + s²)/t² − ½ + ln t − ln s, by coordinate."""
    apart = (q.mean - p.mean) / p.std
    return 0.5 * (apart * apart + (q.std / p.std) ** 2 - 1) + p.log_std - q.log_std
