"""Laws of counts: Poisson, those whose variance is more than their mean, and with zeros in excess.

Written as usual, ln p of a count x is a difference of numbers like x ln x, of which float32 keeps
seven digits: at 10⁶ it is off by several nats. Here it is a sum of small numbers (Loader 2000),

    Poisson(x; μ) = exp(−δ(x) − x φ(ln(μ/x))) / √(2πx),    φ(u) = e^u − 1 − u,
    δ(x) = ln Γ(x + 1) − (x + ½) ln x + x − ½ ln 2π        what Stirling's formula lacks,

and for the negative binomial law, by n = x + θ, p = θ/(θ + μ), q = 1 − p,

    NB(x; μ, θ) = √(θ/(2πxn)) exp(δ(n) − δ(x) − δ(θ) − θ φ(ln(np/θ)) − x φ(ln(nq/x))).
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch import distributions as td
from torch.nn import functional as F

from vaekit.distributions.base import Lean

_MOST_LOG = 20.0  # |ln μ| and |ln θ|: a network that starts badly must not overflow
MOST_COUNT = 4e8  # below e^20
_LEAST_MEAN = 0.01  # of a column of counts, where a network begins
_STIRLING_FROM = 16.0  # from which three terms of Stirling's series are exact
_HALF_LOG_2_PI = 0.5 * math.log(2 * math.pi)


def bounded_log(head: Tensor) -> Tensor:
    """Return ln μ or ln θ of a head, such that its exponential is held by float32."""
    return head.clamp(-_MOST_LOG, _MOST_LOG)


def level_of(x: Tensor) -> Tensor:
    """Return ln of the mean of every entry (...) over counts x (n, ...), NaN where missing."""
    return x.nanmean(0).nan_to_num(1.0).clamp(_LEAST_MEAN, MOST_COUNT).log()


class Rare(Lean):
    """Describe counts of the Poisson law, by ln μ of every entry."""

    def __init__(self, log_mean: Tensor):
        self.log_mean = log_mean
        super().__init__(log_mean.shape, ())

    @property
    def mean(self) -> Tensor:
        """Return μ."""
        return self.log_mean.exp()

    @property
    def variance(self) -> Tensor:
        """Return μ."""
        return self.mean

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw counts, (*sample_shape, ...)."""
        with torch.no_grad():
            return torch.poisson(self.mean.expand(torch.Size(sample_shape) + self.batch_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        """Return ln p of every entry."""
        x = value.clamp_min(1)
        some = -_lacking(x) - _missed(x, self.log_mean - x.log()) - 0.5 * x.log() - _HALF_LOG_2_PI
        return torch.where(value > 0, some, -self.mean)


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
        x, theta = value.clamp_min(1), self.log_theta.exp()
        share = F.softplus(self.log_mean - self.log_theta)  # ln 1/p
        up = (x / theta).log1p() - share
        gone = _missed(theta, up) + _missed(x, up + self.log_mean - x.log())
        lacking = _lacking(x + theta) - _lacking(x) - _lacking(theta)
        some = lacking - gone - 0.5 * (x.log() + (x / theta).log1p()) - _HALF_LOG_2_PI
        return torch.where(value > 0, some, -theta * share)


def _missed(x: Tensor, u: Tensor) -> Tensor:
    """Return x (e^u − 1 − u)."""
    return x * (u.expm1() - u)


def _lacking(x: Tensor) -> Tensor:
    """Return δ(x) for x > 0, by its definition, and for large x by Stirling's series."""
    small, inverse = x.clamp_max(_STIRLING_FROM), 1 / x.clamp_min(_STIRLING_FROM)
    defined = torch.lgamma(small + 1) - (small + 0.5) * small.log() + small - _HALF_LOG_2_PI
    square = inverse.square()
    series = inverse * (1 / 12 - square * (1 / 360 - square / 1260))
    return torch.where(x > _STIRLING_FROM, series, defined)


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
