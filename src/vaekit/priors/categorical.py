"""The uniform categorical prior: each of K one-hots with probability 1/K ([vmi] §4.3.2)."""

from torch import Tensor

from vaekit.distributions.one_hots import OneHots
from vaekit.errors import VaekitError
from vaekit.priors.base import Prior, check_latent


class Categorical(Prior):
    """Give every one-hot of `latent` = K entries the same mass, ln of it −ln K.

    KL of a posterior over one-hots is then ln K − H(π(x)), at most ln K. Raises `VaekitError` for
    K < 2.
    """

    def __init__(self, latent: int):
        super().__init__()
        if check_latent(latent) < 2:
            raise VaekitError(f"a categorical prior needs 2 categories or more, got {latent}")
        self.latent = latent

    def forward(self, like: Tensor, c: Tensor | None = None) -> OneHots:
        """Return the uniform law on the device and in the type of `like`, for any c."""
        return OneHots(like.new_zeros(self.latent))
