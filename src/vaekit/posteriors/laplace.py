"""The Laplace posterior, q(z|x) = Π_h 1/(2 b_h(x)) exp(−|z_h − m_h(x)|/b_h(x)): heavier tails."""

from torch import Tensor, nn
from torch.distributions import Laplace as LaplaceLaw

from vaekit.arguments import check_latent
from vaekit.distributions.base import Univariates
from vaekit.posteriors.base import Posterior


class Laplace(Posterior):
    """Read the first half of the network's features as m, the second as ln 2b², the log-variance.

    The network returns (batch, 2 · latent). KL to the standard normal has a closed form,

        KL = (m² + 2b²)/2 − ln 2b − 1 + ½ ln 2π        by coordinate,

    to other priors it is Monte Carlo. Raises `VaekitError` for latent < 1.
    """

    heads = 2

    def __init__(self, network: nn.Module, latent: int):
        super().__init__()
        self.network, self.latent = network, check_latent(latent)

    def forward(self, x: Tensor, c: Tensor | None = None) -> Univariates:
        """Return the independent Laplace laws for x (batch, *shape)."""
        mean, log_variance = self.features(x, c).chunk(2, -1)
        scale = (0.5 * log_variance).exp() * 0.5**0.5
        return Univariates(LaplaceLaw(mean, scale, validate_args=False))
