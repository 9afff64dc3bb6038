"""The standard normal prior."""

from torch import Tensor

from vaekit.distributions import StandardNormal
from vaekit.priors.base import Prior, check_latent


class Normal(Prior):
    """Give N(0, I) in `latent` coordinates. Raises `VaekitError` for latent < 1."""

    def __init__(self, latent: int):
        super().__init__()
        self.latent = check_latent(latent)

    def forward(self, like: Tensor, c: Tensor | None = None) -> StandardNormal:
        """Return N(0, I) on the device and in the type of `like`, for any c."""
        return StandardNormal(self.latent, like)
