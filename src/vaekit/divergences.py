"""Divergences between a posterior and a prior, in nats.

KL(q‖p) is analytic where a closed form is registered, otherwise the Monte-Carlo mean of
log q(z) − log p(z) over the samples of z. A closed form is registered by coordinate, because the
indicators of what each coordinate carries need it; the whole divergence is its sum. A product of
blocks is taken block by block, each analytic where it can be.

**The path derivative.** With z = g(ε, φ) the gradient of the Monte-Carlo mean in the parameters φ
of q has two parts,

    ∂z/∂φ · ∂/∂z [log q(z) − log p(z)]  +  ∂/∂φ log q(z)|_z

of which the second, the score, has mean 0 and leaves its noise. Held still, φ inside log q, only
the first remains: unbiased, of the same value, and without any noise where q = p, since then it
vanishes sample by sample (Roeder, Wu & Duvenaud 2017, eq. 8).
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.distributions import Distribution

from vaekit.compounds import Blocks
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
    if isinstance(p, Blocks) and isinstance(q, DiagonalGaussian):
        found = [kl_by_coordinate(*pair) for pair in zip(_split(q, p.sizes), p.parts, strict=True)]
        known = [part for part in found if part is not None]
        return torch.cat(known, -1) if len(known) == len(found) else None
    function = _CLOSED.get((type(q), type(p)))
    return function(q, p) if function else None


def kl(q: Distribution, p: Distribution, z: Tensor, path: bool = False) -> Tensor:
    """Return KL(q‖p) of every example, (batch,): analytic, else the mean over samples of z.

    z is (samples, batch, H), drawn from q; `path` asks for the path derivative where samples are
    needed. Raises `VaekitError` for a deterministic q, whose KL to a density is infinite.
    """
    parts = kl_by_coordinate(q, p)
    if parts is not None:
        return parts.sum(-1)
    if isinstance(p, Blocks) and isinstance(q, DiagonalGaussian):
        blocks = zip(_split(q, p.sizes), p.parts, z.split(p.sizes, -1), strict=True)
        return torch.stack([kl(*block, path) for block in blocks]).sum(0)
    return kl_by_samples(q, p, z, path)


def kl_by_samples(q: Distribution, p: Distribution, z: Tensor, path: bool = False) -> Tensor:
    """Return the Monte-Carlo KL(q‖p) of every example, (batch,), from z (samples, batch, H).

    With `path` its gradient is the path derivative: z must have been drawn by `rsample`. Raises
    `VaekitError` for a deterministic q, and for a path where q is not a diagonal Gaussian.
    """
    if isinstance(q, PointMass):
        raise VaekitError(
            "KL needs a posterior with a density, but this one is deterministic: "
            "use posterior Gaussian, or leave the KL term out"
        )
    return ((held(q) if path else q).log_prob(z) - p.log_prob(z)).mean(0)


def held(q: Distribution) -> DiagonalGaussian:
    """Return a Gaussian q whose log-density does not depend on its parameters."""
    if not isinstance(q, DiagonalGaussian):
        raise VaekitError(
            f"the path derivative is there for Gaussian posteriors, not {type(q).__name__}: "
            "use path=False"
        )
    return DiagonalGaussian(q.mean.detach(), q.log_std.detach())


def kl_by_block(q: Distribution, p: Distribution, z: Tensor) -> Tensor | None:
    """Return the Monte-Carlo KL(q‖p) of every independent block of p, (batch, blocks).

    None where p knows no blocks or q is not a diagonal Gaussian. z is (samples, batch, H).
    """
    if not (isinstance(q, DiagonalGaussian) and hasattr(p, "log_prob_by_block")):
        return None
    sizes: list[int] = p.sizes  # pyright: ignore[reportAttributeAccessIssue]
    own = q.log_prob_by_coordinate(z).split(sizes, -1)
    found = torch.stack([part.sum(-1) for part in own], -1)
    return (found - p.log_prob_by_block(z)).mean(0)  # pyright: ignore[reportAttributeAccessIssue]


def _split(q: DiagonalGaussian, sizes: list[int]) -> list[DiagonalGaussian]:
    pairs = zip(q.mean.split(sizes, -1), q.log_std.split(sizes, -1), strict=True)
    return [DiagonalGaussian(mean, log_std) for mean, log_std in pairs]


@closed_form(DiagonalGaussian, StandardNormal)
def _gaussian_to_standard(q: DiagonalGaussian, p: StandardNormal) -> Tensor:
    """KL(N(μ, s²)‖N(0, 1)) = ½ (μ² + s² − 1) − ln s, by coordinate (Kingma & Welling, App. B)."""
    return 0.5 * (torch.addcmul(q.mean * q.mean, q.std, q.std) - 1) - q.log_std


@closed_form(DiagonalGaussian, DiagonalGaussian)
def _gaussian_to_gaussian(q: DiagonalGaussian, p: DiagonalGaussian) -> Tensor:
    """KL(N(μ, s²)‖N(m, t²)) = ½ ((μ − m)² + s²)/t² − ½ + ln t − ln s, by coordinate."""
    apart = (q.mean - p.mean) / p.std
    return 0.5 * (apart * apart + (q.std / p.std) ** 2 - 1) + p.log_std - q.log_std
