"""How a batch uses the categories of a code, read while a model trains ([vmi] Fig. 4.5).

The share of category k is π̄_k = mean_x q(c = k|x): 1/K throughout where all are used alike, 1 for
one category that takes everything. It trains nothing.

Of a codebook of K vectors, with shares averaged over recent batches, are read the perplexity e^H,
K where all are used alike and 1 where one is used for all, averaged over codebooks, and how many of
all vectors are dead, used a tenth as often as the mean.
"""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from vaekit.averages import perplexity
from vaekit.model import Pass
from vaekit.posteriors import Posterior, Product, VectorQuantised
from vaekit.posteriors.vector_quantised import DEAD

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


class CodebookUse:
    """Read `perplexity` and `dead_codes` of codebooks, those of blocks with the name behind."""

    def __init__(self, codebooks: Mapping[str, VectorQuantised]):
        self.codebooks = tuple(codebooks.values())
        ends = [f"_{name}" if name else "" for name in codebooks]
        self.readings = tuple(f"{what}{e}" for e in ends for what in ("perplexity", "dead_codes"))

    def read(self, run: Pass) -> list[Tensor]:
        """Return e^H of the use of vectors, and the count of dead ones."""
        values: list[Tensor] = []
        for each in self.codebooks:
            share = each.usage / each.usage.sum(-1, keepdim=True).clamp_min(1e-30)
            dead = (share < DEAD / share.shape[-1]).sum().float()
            values += [perplexity(share).mean(), dead]
        return values


def category_shares(posterior: Posterior) -> CategoryShares | None:
    """Return what reads the categories of a posterior, None where it has none, or too many."""
    kinds = {
        n: part for n, part in _named_parts(posterior).items() if part.own_prior == "categorical"
    }
    few = {name: part.latent for name, part in kinds.items() if part.latent <= MOST_CATEGORIES}
    return CategoryShares(few) if few else None


def codebook_reader(posterior: Posterior) -> CodebookUse | None:
    """Return what reads the codebooks of a posterior, None where it has none."""
    parts = _named_parts(posterior).items()
    books = {name: part for name, part in parts if isinstance(part, VectorQuantised)}
    return CodebookUse(books) if books else None


def _named_parts(posterior: Posterior) -> dict[str, Any]:
    if isinstance(posterior, Product):
        return dict(zip(posterior.names, posterior.parts, strict=True))
    return {"": posterior}
