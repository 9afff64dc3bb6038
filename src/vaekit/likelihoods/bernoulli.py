"""The Bernoulli likelihood on logits, the usual choice for binary and grey pixels."""

from torch import Tensor, nn

from vaekit.distributions import BernoulliEntries
from vaekit.likelihoods.base import Likelihood


class Bernoulli(Likelihood):
    """Read the network's output (batch, *shape) as logits of entries. Data must be in [0, 1]."""

    support, measure = (0.0, 1.0), "probability of black or white"

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, z: Tensor, c: Tensor | None = None) -> BernoulliEntries:
        """Return Π_d Bernoulli(x_d; sigmoid G_d(z))."""
        logits = self.decode(z, c)
        return BernoulliEntries(logits, logits.dim() - z.dim() + 1)
