"""The uniform prior of directions (Davidson et al. 2018): all codes of length 1 alike."""

import torch
from torch import Tensor

from vaekit.arguments import check_latent
from vaekit.distributions import UniformSphere
from vaekit.errors import VaekitError
from vaekit.priors.base import Prior


class Sphere(Prior):
    """Give directions of `latent` entries the density 1/|S|, by the surface of their sphere.

    It goes with posteriors of directions. Raises `VaekitError` for latent < 2.
    """

    zeros: Tensor

    def __init__(self, latent: int):
        super().__init__()
        if check_latent(latent) < 2:
            raise VaekitError(f"directions need 2 entries or more, got latent={latent}")
        self.latent = latent
        self.register_buffer("zeros", torch.zeros(latent), persistent=False)

    def forward(self, c: Tensor | None = None) -> UniformSphere:
        """Return the uniform law, for any c."""
        return UniformSphere(self.zeros)
