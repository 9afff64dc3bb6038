"""Tables of mixed columns: each column has a law of its own, and what is missing has none.

    ln p(x|z) = Σ_d ln p_d(x_d|z),   d over the columns that are known of x

A missing entry is NaN, and a missing class NaN in all of its one-hot. Leaving such entries out is
to integrate over them, for given z the columns are independent (Mattei & Frellsen 2019, eq. 3).
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from vaekit.distributions.columns import COUNTS, PLAIN, SCALED, ColumnEntries, laws_of
from vaekit.distributions.counts import level_of
from vaekit.distributions.one_hots import OneHotColumns, wide_places
from vaekit.errors import VaekitError
from vaekit.likelihoods.base import Likelihood
from vaekit.shapes import spans


class Columns(Likelihood):
    """Give every column of a table its law, by the texts `laws`, such as `categorical(3)`.

    `gaussian`, `laplace` and `student_t` have a scale for each column, which is learned above
    `floor` from `scale` on; `bernoulli` and counts (`poisson`, `negative_binomial`, also
    `zero_inflated_`) are of one entry, `categorical(C)` of C, a one-hot. Entries that are NaN are
    missing. Raises `VaekitError` for no laws, unknown ones, and scales that are none.
    """

    heads, learns, missing = 3, True, True
    measure = "density of numbers, and probability of classes and counts"

    def __init__(
        self, network: nn.Module, laws: Sequence[str], scale: float = 0.5, floor: float = 0.01
    ):
        super().__init__()
        if not 0 <= floor < scale < math.inf:
            raise VaekitError(f"columns needs 0 ≤ floor < scale, got {floor=}, {scale=}")
        self.network, self.laws, self.floor = network, laws_of(laws), floor
        places = dict[str, list[int]]()
        for law, at in zip(self.laws, spans(law.width for law in self.laws), strict=True):
            places.setdefault(law.name, []).extend(range(at.start, at.stop))
        self.width, self.names = sum(law.width for law in self.laws), tuple(places)
        self.sizes = [law.width for law in self.laws if law.name == "categorical"]
        order = [k for name in places for k, law in enumerate(self.laws) if law.name == name]
        self.register_buffer("columns", torch.tensor(order).argsort(), persistent=False)
        entries = torch.tensor([entry for own in places.values() for entry in own])
        self.register_buffer("order", entries.argsort(), persistent=False)
        if self.sizes:
            self.register_buffer("wide", wide_places(self.sizes), persistent=False)
        for name, own in places.items():
            self.register_buffer(f"at_{name}", torch.tensor(own), persistent=False)
            if name in COUNTS:
                self.register_buffer(f"level_{name}", torch.zeros(len(own)))
        start = math.log(scale - floor)
        free = {n: torch.full((len(own),), start) for n, own in places.items() if n in SCALED}
        self.free = nn.ParameterDict({n: nn.Parameter(value) for n, value in free.items()})

    def forward(self, z: Tensor, c: Tensor | None = None) -> ColumnEntries:
        """Return Π_d p_d(x_d|z), over x (..., D)."""
        heads = self.decode_heads(z, c)
        if heads[0].shape[-1] != self.width or heads[0].dim() != z.dim():
            raise VaekitError(
                f"the laws are of {self.width} entries in all, but the decoder gives "
                f"{tuple(heads[0].shape[z.dim() - 1 :])}: train on the table that they are of"
            )
        places = [self.get_buffer(f"at_{name}") for name in self.names]
        laws = [
            self._law(name, [head[..., at] for head in heads])
            for name, at in zip(self.names, places, strict=True)
        ]
        return ColumnEntries(laws, places, *map(self.get_buffer, ("order", "columns")))

    def _law(self, name: str, heads: Sequence[Tensor]) -> Distribution:
        if name == "categorical":
            return OneHotColumns(heads[0], self.sizes, self.get_buffer("wide"))
        if name in SCALED:
            return SCALED[name](heads[0], self.scale(name))
        if name in COUNTS:
            heads = [heads[0] + self.get_buffer(f"level_{name}"), *heads[1:]]
        return PLAIN[name](heads)

    def begin(self, x: Tensor) -> None:
        """Set the level of every column of counts, ln of its mean, by x (batch, D)."""
        for name in set(self.names).intersection(COUNTS):
            level = self.get_buffer(f"level_{name}")
            if not level.any():
                level.copy_(level_of(x[:, self.get_buffer(f"at_{name}")]))

    def scale(self, name: str) -> Tensor:
        """Return the scales (n,) of the columns of one law."""
        return self.free[name].exp() + self.floor

    def shown(self, x: Tensor) -> Tensor:
        """Return what the encoder sees: counts as ln(1 + x), what is missing as a value of none.

        These are −1 of counts, ½ of bernoulli, and 0 of others, which is no class, and the mean of
        scaled numbers.
        """
        seen = torch.where(x.isnan(), 0.0, x)
        for name in self.names:
            at = self.get_buffer(f"at_{name}")
            if name in COUNTS:
                counts = seen[..., at].clamp_min(0).log1p()  # noise on x may go below 0
                seen[..., at] = torch.where(x[..., at].isnan(), -1.0, counts)
            elif name == "bernoulli":
                seen[..., at] = torch.where(x[..., at].isnan(), 0.5, seen[..., at])
        return seen
