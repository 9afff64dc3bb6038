"""The Gaussian likelihood of fixed noise, p(x|z) = N(x; G(z), σ² I).

Squared error is this likelihood at σ² = ½: −log p(x|z) = ‖x − G(z)‖² + (D/2) ln π. In a β-VAE only
the normalised variance β·σ² matters to the optimum ([noise] footnote 4).
"""

import math

import torch
from torch import Tensor, nn

from vaekit.distributions import GaussianEntries
from vaekit.errors import VaekitError
from vaekit.likelihoods.base import Likelihood


class Gaussian(Likelihood):
    """Read the network's output (batch, *shape) as G(z), with standard deviation `sigma` > 0."""

    log_std: Tensor

    def __init__(self, network: nn.Module, sigma: float = 0.1):
        super().__init__()
        if not (sigma > 0 and math.isfinite(sigma)):
            raise VaekitError(f"a Gaussian likelihood needs a finite sigma > 0, got sigma={sigma}")
        self.network = network
        self.register_buffer("log_std", torch.tensor(math.log(sigma)))

    def forward(self, z: Tensor, c: Tensor | None = None) -> GaussianEntries:
        """Return N(G(z), σ² I)."""
        mean = self.decode(z, c)
        return GaussianEntries(mean, self.log_std, mean.dim() - z.dim() + 1)


def squared_error(network: nn.Module) -> Gaussian:
    """Build the Gaussian likelihood whose −log p is ‖x − G(z)‖² + (D/2) ln π, that is σ² = ½."""
    return Gaussian(network, sigma=math.sqrt(0.5))
