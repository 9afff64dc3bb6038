"""The continuous Bernoulli law of grey values (Loaiza-Ganem & Cunningham 2019).

The Bernoulli likelihood of grey pixels is no density: over [0, 1], λ^x (1 − λ)^(1 − x) does not
integrate to 1. This law is the one that does, p(x) = C(λ) λ^x (1 − λ)^(1 − x) with

    C(λ) = 2 artanh(1 − 2λ) / (1 − 2λ),   2 at λ = ½              (their eq. 6)

and its mean is not λ but λ/(2λ − 1) + 1/(2 artanh(1 − 2λ)) (eq. 8).
"""

from torch import Tensor, nn
from torch import distributions as td

from vaekit.likelihoods.base import Entrywise


class ContinuousBernoulli(Entrywise):
    """Read the network's output (batch, *shape) as logits of λ. Data must be in [0, 1]."""

    support = (0.0, 1.0)

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def law(self, *heads: Tensor) -> td.Distribution:
        """Return ContinuousBernoulli(λ = sigmoid G)."""
        return td.ContinuousBernoulli(logits=heads[0], validate_args=False)
