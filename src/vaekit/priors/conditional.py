"""The conditional prior of the CVAE, p(z|c) = N(m(c), diag t(c)²) (Sohn, Lee & Yan 2015, eq. 4)."""

import torch
from torch import Tensor, nn

from vaekit.arguments import check_latent
from vaekit.distributions import DiagonalGaussian
from vaekit.errors import VaekitError
from vaekit.networks import stack
from vaekit.priors.base import Prior


class Conditional(Prior):
    """Read m and ln t² from a network of the condition, which starts at the standard normal.

    The network maps (batch, width) to (batch, 2 · latent). Raises `VaekitError` for latent < 1.
    """

    def __init__(self, network: nn.Module, latent: int):
        super().__init__()
        self.network, self.latent = network, check_latent(latent)
        last = [m for m in network.modules() if isinstance(m, nn.Linear)][-1]
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)

    def forward(self, c: Tensor | None = None) -> DiagonalGaussian:
        """Return N(m(c), diag t(c)²) with batch shape (batch,); raise `VaekitError` without c."""
        if c is None:
            raise VaekitError("a conditional prior needs a condition (batch, width)")
        features = self.network(c)
        exact = torch.promote_types(features.dtype, torch.float32)
        mean, log_variance = features.to(exact).chunk(2, -1)
        return DiagonalGaussian(mean, 0.5 * log_variance)


def conditional(latent: int, width: int) -> Conditional:
    """Build the prior with a network of one hidden layer, told conditions (batch, width).

    Raises `VaekitError` for a width of 0, which is that of a model without a condition.
    """
    if not width:
        raise VaekitError(
            "a conditional prior needs a condition: use cvae, or compose with condition=labels"
        )
    return Conditional(nn.Sequential(*stack((width, 128, 2 * latent), "relu")), latent)
