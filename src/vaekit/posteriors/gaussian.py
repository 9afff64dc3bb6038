"""The diagonal Gaussian posterior, q(z|x) = N(μ(x), diag s(x)²) (Kingma & Welling 2014, eq. 9)."""

from torch import Tensor, nn

from vaekit.arguments import check_latent
from vaekit.distributions import DiagonalGaussian
from vaekit.posteriors.base import Posterior


class Gaussian(Posterior):
    """Read the first half of the network's features as μ, the second as ln s².

    The network returns (batch, 2 · latent). Raises `VaekitError` for latent < 1. Of ln s² and ln s
    the former learns faster: an equal step of the features changes s half as much.
    """

    heads = 2

    def __init__(self, network: nn.Module, latent: int):
        super().__init__()
        self.network, self.latent = network, check_latent(latent)

    def forward(self, x: Tensor, c: Tensor | None = None) -> DiagonalGaussian:
        """Return N(μ(x, c), diag s(x, c)²) for x (batch, *shape)."""
        mean, log_variance = self.features(x, c).chunk(2, -1)
        return DiagonalGaussian(mean, 0.5 * log_variance)
