"""Distributions made of distributions: blocks side by side, and mixtures.

product   p(z) = Π_b p_b(z_b)
mixture   p(z) = Σ_k π_k p_k(z)        ln p(z) = logsumexp_k (ln π_k + ln p_k(z))

neither of which knows what its parts are.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.distributions import Distribution

from vaekit.errors import VaekitError


def check_names(names: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of blocks; raise `VaekitError` for none, and for one that is no name."""
    if not isinstance(names, Mapping):
        raise VaekitError(
            f"blocks have names, as in {{'style': Normal(8)}}, got {type(names).__name__}"
        )
    if not names:
        raise VaekitError("a product needs at least one block: {'style': Normal(8)}")
    if bad := [name for name in names if not name or "." in name]:
        raise VaekitError(f"a block needs a name without dots, got {bad[0]!r}")
    return tuple(names)


def slices(sizes: Mapping[str, int]) -> dict[str, slice]:
    """Lay blocks of the given sizes side by side: name → slice."""
    found, first = {}, 0
    for name, size in sizes.items():
        found[name] = slice(first, first + size)
        first += size
    return found


class Blocks(Distribution):
    """Join independent `parts`, each over a block of the last dimension, in their order.

    `names` say what the blocks are called, where they have names. A part with a batch shape (a
    prior told a condition) gives it to the whole. `log_prob_by_coordinate` is there where all parts
    have one.
    """

    arg_constraints: ClassVar[dict[str, Any]] = {}  # pyright: ignore[reportIncompatibleMethodOverride]

    def __init__(self, parts: Sequence[Distribution], names: Sequence[str] = ()):
        self.parts, self.names = tuple(parts), tuple(names)
        self.sizes = [part.event_shape[-1] for part in self.parts]
        self.has_rsample = all(part.has_rsample for part in self.parts)  # pyright: ignore[reportIncompatibleVariableOverride]
        batch = torch.broadcast_shapes(*(part.batch_shape for part in self.parts))
        super().__init__(batch, torch.Size((sum(self.sizes),)), validate_args=False)

    @property
    def mean(self) -> Tensor:
        """Return the mean, (..., H)."""
        return self._joined(part.mean for part in self.parts)

    @property
    def variance(self) -> Tensor:
        """Return the variance of each coordinate, (..., H)."""
        return self._joined(part.variance for part in self.parts)

    def rsample(self, sample_shape=()) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Draw reparameterised samples, (*sample_shape, ..., H), where all parts can."""
        return self._joined(part.rsample(self._lead(part, sample_shape)) for part in self.parts)

    def sample(self, sample_shape=()) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Draw samples, (*sample_shape, ..., H)."""
        return self._joined(part.sample(self._lead(part, sample_shape)) for part in self.parts)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log-density of every example in nats."""
        return self.log_prob_by_block(value).sum(-1)

    def log_prob_by_block(self, value: Tensor) -> Tensor:
        """Return the log-density of every block, (…, blocks)."""
        pairs = zip(self.parts, value.split(self.sizes, -1), strict=True)
        found = [part.log_prob(block) for part, block in pairs]
        return torch.stack(torch.broadcast_tensors(*found), -1)

    @property
    def log_prob_by_coordinate(self) -> Callable[[Tensor], Tensor]:
        """Return the function z → log-density of every coordinate, in the shape of z."""
        known = [part.log_prob_by_coordinate for part in self.parts]  # pyright: ignore[reportAttributeAccessIssue]
        return lambda value: torch.cat(
            [each(block) for each, block in zip(known, value.split(self.sizes, -1), strict=True)],
            -1,
        )

    def _lead(self, part: Distribution, sample_shape: Sequence[int]) -> torch.Size:
        missing = len(self.batch_shape) - len(part.batch_shape)
        return torch.Size((*sample_shape, *self.batch_shape[:missing]))

    def _joined(self, tensors) -> Tensor:
        found = list(tensors)
        lead = torch.broadcast_shapes(*(t.shape[:-1] for t in found))
        return torch.cat([t.expand(*lead, t.shape[-1]) for t in found], -1)


class Blend(Distribution):
    """Mix the K members of the batch of `members` with shares e^`log_share`, (K,).

    Samples are exact. They carry a gradient in the members where the shares are constants; in
    learned shares a draw of one member of K has none, so `rsample` then refuses, as PyTorch's do.
    """

    arg_constraints: ClassVar[dict[str, Any]] = {}  # pyright: ignore[reportIncompatibleMethodOverride]

    def __init__(self, members: Distribution, log_share: Tensor):
        self.members, self.log_share = members, log_share
        self.has_rsample = members.has_rsample and not log_share.requires_grad  # pyright: ignore[reportIncompatibleVariableOverride]
        super().__init__(torch.Size(), members.event_shape, validate_args=False)

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

    def rsample(self, sample_shape=()) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Draw samples, (*sample_shape, H), with the gradient in the members."""
        if not self.has_rsample:
            raise NotImplementedError("samples carry no gradient in the shares: use sample")
        return self._drawn(sample_shape)

    def sample(self, sample_shape=()) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
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
