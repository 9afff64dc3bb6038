"""Mixtures: p(z) = Σ_k π_k p_k(z), so that ln p(z) = logsumexp_k (ln π_k + ln p_k(z))."""

from collections.abc import Sequence

import torch
from torch import Tensor

from vaekit.distributions.base import Density


class Mixture(Density):
    """Mix the K members of the batch of `members` with shares e^`log_share`, (K,).

    Samples are exact. They carry a gradient in the members where the shares are constants; in
    learned shares a draw of one member of K has none, so `rsample` then refuses, as PyTorch's do.
    """

    def __init__(self, members: Density, log_share: Tensor):
        self.members, self.log_share = members, log_share
        self.has_rsample = members.has_rsample and not log_share.requires_grad
        super().__init__((), members.event_shape)

    @property
    def mean(self) -> Tensor:
        """Return Σ_k π_k μ_k, (H,)."""
        return (self._share[:, None] * self.members.mean).sum(0)

    @property
    def variance(self) -> Tensor:
        """Return Σ_k π_k (s_k² + (μ_k − μ)²), (H,)."""
        apart = (self.members.mean - self.mean).square()
        return (self._share[:, None] * (self.members.variance + apart)).sum(0)

    @property
    def _share(self) -> Tensor:
        return self.log_share.exp()

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw samples, (*sample_shape, H), with the gradient in the members."""
        if not self.has_rsample:
            raise NotImplementedError("samples carry no gradient in the shares: use sample")
        return self._drawn(sample_shape)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw samples, (*sample_shape, H): a member for each, then from it."""
        with torch.no_grad():
            return self._drawn(sample_shape)

    def _drawn(self, sample_shape: Sequence[int]) -> Tensor:
        shape = torch.Size(sample_shape)
        count, share = shape.numel(), self._share.detach()
        kind = torch.multinomial(share, count, replacement=True)
        # Every member draws for every sample: K times too many, but without a loop over members.
        drawn = self.members.rsample((count,))
        return drawn[torch.arange(count, device=drawn.device), kind].view(*shape, -1)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log-density of every example in nats, (…) for `value` (…, H)."""
        each = self.members.log_prob(value.unsqueeze(-2))
        return (each + self.log_share).logsumexp(-1)
