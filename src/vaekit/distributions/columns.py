"""Rows of mixed columns: laws side by side, of which those of missing entries are left out."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch import distributions as td
from torch.distributions import Distribution

from vaekit.distributions.base import Lean
from vaekit.distributions.counts import Overdispersed, Rare, ZeroInflated, bounded_log
from vaekit.distributions.one_hots import OneHotColumns
from vaekit.distributions.student_t import StudentTEntries
from vaekit.errors import VaekitError, nearest
from vaekit.text import parse

DF = 4.0  # degrees of freedom of student_t


def _counts(heads: Sequence[Tensor]) -> Distribution:
    return Overdispersed(*map(bounded_log, heads[:2]))


# What a law is, of the heads of its columns (..., n) and, where it has one, their scale (n,).
SCALED: dict[str, Callable[[Tensor, Tensor], Distribution]] = {
    "gaussian": lambda mean, scale: td.Normal(mean, scale, validate_args=False),
    "laplace": lambda mean, scale: td.Laplace(mean, scale, validate_args=False),
    "student_t": lambda mean, scale: StudentTEntries(DF, mean, scale.expand_as(mean)),
}
PLAIN: dict[str, Callable[[Sequence[Tensor]], Distribution]] = {
    "bernoulli": lambda heads: td.Bernoulli(logits=heads[0], validate_args=False),
    "poisson": lambda heads: Rare(bounded_log(heads[0])),
    "negative_binomial": _counts,
    "zero_inflated_negative_binomial": lambda heads: ZeroInflated(_counts(heads), heads[2]),
}
COUNTS = ("poisson", "negative_binomial", "zero_inflated_negative_binomial")
LAWS = (*SCALED, *PLAIN, "categorical")


class Law(NamedTuple):
    """Hold the law of a column: its name, and how many entries of x it is of."""

    name: str
    width: int


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


def laws_of(texts: Sequence[str]) -> tuple[Law, ...]:
    """Read the laws of columns; raise `VaekitError` for none, and for texts that are of no law."""
    if isinstance(texts, str) or not texts:
        raise VaekitError(
            f"columns needs a list of laws, [gaussian, 'categorical(3)'], got {texts!r}"
        )
    return tuple(map(_law_of, texts))


def _law_of(text: str) -> Law:
    name, given, named = parse(text)
    if name not in LAWS:
        raise nearest(name, LAWS, "law of a column")
    if name != "categorical":
        if given or named:
            raise VaekitError(f"the law {name} of a column takes no arguments, got {text!r}")
        return Law(name, 1)
    size = given[0] if len(given) == 1 and not named else None
    if not isinstance(size, int) or isinstance(size, bool) or size < 1:
        raise VaekitError(f"write categorical with its number of classes, categorical(3): {text!r}")
    return Law(name, size)
