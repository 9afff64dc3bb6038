"""The uniform categorical prior: each of K one-hots with probability 1/K ([vmi] §4.3.2)."""

import torch
from torch import Tensor

from vaekit.arguments import check_latent
from vaekit.distributions.one_hots import OneHots
from vaekit.errors import VaekitError
from vaekit.priors.base import Prior


class Categorical(Prior):
    """Give every one-hot of `latent` = K entries the same mass, ln of it −ln K.

    KL of a posterior over one-hots is then ln K − H(π(x)), at most ln K. Raises `VaekitError` for
    K < 2.
    """

    logits: Tensor

    def __init__(self, latent: int):
        super().__init__()
        if check_latent(latent) < 2:
            raise VaekitError(f"a categorical prior needs 2 categories or more, got {latent}")
        self.latent = latent
        self.register_buffer("logits", torch.zeros(latent), persistent=False)

    def forward(self, c: Tensor | None = None) -> OneHots:
        """Return the uniform law, for any c."""
        return OneHots(self.logits)
