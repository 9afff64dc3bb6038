"""Directions: the von Mises–Fisher law on the sphere of codes of length 1, and the uniform one.

Davidson et al. 2018, "Hyperspherical Variational Auto-Encoders". On S^{H−1}, of area |S|, with
respect to its surface measure, which all densities here are of,

    q(z) = C(κ) exp(κ μᵀz)       ln C = −f(κ) − ln |S|       |S| = 2 π^{H/2} / Γ(H/2)

f and its derivative A are those of `bessel` beside this, of order ν = H/2 − 1. So

    E z = A μ        Var z_h = A/κ + (1 − H A/κ − A²) μ_h²
    KL(q‖uniform) = κ A(κ) − f(κ)                      about (H − 1)/2 · ln κ for large κ

**Coordinates** of a code are tied by its length, so that none has a law of its own here, and what
asks for independent ones refuses. A density on the sphere is none in space: it is compared with
another on the sphere alone.

**Samples** are z = cos θ μ + sin θ v, v uniform among the directions at right angles to μ, and θ by
`vaekit.distributions.directions.angles`, with the gradient of κ.
"""

import math
from collections.abc import Sequence
from functools import cached_property

import torch
from torch import Tensor
from torch.nn import functional as F

from vaekit.distributions.base import Density
from vaekit.distributions.directions.angles import angles
from vaekit.distributions.directions.bessel import growth


def log_area(size: int) -> float:
    """Return ln |S| of the sphere of unit vectors of `size` entries."""
    return math.log(2) + 0.5 * size * math.log(math.pi) - math.lgamma(0.5 * size)


def _wide(values: Tensor) -> Tensor:
    """Return float64, where the device knows it."""
    return values if values.device.type == "mps" else values.double()


class UniformSphere(Density):
    """Describe the uniform law of directions, unit vectors of as many entries as `zeros` (H,)."""

    sphere = True

    def __init__(self, zeros: Tensor):
        self.parameters = (zeros,)
        super().__init__((), zeros.shape)

    @property
    def mean(self) -> Tensor:
        """Return zeros, (H,)."""
        return self.parameters[0]

    @property
    def variance(self) -> Tensor:
        """Return 1/H for each entry, (H,)."""
        return torch.full_like(self.mean, 1 / len(self.mean))

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw directions, (*sample_shape, H)."""
        return F.normalize(torch.randn_like(self.mean.expand(*sample_shape, -1)), dim=-1)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return −ln |S| for every code, which is to be of length 1."""
        return value.new_full(value.shape[:-1], -log_area(value.shape[-1]))


class VonMisesFisherLaw(Density):
    """Describe directions about `direction` (..., H), of length 1, of concentration κ (...) > 0."""

    sphere = True

    def __init__(self, direction: Tensor, concentration: Tensor):
        self.direction, self.concentration = direction, concentration
        self.parameters = (direction, concentration)
        super().__init__(concentration.shape, direction.shape[-1:])

    @cached_property
    def _grown(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return κ, f(κ) and A(κ), of as many digits as there are."""
        kappa = _wide(self.concentration).clamp_min(1e-30)
        return kappa, *growth(0.5 * self.event_shape[-1] - 1, kappa)

    @property
    def mean(self) -> Tensor:
        """Return A(κ) μ, (..., H), which lies within the sphere."""
        _, _, ratio = self._grown
        return ratio.to(self.direction.dtype)[..., None] * self.direction

    @property
    def variance(self) -> Tensor:
        """Return the variance of each entry, (..., H)."""
        kappa, _, ratio = self._grown
        across = ratio / kappa
        along = (1 - self.event_shape[-1] * across - ratio.square())[..., None]
        found = across[..., None] + along * self.direction.square()
        return found.clamp_min(0).to(self.direction.dtype)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log-density of codes of length 1, by the surface of the sphere, in nats."""
        kappa, f, _ = self._grown
        # κ μᵀz = κ − κ ‖z − μ‖²/2: of a narrow law μᵀz has lost all digits but 1.
        short = 0.5 * (value - self.direction).square().sum(-1)
        top = (kappa - f).to(value.dtype) - log_area(value.shape[-1])
        return top - self.concentration * short

    def information(self) -> Tensor:
        """Return KL from the uniform law in nats, (...)."""
        kappa, f, ratio = self._grown
        return (kappa * ratio - f).to(self.concentration.dtype)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw directions, (*sample_shape, ..., H), with the gradient of μ and κ."""
        kappa = self._grown[0]
        still, slope = angles(kappa.detach(), self.event_shape[-1], sample_shape)
        angle = (still + slope * (kappa - kappa.detach())).to(self.direction.dtype)[..., None]
        noise = torch.randn_like(self.direction.expand(*sample_shape, *self.direction.shape))
        along = (noise * self.direction).sum(-1, keepdim=True)
        across = F.normalize(noise - along * self.direction, dim=-1)
        return F.normalize(angle.cos() * self.direction + angle.sin() * across, dim=-1)
