"""What a prior is."""

from abc import ABC, abstractmethod

from torch import Tensor, nn
from torch.distributions import Distribution


class Prior(nn.Module, ABC):
    """Give the distribution p(z) that codes are held against and drawn from.

    To write one: set `latent` (H), and return from `forward` a distribution with event shape (H,),
    `rsample` and `log_prob`, on the device and in the type of `like`. Register its KL from the
    posteriors in `vaekit.divergences` where a closed form exists; without one KL is Monte Carlo.
    """

    latent: int

    @abstractmethod
    def forward(self, like: Tensor, c: Tensor | None = None) -> Distribution:
        """Return p(z|c) for c (batch, width); `like` gives device and type only."""
