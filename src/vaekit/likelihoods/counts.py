"""Counts 0, 1, 2, …: Poisson, and negative binomial with and without zeros in excess.

    Poisson              μ^x e^(−μ) / x!                                   variance μ
    negative binomial    Γ(x + θ)/(Γ(θ) x!) (θ/(θ + μ))^θ (μ/(θ + μ))^x    variance μ + μ²/θ
    with zeros           π [x = 0] + (1 − π) NB(x; μ, θ)

θ is the inverse dispersion: θ → ∞ is the Poisson law. These are the laws of counts in single cells
(Lopez et al. 2018, eq. 1 to 6). The network gives ln μ, ln θ and the logit of π of every entry; the
encoder is shown ln(1 + x), as there. A network begins near 0, which is a mean of 1: counts of a
thousand would take it thousands of steps, so that it begins at the level of the data.
"""

import torch
from torch import Tensor, nn
from torch import distributions as td

from vaekit.distributions.counts import (
    MOST_COUNT,
    Overdispersed,
    Rare,
    ZeroInflated,
    bounded_log,
    level_of,
)
from vaekit.likelihoods.base import Entrywise


class Counts(Entrywise):
    """Give entries a law of counts. Data must be whole numbers from 0 to 4·10⁸.

    The first head of an entry is ln μ less a `level`, the same for all entries, which is that of
    the first batch of a training.
    """

    support, whole, measure = (0.0, MOST_COUNT), True, "probability of counts"

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network
        self.register_buffer("level", torch.zeros(()))
        self.level: Tensor

    def begin(self, x: Tensor) -> None:
        """Set the level to the mean of ln of the means of all entries of x (batch, *shape)."""
        if not self.level.any():
            self.level.copy_(level_of(x).mean())

    def shown(self, x: Tensor) -> Tensor:
        """Return ln(1 + x) (batch, *shape), so that large counts do not drive the first layer."""
        return x.clamp_min(0).log1p()  # noise on x may go below 0


class Poisson(Counts):
    """Read the network's output (batch, *shape) as ln μ of Poisson entries, whole numbers ≥ 0."""

    def law(self, *heads: Tensor) -> td.Distribution:
        """Return Poisson(μ)."""
        return Rare(bounded_log(heads[0] + self.level))


class NegativeBinomial(Counts):
    """Read the network's two outputs for each entry as ln μ and ln θ, x whole numbers ≥ 0.

    The variance is μ + μ²/θ.
    """

    heads = 2

    def law(self, *heads: Tensor) -> td.Distribution:
        """Return NB(μ, θ)."""
        return Overdispersed(bounded_log(heads[0] + self.level), bounded_log(heads[1]))


class ZeroInflatedNegativeBinomial(NegativeBinomial):
    """Read three outputs for each entry as ln μ, ln θ and the logit of π, x whole numbers ≥ 0.

    π is the probability of a zero that the negative binomial law does not account for.
    """

    heads = 3

    def law(self, *heads: Tensor) -> td.Distribution:
        """Return π [x = 0] + (1 − π) NB(μ, θ)."""
        return ZeroInflated(super().law(*heads[:2]), heads[2])
