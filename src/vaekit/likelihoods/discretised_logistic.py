"""The discretised logistic law: a probability for each grey level (Kingma et al. 2016, §A.1).

Levels x_k = k/(L − 1) of bytes have the mass that a logistic law has between the middles to their
neighbours, the lowest and the highest all that lies beyond:

    p(x_k) = F((x_k + δ − G)/s) − F((x_k − δ − G)/s),   δ = 1/2(L − 1),   F(t) = 1/(1 + e^(−t))

which sum to 1 over levels: −log₂ p is an honest number of bits for the byte, where a density of
dequantised values is not.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch import distributions as td
from torch.nn import functional as F

from vaekit.distributions.base import Lean
from vaekit.errors import VaekitError
from vaekit.likelihoods.base import ScaledNoise


class Levels(Lean):
    """Describe entries at `levels` evenly spaced values in [0, 1], of a discretised logistic."""

    def __init__(self, location: Tensor, scale: Tensor, levels: int):
        self.location, self.scale, self.levels = location, scale, levels
        super().__init__(location.shape, torch.Size())

    def _moments(self) -> tuple[Tensor, Tensor]:
        """Return E x and E x², by sums of 1 − F over the edges between levels."""
        step = 1 / (self.levels - 1)
        first, second = torch.zeros_like(self.location), torch.zeros_like(self.location)
        for k in range(1, self.levels):  # one edge at a time, for all would be 255 images at once
            above = torch.sigmoid((self.location - (k - 0.5) * step) / self.scale)
            first = first + step * above
            second = second + step**2 * (2 * k - 1) * above
        return first, second

    @property
    def mean(self) -> Tensor:
        """Return the mean over levels."""
        return self._moments()[0]

    @property
    def variance(self) -> Tensor:
        """Return the variance over levels."""
        first, second = self._moments()
        return (second - first.square()).clamp_min(0)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw levels in [0, 1], (*sample_shape, ...)."""
        with torch.no_grad():
            shape = (*sample_shape, *self.location.shape)
            u = torch.rand(shape, device=self.location.device, dtype=self.location.dtype)
            drawn = self.location + self.scale * torch.logit(u, eps=1e-7)
            return (drawn * (self.levels - 1)).round().clamp(0, self.levels - 1) / (self.levels - 1)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return ln p of the level next to every value."""
        top, off = self.levels - 1, (value - self.location) / self.scale
        half = 0.5 / top / self.scale
        upper, lower = off + half, off - half
        # F(b) − F(a) = F(b) F(−a) (1 − e^(a − b)), in logarithms, so that no tail is lost.
        inner = F.logsigmoid(upper) + F.logsigmoid(-lower) + torch.log(-torch.expm1(-2 * half))
        k = (value * top).round()
        low = torch.where(k <= 0, F.logsigmoid(upper), inner)
        return torch.where(k >= top, F.logsigmoid(-lower), low)


class DiscretisedLogistic(ScaledNoise):
    """Read the network's output as the location G(z) of grey values at `levels` in [0, 1].

    `scale` is s, in units of the whole range, to begin with where it is `learned`; a learned one
    stays above `floor`. Data must be in [0, 1]; each value counts as the level next to it. Raises
    `VaekitError` for scales that are none, and for fewer than two levels.
    """

    support = (0.0, 1.0)

    def __init__(
        self,
        network: nn.Module,
        levels: int = 256,
        scale: float = 0.1,
        learned: bool = True,
        floor: float = 1e-3,
    ):
        super().__init__(network, scale, learned, floor)
        if isinstance(levels, bool) or not isinstance(levels, int) or not 2 <= levels <= 65536:
            raise VaekitError(f"levels must be a whole number from 2 to 65536, got {levels!r}")
        self.levels, self.measure = levels, f"probability of {levels} levels"

    def law(self, *heads: Tensor) -> td.Distribution:
        """Return the law of levels."""
        (location,) = heads
        return Levels(location, self.scale.expand_as(location), self.levels)
