"""Rows of mixed columns: laws side by side, of which those of missing entries are left out."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.distributions import Distribution

from vaekit.distributions.base import Lean

_NEVER = -1e9  # logit of a class that is not there: −∞ times 0 would be no number


class OneHotColumns(Lean):
    """Describe classes as one-hots side by side, of `sizes`, by logits (..., Σ sizes).

    `wide_places` of the sizes says where each entry is among columns of equal width.
    """

    def __init__(self, logits: Tensor, sizes: Sequence[int], places: Tensor):
        self._shape, self._places = (len(sizes), max(sizes)), places
        self.log_share = self._wide(logits, _NEVER).log_softmax(-1)
        super().__init__((*logits.shape[:-1], len(sizes)), ())

    def _wide(self, flat: Tensor, fill: float) -> Tensor:
        """Return (..., columns, most classes) of (..., Σ sizes)."""
        columns, most = self._shape
        wide = flat.new_full((*flat.shape[:-1], columns * most), fill)
        wide[..., self._places] = flat
        return wide.unflatten(-1, self._shape)

    def _flat(self, wide: Tensor) -> Tensor:
        return wide.flatten(-2)[..., self._places]

    @property
    def mean(self) -> Tensor:
        """Return the probabilities, (..., Σ sizes)."""
        return self._flat(self.log_share.exp())

    @property
    def variance(self) -> Tensor:
        """Return π (1 − π) of every entry, (..., Σ sizes)."""
        return self.mean * (1 - self.mean)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw one-hots, (*sample_shape, ..., Σ sizes)."""
        with torch.no_grad():
            kind = torch.distributions.Categorical(logits=self.log_share, validate_args=False)
            drawn = kind.sample(torch.Size(sample_shape))
            every = torch.arange(self._shape[1], device=drawn.device)
            return self._flat((drawn[..., None] == every).to(self.log_share.dtype))

    def log_prob(self, value: Tensor) -> Tensor:
        """Return ln π of the class of each one-hot, (..., columns): 0 of one that is all 0."""
        return (self._wide(value, 0.0) * self.log_share).sum(-1)


def wide_places(sizes: Sequence[int]) -> Tensor:
    """Return where entries of one-hots of `sizes` are, where each has room for the most classes."""
    most = max(sizes)
    return torch.tensor([k * most + j for k, size in enumerate(sizes) for j in range(size)])


class ColumnEntries(Lean):
    """Describe rows x (..., D) by `laws`, each of the entries `places` (n,) of x.

    Those of one law lie together; `order` (D,) says where the entries of x are among them, and
    `columns` (K,) where the K columns of the table are. NaN in a value is an entry that is missing.
    """

    def __init__(
        self,
        laws: Sequence[Distribution],
        places: Sequence[Tensor],
        order: Tensor,
        columns: Tensor,
    ):
        self.laws, self.places, self.columns = list(laws), list(places), columns
        self._order = order
        super().__init__(laws[0].batch_shape[:-1], (len(order),))

    def _joined(self, ask: Callable[[Distribution], Tensor]) -> Tensor:
        return torch.cat([ask(law) for law in self.laws], -1)[..., self._order]

    @property
    def mean(self) -> Tensor:
        """Return the mean of every entry: of one-hots the probabilities, (..., D)."""
        return self._joined(lambda law: law.mean)

    @property
    def variance(self) -> Tensor:
        """Return the variance of every entry, (..., D)."""
        return self._joined(lambda law: law.variance)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw whole rows, (*sample_shape, ..., D)."""
        return self._joined(lambda law: law.sample(torch.Size(sample_shape)))

    def log_prob_by_column(self, value: Tensor) -> Tensor:
        """Return ln p of every column in nats, (..., K): 0 of those that are missing."""
        logs = []
        for law, at in zip(self.laws, self.places, strict=True):
            own = value[..., at]
            gone = own.isnan()
            each = law.log_prob(torch.where(gone, 0.0, own))
            logs.append(each if isinstance(law, OneHotColumns) else torch.where(gone, 0.0, each))
        each = torch.broadcast_tensors(*(log[..., 0] for log in logs))[0].shape
        return torch.cat([log.expand(*each, log.shape[-1]) for log in logs], -1)[..., self.columns]

    def log_prob(self, value: Tensor) -> Tensor:
        """Return ln p of every row in nats, summed over the columns that it has, (...)."""
        return self.log_prob_by_column(value).sum(-1)
