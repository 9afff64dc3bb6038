"""What a likelihood is."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.distributions import Distribution


class Likelihood(nn.Module, ABC):
    """Turn codes into a distribution p(x|z): the decoder network with a noise model on top.

    To write one: take the decoder network in `__init__`, decode with `self.decode(z, c)`, return
    from `forward` a distribution whose event is one example, so that `log_prob` sums over entries.
    Set `support` where the data must lie in a range; it is checked once, before training.
    """

    support: tuple[float, float] | None = None
    network: nn.Module

    @abstractmethod
    def forward(self, z: Tensor, c: Tensor | None = None) -> Distribution:
        """Return p(x|z, c) of batch shape (samples, batch) for z (…, H), c (batch, width)."""

    def decode(self, z: Tensor, c: Tensor | None) -> Tensor:
        """Return the network's output in float32, (samples, batch, *shape), for z (…, batch, H).

        A condition c (batch, width) stands behind z in the network's input.
        """
        if c is not None:
            z = torch.cat([z, c.to(z.dtype).expand(*z.shape[:-1], c.shape[-1])], -1)
        out = self.network(z.flatten(0, -2)).float()
        return out.view(*z.shape[:-1], *out.shape[1:])
