"""Independent coordinates with tails unlike the normal's: what turns a VAE into an ICA.

A normal prior looks the same from all sides, so nothing tells one basis of the code from another.
Independent coordinates that are not normal do: they prefer their own axes (Comon 1994).

**Generalised normal** (Subbotin 1923), lighter than the normal in its tails for p > 2, heavier for
p < 2, of scale a:

    p(z) = p / (2 a Γ(1/p)) · exp(−|z/a|^p)        Var z = a² Γ(3/p) / Γ(1/p)

p = 2 with a² = 2 is the standard normal, p = 1 Laplace's, p → ∞ uniform on [−a, a].

**Logistic** of scale s, y = z/s:

    p(z) = e^{−y} / (s (1 + e^{−y})²)              Var z = s² π²/3

of unit variance for s = √3/π, with entropy ln s + 2 = 1.4046 nats, below the normal's 1.4189.

Powers are taken of ln|z|, which is kept above the logarithm of the smallest number: |z|^p and its
gradient p |z|^{p−1} then overflow nowhere, and at 0, where the gradient of |z|^p does not exist for
p ≤ 1, it is 0 by symmetry. A Gamma(α) variable is drawn as Gamma(α + 1)·U^{1/α}, for small α
shrinks under the smallest number; hence |z| = a·U·Gamma(1 + 1/p)^{1/p}, U uniform.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.distributions import Gamma
from torch.nn import functional as F

from vaekit.distributions.base import Factorised

LN_2 = math.log(2)
UNIT_SCALE = math.sqrt(3) / math.pi  # of the logistic of unit variance, s² π²/3 = 1


def log_size(value: Tensor) -> Tensor:
    """Return ln|z| of every entry, above ln of the smallest number; its gradient at 0 is 0."""
    return value.abs().clamp_min(torch.finfo(value.dtype).tiny).log()


def log_gamma_draw(alpha: Tensor, shape: Sequence[int] = ()) -> Tensor:
    """Draw ln g, g ~ Gamma(α, 1), (*shape, *α), with the gradient in α (implicit and explicit)."""
    above = Gamma(alpha + 1, torch.ones_like(alpha), validate_args=False).rsample(torch.Size(shape))
    return above.log() - torch.empty_like(above).exponential_() / alpha


def signs_like(value: Tensor) -> Tensor:
    """Draw −1 or 1 for every entry."""
    return torch.randint_like(value, 2) * 2 - 1


class GeneralizedNormals(Factorised):
    """Describe H independent generalised normals of exponents `p` and scales e^`log_scale`, (H,).

    Reparameterised samples carry the gradient in p and a.
    """

    def __init__(self, p: Tensor, log_scale: Tensor):
        self.p, self.log_scale = p, log_scale
        super().__init__(p, log_scale)

    @property
    def mean(self) -> Tensor:
        """Return zeros, (H,)."""
        return torch.zeros_like(self.p)

    @property
    def variance(self) -> Tensor:
        """Return a² Γ(3/p)/Γ(1/p), (H,)."""
        return (2 * self.log_scale + log_variance(self.p)).exp()

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw samples, (*sample_shape, H)."""
        size = (log_gamma_draw(1 / self.p, sample_shape) / self.p + self.log_scale).exp()
        return size * signs_like(size)

    def log_prob_by_coordinate(self, value: Tensor) -> Tensor:
        """Return the log-density of every coordinate, same shape as `value`."""
        constant = self.p.log() - LN_2 - torch.lgamma(1 / self.p) - self.log_scale
        return constant - (self.p * (log_size(value) - self.log_scale)).exp()


def log_variance(p: Tensor) -> Tensor:
    """Return ln Γ(3/p)/Γ(1/p), the log-variance at scale a = 1."""
    return torch.lgamma(3 / p) - torch.lgamma(1 / p)


class Logistics(Factorised):
    """Describe H independent logistics of scales s, (H,)."""

    def __init__(self, scale: Tensor):
        self.scale = scale
        super().__init__(scale)

    @property
    def mean(self) -> Tensor:
        """Return zeros, (H,)."""
        return torch.zeros_like(self.scale)

    @property
    def variance(self) -> Tensor:
        """Return s² π²/3, (H,)."""
        return (self.scale / UNIT_SCALE).square()

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw samples, (*sample_shape, H): s ln(E/E′) of exponentials, P(E/E′ > t) = 1/(1+t)."""
        shape = (2, *sample_shape, *self.event_shape)
        one, other = self.scale.new_empty(shape).exponential_().log()
        return self.scale * (one - other)

    def log_prob_by_coordinate(self, value: Tensor) -> Tensor:
        """Return the log-density of every coordinate, same shape as `value`."""
        y = value / self.scale
        return F.logsigmoid(y) + F.logsigmoid(-y) - self.scale.log()
