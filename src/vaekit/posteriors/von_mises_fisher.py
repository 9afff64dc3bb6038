"""The von Mises–Fisher posterior: directions about a mean one (Davidson et al. 2018, eq. 9).

Its density is by the surface of the sphere of codes of length 1, and its coordinates are tied: see
`vaekit.distributions.directions.sphere`. Its rate under the prior `sphere` is in closed form.
"""

from torch import Tensor, nn
from torch.nn import functional as F

from vaekit.arguments import check_latent
from vaekit.distributions import VonMisesFisherLaw as Law
from vaekit.errors import VaekitError
from vaekit.posteriors.base import Posterior


class VonMisesFisher(Posterior):
    """Read `latent` features as a vector along μ, and one more as ln κ.

    It is read from ln (latent/10) on, where codes nearly fill the sphere and the rate is next to 0,
    as a `Gaussian` begins: a narrower start is paid for before the decoder makes use of it. Raises
    `VaekitError` for latent < 2.
    """

    extra = 1
    own_prior, sphere = "sphere", True

    def __init__(self, network: nn.Module, latent: int):
        super().__init__()
        if check_latent(latent) < 2:
            raise VaekitError(f"directions need 2 entries or more, got latent={latent}")
        self.network, self.latent = network, latent

    def forward(self, x: Tensor, c: Tensor | None = None) -> Law:
        """Return the law of directions for x (batch, *shape)."""
        features = self.features(x, c)
        vector, log_scale = features[:, :-1], features[:, -1]
        return Law(F.normalize(vector, dim=-1), 0.1 * self.latent * log_scale.exp())
