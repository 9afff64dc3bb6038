"""An inverse autoregressive flow as posterior (Kingma et al. 2016, eq. 9 and 11).

    z = f(μ(x) + s(x) ε; h(x)),    ln q(z|x) = Σ ln N(ε; 0, 1) − Σ ln s(x) − ln |det f′|

Coordinates depend on each other and no marginal is Gaussian. Each step f takes one pass, and so
does ln q of the z that was drawn; of any other z it takes one for each latent. The KL is Monte
Carlo. Not to be had: what asks for coordinates one by one (total correlation, VampPrior), or for
ln q of other examples' codes (I(x; z), the path derivative).
"""

from collections.abc import Sequence

from torch import Tensor, nn

from vaekit.arguments import check_latent
from vaekit.distributions import DiagonalGaussian
from vaekit.distributions.flowed import Flowed, Steps
from vaekit.posteriors.base import Posterior


class Flow(Posterior):
    """Read three features for each latent: μ, ln s² and h, which every step is told.

    The network returns (batch, 3 · latent). `kind` is maf, affine steps, or nsf, splines;
    `transforms` their number and `hidden` the widths of the network of each. They begin near the
    Gaussian posterior. Raises `VaekitError` for latent < 1, other kinds, numbers < 1, and without
    the package: pip install "vaekit[flows]".
    """

    heads = 3

    def __init__(
        self,
        network: nn.Module,
        latent: int,
        kind: str = "maf",
        transforms: int = 3,
        hidden: Sequence[int] = (64, 64),
    ):
        super().__init__()
        self.network, self.latent = network, check_latent(latent)
        self.steps = Steps(latent, latent, kind, transforms, hidden)

    def forward(self, x: Tensor, c: Tensor | None = None) -> Flowed:
        """Return q(z|x, c) for x (batch, *shape)."""
        mean, log_variance, told = self.features(x, c).chunk(3, -1)
        base, (outward, inward) = DiagonalGaussian(mean, 0.5 * log_variance), self.steps(told)
        return Flowed(base, outward, inward, self.steps.even)
