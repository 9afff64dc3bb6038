"""The distributions that parts hand to one another: diagonal, lean, ready for a training step.

Each is a `torch.distributions.Distribution` whose event is one whole example, so `log_prob` already
sums over entries and returns nats. They exist because composing `Independent(Normal(...))` in every
step costs more than a small network's arithmetic, and because argument checks would ask the device
a question in every step.
"""

import math
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.distributions import Distribution
from torch.nn import functional as F

from vaekit.mixture import Mixture, joint, responsibilities

LOG_2PI = math.log(2 * math.pi)


class DiagonalGaussian(Distribution):
    """Describe N(mean, diag(std²)) over the last dimension; `mean` and `log_std` are (..., H)."""

    arg_constraints: ClassVar[dict[str, Any]] = {}  # pyright: ignore[reportIncompatibleMethodOverride]
    has_rsample = True

    def __init__(self, mean: Tensor, log_std: Tensor):
        self._mean, self.log_std = mean, log_std
        self.std = log_std.exp()
        super().__init__(mean.shape[:-1], mean.shape[-1:], validate_args=False)

    @property
    def mean(self) -> Tensor:
        """Return the mean, (..., H)."""
        return self._mean

    @property
    def variance(self) -> Tensor:
        """Return the variance of each coordinate, (..., H)."""
        return self.std * self.std

    def rsample(self, sample_shape=()) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Draw reparameterised samples, (*sample_shape, ..., H)."""
        shape = (*sample_shape, *self._mean.shape)
        noise = torch.randn(shape, device=self._mean.device, dtype=self._mean.dtype)
        return torch.addcmul(self._mean, noise, self.std)

    def log_prob_by_coordinate(self, value: Tensor) -> Tensor:
        """Return log N of every coordinate, same shape as `value`."""
        scaled = (value - self._mean) / self.std
        # One pass over what may be (samples, batch, batch, H), not five.
        return torch.addcmul(-0.5 * LOG_2PI - self.log_std, scaled, scaled, value=-0.5)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return log N of every example in nats, summed over the last dimension."""
        return self.log_prob_by_coordinate(value).sum(-1)


class StandardNormal(Distribution):
    """Describe N(0, 1) in H independent coordinates, on the device and in the type of `like`."""

    arg_constraints: ClassVar[dict[str, Any]] = {}  # pyright: ignore[reportIncompatibleMethodOverride]
    has_rsample = True

    def __init__(self, size: int, like: Tensor):
        self._like = like
        super().__init__(torch.Size(), torch.Size((size,)), validate_args=False)

    @property
    def mean(self) -> Tensor:
        """Return zeros, (H,)."""
        return self._like.new_zeros(self.event_shape)

    @property
    def variance(self) -> Tensor:
        """Return ones, (H,)."""
        return self._like.new_ones(self.event_shape)

    def rsample(self, sample_shape=()) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Draw samples, (*sample_shape, H)."""
        shape = (*sample_shape, *self.event_shape)
        return torch.randn(shape, device=self._like.device, dtype=self._like.dtype)

    def log_prob_by_coordinate(self, value: Tensor) -> Tensor:
        """Return log N(0, 1) of every coordinate, same shape as `value`."""
        return -0.5 * (value * value + LOG_2PI)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return log N(0, 1) of every example in nats, summed over the last dimension."""
        return self.log_prob_by_coordinate(value).sum(-1)


