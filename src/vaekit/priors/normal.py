"""The standard normal prior."""

import torch
from torch import Tensor

from vaekit.arguments import check_latent
from vaekit.distributions import StandardNormal
from vaekit.priors.base import Prior


class Normal(Prior):
    """Give N(0, I) in `latent` coordinates. Raises `VaekitError` for latent < 1."""

    zeros: Tensor

    def __init__(self, latent: int):
        super().__init__()
        self.latent = check_latent(latent)
        self.register_buffer("zeros", torch.zeros(latent), persistent=False)

    def forward(self, c: Tensor | None = None) -> StandardNormal:
        """Return N(0, I), for any c."""
        return StandardNormal(self.zeros)
