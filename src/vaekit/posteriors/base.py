"""What a posterior is."""

from abc import ABC, abstractmethod

from torch import Tensor, nn
from torch.distributions import Distribution

from vaekit.errors import VaekitError


class Posterior(nn.Module, ABC):
    """Turn the features of its network into a distribution q(z|x).

    To write one: take the encoder network in `__init__`, set `latent` (H, the size of z), and
    return from `forward` a distribution with `rsample`, `mean` and event shape (H,). Cast features
    to float32 first: under bf16 the network's output has three digits only.
    """

    latent: int

    @abstractmethod
    def forward(self, x: Tensor) -> Distribution:
        """Return q(z|x) with batch shape (batch,) for x (batch, *shape)."""


def check_latent(latent: int) -> int:
    """Return `latent` where it is a size a code can have; raise `VaekitError` otherwise."""
    if latent < 1:
        raise VaekitError(f"a code needs at least one latent, got latent={latent}")
    return latent
