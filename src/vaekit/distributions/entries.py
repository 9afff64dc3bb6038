"""Likelihoods of whole examples whose entries are independent given z."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from vaekit.distributions.base import Lean
from vaekit.distributions.gaussian import LOG_2PI
from vaekit.distributions.residuals import Components, joint, responsibilities


class BernoulliEntries(Lean):
    """Describe independent Bernoulli entries by `logits` (..., *x), x of `entries` dimensions.

    Values in [0, 1] are read as expected log-likelihood x log p + (1 − x) log(1 − p), the usual
    treatment of grey pixels; it is a density only for values 0 and 1.
    """

    def __init__(self, logits: Tensor, entries: int):
        self.logits, self._entries = logits, entries
        cut = logits.dim() - entries
        super().__init__(logits.shape[:cut], logits.shape[cut:])

    @property
    def mean(self) -> Tensor:
        """Return the probability of every entry."""
        return torch.sigmoid(self.logits)

    @property
    def variance(self) -> Tensor:
        """Return p (1 − p) of every entry."""
        return self.mean * (1 - self.mean)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw binary entries, (*sample_shape, ..., *x)."""
        with torch.no_grad():
            return torch.bernoulli(self.mean.expand(*sample_shape, *self.logits.shape))

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log-likelihood of every example in nats, summed over its entries."""
        logits, value = torch.broadcast_tensors(self.logits, value)
        each = F.binary_cross_entropy_with_logits(logits, value, reduction="none")
        return -each.flatten(-self._entries).sum(-1)


class _NoisyEntries(Lean):
    """Describe entries of independent noise around `mean` (..., *x), x of `entries` dimensions."""

    def __init__(self, mean: Tensor, entries: int):
        self._mean, self._entries = mean, entries
        cut = mean.dim() - entries
        super().__init__(mean.shape[:cut], mean.shape[cut:])

    @property
    def mean(self) -> Tensor:
        """Return G(z), (..., *x)."""
        return self._mean


class GaussianEntries(_NoisyEntries):
    """Describe independent N(mean, σ²) entries, `mean` (..., *x), σ a scalar or of mean's shape."""

    has_rsample = True

    def __init__(self, mean: Tensor, log_std: Tensor, entries: int):
        self.log_std = log_std
        super().__init__(mean, entries)

    @property
    def variance(self) -> Tensor:
        """Return σ² of every entry."""
        return (2 * self.log_std).exp().expand_as(self._mean)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw noisy entries, (*sample_shape, ..., *x)."""
        shape = (*sample_shape, *self._mean.shape)
        noise = torch.randn(shape, device=self._mean.device, dtype=self._mean.dtype)
        return self._mean + self.log_std.exp() * noise

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log-likelihood of every example in nats, summed over its entries."""
        scaled = (value - self._mean) * (-self.log_std).exp()
        each = -0.5 * (scaled * scaled + LOG_2PI) - self.log_std
        return each.flatten(-self._entries).sum(-1)


class MixtureEntries(_NoisyEntries):
    """Describe independent entries of Σ_k π_k N(mean, σ_k²), `mean` (..., *x), ln σ, ln π (K,)."""

    def __init__(self, mean: Tensor, log_std: Tensor, log_share: Tensor, entries: int):
        self.mixture = Components(log_std, log_share)
        super().__init__(mean, entries)

    @property
    def variance(self) -> Tensor:
        """Return Σ_k π_k σ_k² of every entry."""
        log_std, log_share = self.mixture
        return (log_share + 2 * log_std).exp().sum().expand_as(self._mean)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
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