class PointMass(Distribution):
    """Put all mass on `value` (..., H): a deterministic code. It has samples and no density."""

    arg_constraints: ClassVar[dict[str, Any]] = {}  # pyright: ignore[reportIncompatibleMethodOverride]
    has_rsample = True

    def __init__(self, value: Tensor):
        self._mean = value
        super().__init__(value.shape[:-1], value.shape[-1:], validate_args=False)

    @property
    def mean(self) -> Tensor:
        """Return the point, (..., H)."""
        return self._mean

    @property
    def variance(self) -> Tensor:
        """Return zeros, (..., H)."""
        return torch.zeros_like(self._mean)

    def rsample(self, sample_shape=()) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Repeat the point, (*sample_shape, ..., H)."""
        return self._mean.expand(*sample_shape, *self._mean.shape)


class BernoulliEntries(Distribution):
    """Describe independent Bernoulli entries by `logits` (..., *x), x of `entries` dimensions.

    Values in [0, 1] are read as expected log-likelihood x log p + (1 − x) log(1 − p), the usual
    treatment of grey pixels; it is a density only for values 0 and 1.
    """

    arg_constraints: ClassVar[dict[str, Any]] = {}  # pyright: ignore[reportIncompatibleMethodOverride]

    def __init__(self, logits: Tensor, entries: int):
        self.logits, self._entries = logits, entries
        cut = logits.dim() - entries
        super().__init__(logits.shape[:cut], logits.shape[cut:], validate_args=False)

    @property
    def mean(self) -> Tensor:
        """Return the probability of every entry."""
        return torch.sigmoid(self.logits)

    @property
    def variance(self) -> Tensor:
        """Return p (1 − p) of every entry."""
        return self.mean * (1 - self.mean)

    def sample(self, sample_shape=()) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Draw binary entries, (*sample_shape, ..., *x)."""
        with torch.no_grad():
            return torch.bernoulli(self.mean.expand(*sample_shape, *self.logits.shape))

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log-likelihood of every example in nats, summed over its entries."""
        logits, value = torch.broadcast_tensors(self.logits, value)
        each = F.binary_cross_entropy_with_logits(logits, value, reduction="none")
        return -each.flatten(-self._entries).sum(-1)


class GaussianEntries(Distribution):
    """Describe independent N(mean, σ²) entries, `mean` (..., *x), σ a scalar or of mean's shape."""

    arg_constraints: ClassVar[dict[str, Any]] = {}  # pyright: ignore[reportIncompatibleMethodOverride]
    has_rsample = True

    def __init__(self, mean: Tensor, log_std: Tensor, entries: int):
        self._mean, self.log_std, self._entries = mean, log_std, entries
        cut = mean.dim() - entries
        super().__init__(mean.shape[:cut], mean.shape[cut:], validate_args=False)

    @property
    def mean(self) -> Tensor:
        """Return G(z), (..., *x)."""
        return self._mean

    @property
    def variance(self) -> Tensor:
        """Return σ² of every entry."""
        return (2 * self.log_std).exp().expand_as(self._mean)

    def rsample(self, sample_shape=()) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Draw noisy entries, (*sample_shape, ..., *x)."""
        shape = (*sample_shape, *self._mean.shape)
        noise = torch.randn(shape, device=self._mean.device, dtype=self._mean.dtype)
        return self._mean + self.log_std.exp() * noise

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log-likelihood of every example in nats, summed over its entries."""
        scaled = (value - self._mean) * (-self.log_std).exp()
        each = -0.5 * (scaled * scaled + LOG_2PI) - self.log_std
        return each.flatten(-self._entries).sum(-1)


class MixtureEntries(Distribution):
    """Describe independent entries of Σ_k π_k N(mean, σ_k²), `mean` (..., *x), ln σ, ln π (K,)."""

    arg_constraints: ClassVar[dict[str, Any]] = {}  # pyright: ignore[reportIncompatibleMethodOverride]

    def __init__(self, mean: Tensor, log_std: Tensor, log_share: Tensor, entries: int):
        self._mean, self._entries = mean, entries
        self.mixture = Mixture(log_std, log_share)
        cut = mean.dim() - entries
        super().__init__(mean.shape[:cut], mean.shape[cut:], validate_args=False)

    @property
    def mean(self) -> Tensor:
        """Return G(z), (..., *x)."""
        return self._mean

    @property
    def variance(self) -> Tensor:
        """Return Σ_k π_k σ_k² of every entry."""
        log_std, log_share = self.mixture
        return (log_share + 2 * log_std).exp().sum().expand_as(self._mean)

    def sample(self, sample_shape=()) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Draw noisy entries, (*sample_shape, ..., *x), a component for each."""
        with torch.no_grad():
            shape = torch.Size((*sample_shape, *self._mean.shape))
            share = self.mixture.log_share.exp()
            kind = torch.multinomial(share, shape.numel(), replacement=True).view(shape)
            noise = torch.randn(shape, device=self._mean.device, dtype=self._mean.dtype)
            return self._mean + self.mixture.log_std.exp()[kind] * noise

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log-likelihood of every example in nats, summed over its entries."""
        each = joint((value - self._mean).square(), self.mixture).logsumexp(0)
        return (each - 0.5 * LOG_2PI).flatten(-self._entries).sum(-1)

    def memberships(self, value: Tensor) -> Tensor:
        """Return the probability that an entry's noise is of kind k, (K, ..., *x)."""
        return responsibilities((value - self._mean).square(), self.mixture)
