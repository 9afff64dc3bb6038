"""The deterministic posterior of the plain autoencoder: all mass on the code f(x)."""

from torch import Tensor, nn

from vaekit.arguments import check_latent
from vaekit.distributions import PointMass
from vaekit.networks.base import activation as activation_of
from vaekit.posteriors.base import Posterior


class Dirac(Posterior):
    """Read the network's features (batch, latent), through an `activation`, as the code.

    Raises `VaekitError` for latent < 1, and an unknown activation.
    """

    def __init__(self, network: nn.Module, latent: int, activation: str = "linear"):
        super().__init__()
        self.latent = check_latent(latent)
        plain, last = activation == "linear", activation_of(activation)
        self.network = network if plain else _Through(network, last)

    def forward(self, x: Tensor, c: Tensor | None = None) -> PointMass:
        """Return the point mass at f(x, c) for x (batch, *shape)."""
        return PointMass(self.features(x, c))


class _Through(nn.Sequential):
    """Pass x, and a condition, through a network and what comes after it."""

    def forward(self, *inputs: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Return the output, (batch, features)."""
        network, last = self
        return last(network(*inputs))
