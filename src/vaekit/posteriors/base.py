"""What a posterior is."""

from abc import ABC, abstractmethod

from torch import Tensor, nn
from torch.distributions import Distribution

from vaekit.errors import VaekitError


class Posterior(nn.Module, ABC):
    """Turn the features of its network into a distribution q(z|x).

    To write one: take the encoder network in `__init__`, set `latent` (H, the size of z), read
    the network with `self.features(x, c)`, and return from `forward` a distribution with `rsample`,
    `mean` and event shape (H,).
    """

    latent: int
    network: nn.Module

    @abstractmethod
    def forward(self, x: Tensor, c: Tensor | None = None) -> Distribution:
        """Return q(z|x, c) with batch shape (batch,) for x (batch, *shape), c (batch, width)."""

    def features(self, x: Tensor, c: Tensor | None) -> Tensor:
        """Return the network's output in float32: under bf16 it has three digits only."""
        return (self.network(x) if c is None else self.network(x, c)).float()


def check_latent(latent: int) -> int:
    """Return `latent` where it is a size a code can have; raise `VaekitError` otherwise."""
    if latent < 1:
        raise VaekitError(f"a code needs at least one latent, got latent={latent}")
    return latent
