"""A learned mixture of Gaussians, p(z) = Σ_k π_k N(z; m_k, diag t_k²): a code of clusters."""

import math

import torch
from torch import Tensor, nn

from vaekit.arguments import check_latent
from vaekit.distributions import DiagonalGaussian, Mixture
from vaekit.errors import VaekitError
from vaekit.priors.base import Prior

_STD = 0.5  # of the first components


class MixtureOfGaussians(Prior):
    """Learn the means, standard deviations and shares of `components` diagonal Gaussians.

    They begin with equal shares, t = ½ and means drawn from N(0, ¾ I): a prior of unit variance,
    ¼ + ¾, with clusters that lie apart. Raises `VaekitError` for latent or components < 1.
    """

    def __init__(self, latent: int, components: int = 10):
        super().__init__()
        self.latent = check_latent(latent)
        if isinstance(components, bool) or not isinstance(components, int) or components < 1:
            raise VaekitError(
                f"a mixture prior needs 1 component or more, got components={components!r}"
            )
        self.means = nn.Parameter(torch.randn(components, latent) * math.sqrt(1 - _STD**2))
        self.log_std = nn.Parameter(torch.full((components, latent), math.log(_STD)))
        self.logits = nn.Parameter(torch.zeros(components))

    def forward(self, c: Tensor | None = None) -> Mixture:
        """Return the mixture, for any c."""
        return Mixture(DiagonalGaussian(self.means, self.log_std), self.logits.log_softmax(0))
