"""Laws of counts whose variance is more than their mean, and with zeros in excess."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch import distributions as td
from torch.nn import functional as F

from vaekit.distributions.base import Lean

_MOST_LOG = 20.0  # |ln μ| and |ln θ|: a network that starts badly must not overflow
_STIRLING = 30.0  # θ from which a series serves


def bounded_log(head: Tensor) -> Tensor:
    """Return ln μ or ln θ of a head, such that its exponential is held by float32."""
    return head.clamp(-_MOST_LOG, _MOST_LOG)


class Overdispersed(Lean):
    """Describe counts of the negative binomial law, by ln μ and ln θ of every entry."""

    def __init__(self, log_mean: Tensor, log_theta: Tensor):
        self.log_mean, self.log_theta = log_mean, log_theta
        super().__init__(log_mean.shape, ())

    @property
    def mean(self) -> Tensor:
        """Return μ."""
        return self.log_mean.exp()

    @property
    def variance(self) -> Tensor:
        """Return μ + μ²/θ."""
        return self.mean + (2 * self.log_mean - self.log_theta).exp()

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw counts: Poisson ones, of a rate with a gamma law, (*sample_shape, ...)."""
        with torch.no_grad():
            theta = self.log_theta.exp()
            rate = td.Gamma(theta, theta / self.mean, validate_args=False)
            return torch.poisson(rate.sample(torch.Size(sample_shape)))

    def log_prob(self, value: Tensor) -> Tensor:
        """Return ln p of every entry."""
        theta, share = self.log_theta.exp(), F.softplus(self.log_mean - self.log_theta)
        grown = _log_gamma_ratio(value, theta) - value * self.log_theta
        powers = value * self.log_mean - (theta + value) * share
        return grown + powers - torch.lgamma(value + 1)


def _log_gamma_ratio(x: Tensor, theta: Tensor) -> Tensor:
    """Return ln Γ(x + θ)/Γ(θ): a difference of large numbers, by Stirling's series where they are.

    For θ > 30 it is off by 1e-7 of itself, where lgamma in float32 would lose all digits.
    """
    large = theta.clamp_min(_STIRLING)
    grown = (x + large - 0.5) * (x / large).log1p() + x * large.log() - x
    inverse, other = 1 / large, 1 / (x + large)
    series = grown + (other - inverse) / 12 - (other**3 - inverse**3) / 360
    small = theta.clamp_max(_STIRLING)
    return torch.where(theta > _STIRLING, series, torch.lgamma(x + small) - torch.lgamma(small))


class ZeroInflated(Lean):
    """Describe entries that are 0 with a probability of sigmoid(gate), else of another law."""

    def __init__(self, law: td.Distribution, gate: Tensor):
        self.law, self.gate = law, gate
        super().__init__(law.batch_shape, torch.Size())

    @property
    def mean(self) -> Tensor:
        """Return (1 − π) μ."""
        return torch.sigmoid(-self.gate) * self.law.mean

    @property
    def variance(self) -> Tensor:
        """Return (1 − π) (σ² + π μ²) of the law's μ and σ²."""
        drop = torch.sigmoid(self.gate)
        return (1 - drop) * (self.law.variance + drop * self.law.mean.square())

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw counts, (*sample_shape, ...)."""
        with torch.no_grad():
            drawn = self.law.sample(torch.Size(sample_shape))
            return drawn * torch.bernoulli(torch.sigmoid(-self.gate).expand(drawn.shape))

    def log_prob(self, value: Tensor) -> Tensor:
        """Return ln(π [x = 0] + (1 − π) p(x))."""
        rest = F.logsigmoid(-self.gate) + self.law.log_prob(value)
        zero = torch.logaddexp(F.logsigmoid(self.gate).expand_as(rest), rest)
        return torch.where(value == 0, zero, rest)
