"""How a batch uses the categories of a code, read while a model trains ([vmi] Fig. 4.5).

The share of category k is π̄_k = mean_x q(c = k|x): 1/K throughout where all are used alike, 1 for
one category that takes everything. It trains nothing.
"""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from vaekit.model import Pass
from vaekit.posteriors import Posterior, Product

MOST_CATEGORIES = 20  # of a block whose shares are read


class CategoryShares:
    """Read π̄_k of blocks of categories, `blocks` name → K, as `share_NAME_k`."""

    def __init__(self, blocks: Mapping[str, int]):
        self.blocks = dict(blocks)
        stems = {name: f"share_{name}_" if name else "share_" for name in self.blocks}
        self.readings = tuple(
            f"{stems[n]}{k}" for n, size in self.blocks.items() for k in range(size)
        )

    def read(self, run: Pass) -> list[Tensor]:
        """Return the mean probability of every category over the batch, in [0, 1]."""
        names = run.q.names or ("",)
        parts = [part for name, part in zip(names, run.q.parts, strict=True) if name in self.blocks]
        return [share for part in parts for share in part.mean.detach().mean(0).unbind()]


def category_shares(posterior: Posterior) -> CategoryShares | None:
    """Return what reads the categories of a posterior, None where it has none, or too many."""
    parts: dict[str, Any] = {"": posterior}
    if isinstance(posterior, Product):
        parts = dict(zip(posterior.names, posterior.parts, strict=True))
    kinds = {name: part for name, part in parts.items() if part.own_prior == "categorical"}
    few = {name: part.latent for name, part in kinds.items() if part.latent <= MOST_CATEGORIES}
    return CategoryShares(few) if few else None
