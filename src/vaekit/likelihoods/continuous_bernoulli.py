"""The continuous Bernoulli law of grey values (Loaiza-Ganem & Cunningham 2019).

The Bernoulli likelihood of grey pixels is no density: over [0, 1], λ^x (1 − λ)^(1 − x) does not
integrate to 1. With the logit s = ln λ/(1 − λ) and a = s/2 the law that does is

    p(x) = s e^(s x)/(e^s − 1),        ln p = s (x − ½) − ln(sinh a / a)          (their eq. 6)
    E x  = ½ + ½ (coth a − 1/a)        Var x = ¼ (1/a² − 1/sinh² a)               (eq. 8)

whose mean is not λ. They are computed from s, by series near 0 and without overflow far from it: in
λ a float32 has no room left beyond |s| = 16, where decoders of pictures with white ground go.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch import distributions as td

from vaekit.distributions.base import Lean
from vaekit.likelihoods.base import Entrywise

_SERIES = 0.5  # |a| up to which series are taken


class GreyValues(Lean):
    """Describe entries in [0, 1] of density ∝ e^(s x), by `logits` s."""

    has_rsample = True

    def __init__(self, logits: Tensor):
        self.logits = logits
        super().__init__(logits.shape, ())

    def _halves(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return a, |a| that is at least the end of the series, and where the series serve."""
        a = 0.5 * self.logits
        return a, a.abs().clamp_min(_SERIES), a.abs() < _SERIES

    @property
    def mean(self) -> Tensor:
        """Return ½ + ½ (coth a − 1/a)."""
        a, far, near = self._halves()
        b = a.clamp(-_SERIES, _SERIES)
        series = b / 3 - b**3 / 45 + 2 * b**5 / 945 - b**7 / 4725
        return 0.5 + 0.5 * torch.where(near, series, a.sign() * (1 / far.tanh() - 1 / far))

    @property
    def variance(self) -> Tensor:
        """Return ¼ (1/a² − 1/sinh² a)."""
        a, far, near = self._halves()
        b = a.clamp(-_SERIES, _SERIES).square()
        series = 1 / 3 - b / 15 + 2 * b**2 / 189 - b**3 / 675
        fallen = (-2 * far).exp()
        return 0.25 * torch.where(near, series, far**-2 - 4 * fallen / (1 - fallen).square())

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw values by the inverse of the distribution function, (*sample_shape, ...)."""
        s = self.logits
        u = torch.rand((*sample_shape, *s.shape), device=s.device, dtype=s.dtype)
        u = u.clamp(1e-7, 1 - 1e-7)
        slope = torch.where(s.abs() < 1e-3, torch.full_like(s, 1e-3), s)
        drawn = torch.logaddexp((-u).log1p(), u.log() + slope) / slope
        return torch.where(s.abs() < 1e-3, u + 0.5 * s * u * (1 - u), drawn)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return ln p of every entry."""
        a, far, near = self._halves()
        b = a.clamp(-_SERIES, _SERIES).square()
        series = b / 6 - b**2 / 180 + b**3 / 2835 - b**4 / 37800
        # ln(sinh a / a) = |a| + ln(1 − e^(−2|a|)) − ln 2|a|
        size = torch.where(near, series, far + (-(-2 * far).expm1()).log() - (2 * far).log())
        return self.logits * (value - 0.5) - size


class ContinuousBernoulli(Entrywise):
    """Read the network's output (batch, *shape) as logits of λ. Data must be in [0, 1]."""

    support = (0.0, 1.0)

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def law(self, *heads: Tensor) -> td.Distribution:
        """Return the continuous Bernoulli law of logits G."""
        return GreyValues(heads[0])
