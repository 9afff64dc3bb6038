"""Noise that the decoder predicts, p(x|z) = N(x; G(z), diag σ²(z)) ([noise] §3.3.3).

Nothing holds σ²(z) from below: where an entry is always the same, as the border of a digit, its
likelihood grows without bound as σ → 0, and then a small error costs more than a float can hold.
Hence the floor.
"""

import math

from torch import Tensor, nn

from vaekit.distributions import GaussianEntries
from vaekit.likelihoods.base import FLOOR, Likelihood, check_noise

CEILING = 100.0  # of σ² in units of the first one: beyond it a head has lost its way


class NetworkGaussian(Likelihood):
    """Read the first half of the network's output (batch, 2 C, …) as G(z), the second as ln σ²(z).

    The second half is ln of what σ² has above `floor`, in units of `sigma`². A floor of 0 leaves
    σ² free, which is known to be unstable. Raises `VaekitError` for numbers that are no noise.
    """

    heads, learns = 2, True

    def __init__(self, network: nn.Module, sigma: float = 0.1, floor: float = FLOOR):
        super().__init__()
        check_noise("a network's Gaussian", sigma, 0.0, floor)
        self.network, self.sigma, self.floor = network, sigma, floor
        self.advice = (
            f"the variance head σ²(z) has a floor of {floor:g}; set a larger one, floor=1e-3 or so"
        )

    def forward(self, z: Tensor, c: Tensor | None = None) -> GaussianEntries:
        """Return N(G(z), diag σ²(z))."""
        mean, raw = self.decode(z, c).chunk(2, z.dim() - 1)
        raw = raw.clamp_max(math.log(CEILING)) + 2 * math.log(self.sigma)
        log_std = 0.5 * ((raw.exp() + self.floor).log() if self.floor else raw)
        return GaussianEntries(mean, log_std, mean.dim() - z.dim() + 1)
