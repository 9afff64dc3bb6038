"""Gaussian noise on the input, whole or cut off."""

import math

import torch
from torch import Tensor

from vaekit.corruptions.base import Corruption
from vaekit.errors import VaekitError


class GaussianNoise(Corruption):
    """Add N(0, σ²) to each entry, unclipped. Raises `VaekitError` for σ that is not finite, ≥ 0."""

    def __init__(self, sigma: float = 0.4):
        super().__init__()
        if not (math.isfinite(sigma) and sigma >= 0):
            raise VaekitError(f"gaussian corruption needs a finite sigma ≥ 0, got {sigma}")
        self.level, self.variance = float(sigma), float(sigma) ** 2

    def forward(self, x: Tensor) -> Tensor:
        """Return x̃, (batch, *shape)."""
        return x + self.level * torch.randn_like(x)


class TruncatedGaussian(Corruption):
    """Add ε to each entry, ε ~ N(0, σ²) given |ε| ≤ bound · σ, unclipped ([vimae] appendix).

    The paper's "noise truncated at 0.01", whose σ it does not give, is read as σ = .01 with bound
    1; bound 2 is the usual truncated normal of TensorFlow. Exact, one number drawn for each entry,
    by the inverse of the distribution function with v ~ U(−1, 1):

        ε = σ √2 erf⁻¹(v · erf(bound/√2)),   Var ε = σ² (1 − 2 bound φ(bound)/erf(bound/√2))

    Raises `VaekitError` for σ that is not finite, ≥ 0, and a bound that is not finite, > 0.
    """

    def __init__(self, sigma: float = 0.01, bound: float = 1.0):
        super().__init__()
        if not (math.isfinite(sigma) and sigma >= 0):
            raise VaekitError(f"truncated_gaussian needs a finite sigma ≥ 0, got {sigma}")
        if not 0 < bound < math.inf:
            raise VaekitError(
                f"truncated_gaussian needs a finite bound > 0 in units of sigma, got {bound}: "
                "for noise without a bound use gaussian(sigma=…)"
            )
        self.level, self.bound = float(sigma), float(bound)
        mass, height = math.erf(bound / math.sqrt(2)), math.exp(-0.5 * bound**2)
        share = 1 - math.sqrt(2 / math.pi) * bound * height / mass if bound > 0.01 else bound**2 / 3
        self.variance = sigma**2 * share

    def forward(self, x: Tensor) -> Tensor:
        """Return x̃, (batch, *shape)."""
        share = math.erf(self.bound / math.sqrt(2))
        v = (2 * torch.rand_like(x) - 1) * share
        # Rounded to float32 a share near 1 is 1, whose inverse is infinite.
        noise = (math.sqrt(2) * torch.erfinv(v)).clamp(-self.bound, self.bound)
        return x + self.level * noise

    def at(self, level: float) -> Corruption:
        """Return such noise of another σ, cut at as many σ."""
        return TruncatedGaussian(level, self.bound)
