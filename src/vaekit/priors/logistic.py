"""The logistic prior: independent coordinates, a little heavier in the tails than the normal."""

import math

import torch
from torch import Tensor

from vaekit.arguments import check_latent
from vaekit.distributions.coordinates import UNIT_SCALE, Logistics
from vaekit.errors import VaekitError
from vaekit.priors.base import Prior


class Logistic(Prior):
    """Give independent logistics of `scale` s, by default of unit variance, s = √3/π.

    Raises `VaekitError` for latent < 1 and a scale that is none.
    """

    scale: Tensor

    def __init__(self, latent: int, scale: float = UNIT_SCALE):
        super().__init__()
        if not 0 < scale < math.inf:
            raise VaekitError(f"a logistic prior needs a finite scale > 0, got scale={scale}")
        self.latent = check_latent(latent)
        self.register_buffer("scale", torch.full((latent,), float(scale)), persistent=False)

    def forward(self, c: Tensor | None = None) -> Logistics:
        """Return the prior, for any c."""
        return Logistics(self.scale)
