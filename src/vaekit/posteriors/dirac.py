"""The deterministic posterior of the plain autoencoder: all mass on the code f(x)."""

from torch import Tensor, nn

from vaekit.arguments import check_latent
from vaekit.distributions import PointMass
from vaekit.posteriors.base import Posterior


class Dirac(Posterior):
    """Read the network's features (batch, latent) as the code.

    Raises `VaekitError` for latent < 1.
    """

    def __init__(self, network: nn.Module, latent: int):
        super().__init__()
        self.network, self.latent = network, check_latent(latent)

    def forward(self, x: Tensor, c: Tensor | None = None) -> PointMass:
        """Return the point mass at f(x, c) for x (batch, *shape)."""
        return PointMass(self.features(x, c))
