"""Parts of a code, and its posteriors in one piece.

A part is a block, or some of the coordinates. Given x the parts of a product posterior are
independent, so that of each there is a q(z_b|x), of which the aggregate posterior q(z_b) is the
mean over examples. Coordinates can be chosen where they are independent: the entries of a one-hot
are one category together.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from vaekit.distributions import Blocks, Density, DiagonalGaussian, OneHots
from vaekit.distributions.divergences import kl, kl_by_block, kl_by_coordinate, kl_in_closed_form
from vaekit.distributions.product import coordinates, pairs_of
from vaekit.errors import VaekitError, nearest
from vaekit.information.aggregated.pairs import aggregate_of_any, aggregate_of_gaussians
from vaekit.model import Model
from vaekit.shapes import spans

RATE_CODES = 10  # for each example, where a rate has no closed form
On = str | Sequence[int] | None


class Part(NamedTuple):
    """Name a part of the code, and list its `places` in z."""

    name: str
    places: list[int]


def parts_of(model: Model) -> list[Part]:
    """Return the named blocks of a model's prior, or else of its posterior; nothing without."""
    prior = {} if model.prior is None else model.prior.blocks
    blocks = prior or model.posterior.blocks
    return [Part(name, list(range(s.start, s.stop))) for name, s in blocks.items()]


def part_of(model: Model, on: On) -> Part:
    """Return the block of a name, the part of some coordinates, or for None the whole code.

    Raises `VaekitError` for a block that the code has not, and for coordinates outside it.
    """
    size = model.posterior.latent
    if on is None:
        return Part("z", list(range(size)))
    if isinstance(on, str):
        known = {part.name: part for part in parts_of(model)}
        if not known:
            raise VaekitError(f"this code has no blocks, none called {on!r}: list coordinates")
        if on not in known:
            raise nearest(on, known, "block")
        return known[on]
    places = list(coordinates(on))
    if not all(0 <= h < size for h in places):
        raise VaekitError(f"coordinates lie from 0 to {size - 1}, got {places}")
    return Part("_".join(f"z{h}" for h in places), places)


def join(posteriors: Sequence[Density]) -> Density:
    """Join posteriors of many chunks as one of all examples, float64 on the CPU.

    Raises `VaekitError` for a kind that does not show its parameters.
    """
    first, *others = [q.changed(lambda parameter: parameter.cpu().double()) for q in posteriors]
    return first.concatenated(others)


def aggregated(z: Tensor, q: Density) -> tuple[Tensor, Tensor | None]:
    """Return log q(z), (n,), and Σ_a log q(z_a) over atoms, (n,), of codes z (n, H) under q (N, H).

    An atom is an independent coordinate, or a whole one-hot; None where atoms are not known.
    """
    q = q.merged()
    if any(isinstance(part, OneHots) for part in q.parts) and len(q.parts) > 1:
        return _aggregated_blocks(z, q)
    whole, alone = aggregate_of(z, q)
    if isinstance(q, OneHots):
        return whole, whole
    return whole, None if alone is None else alone.sum(1)


def aggregate_of(
    z: Tensor, q: Density, log_weight: Tensor | None = None
) -> tuple[Tensor, Tensor | None]:
    """Return log q(z), (n,), and log q(z_h), (n, H) or None, of codes z (n, H) under q (N, H)."""
    if isinstance(q, DiagonalGaussian):
        return aggregate_of_gaussians(z, q, log_weight=log_weight)
    return aggregate_of_any(z, [q], log_weight)


def _aggregated_blocks(z: Tensor, q: Density) -> tuple[Tensor, Tensor | None]:
    """Do so for one-hots beside others: given the categories, which weigh the others, by these.

    log q(z, c) = ln 1/N Σ_m π_c(x_m) q(z|x_m), so that all codes of a category go together.
    """
    blocks = list(zip(z.split(list(q.sizes), -1), q.parts, strict=True))
    kinds = [(c, part) for c, part in blocks if isinstance(part, OneHots)]
    rest = [(c, part) for c, part in blocks if not isinstance(part, OneHots)]
    other = Blocks([part for _, part in rest]).merged() if rest else None
    apart = torch.stack([aggregate_of(c, part)[0] for c, part in kinds]).sum(0)
    whole, alone, known = torch.empty_like(apart), torch.zeros_like(apart), True
    choices, which = torch.cat([c for c, _ in kinds], -1).unique(dim=0, return_inverse=True)
    for i, categories in enumerate(choices):
        here = which == i
        each = zip(categories.split([c.shape[-1] for c, _ in kinds]), kinds, strict=True)
        weight = torch.stack([part.log_prob(c) for c, (_, part) in each]).sum(0)
        if other is None:
            whole[here] = weight.logsumexp(0) - math.log(len(weight))
            continue
        whole[here], marginals = aggregate_of(
            torch.cat([c[here] for c, _ in rest], -1), other, weight
        )
        if marginals is None:
            known = False
        else:
            alone[here] = marginals.sum(1)
    return whole, apart + alone if known else None


def category_entropy(q: OneHots) -> Tensor:
    """Return −Σ_k π_k(x) ln π̄_k of each example, (n,), whose mean is the entropy of q(c)."""
    mean = q.mean.mean(0).clamp_min(torch.finfo(q.mean.dtype).tiny)
    return -(q.mean * mean.log()).sum(-1)


def rate_of(q: Density, p: Density, z: Tensor, places: list[int]) -> tuple[Tensor, bool] | None:
    """Return KL(q‖p) within some places of z, (batch,), and whether it is exact.

    Where there is no closed form it is the mean over z (samples, batch, H), drawn from q. None
    where the prior does not come apart there.
    """
    if places == list(range(q.event_shape[-1])):
        return kl(q, p, z), kl_in_closed_form(q, p) is not None
    closed = kl_by_coordinate(q, p)
    if closed is not None:
        return closed[..., places].sum(-1), True
    by_block = kl_by_block(q, p, z)
    i = _block_at(p, places)
    if by_block is None or i is None:
        return None
    pairs = pairs_of(q, p) if isinstance(p, Blocks) else None
    return by_block[:, i], pairs is not None and kl_in_closed_form(*pairs[i]) is not None


def log_prior(p: Density, z: Tensor, places: list[int]) -> Tensor | None:
    """Return log p of some places of codes z (n, H), (n,), None where p does not come apart."""
    if places == list(range(p.event_shape[-1])):
        return p.log_prob(z)
    i = _block_at(p, places)
    if i is not None:
        return p.log_prob_by_block(z)[..., i]
    return p.log_prob_by_coordinate(z)[..., places].sum(-1) if p.independent else None


def _block_at(p: Density, places: list[int]) -> int | None:
    """Return which independent block of a prior lies at these places, None where none does."""
    blocks = (list(range(at.start, at.stop)) for at in spans(p.sizes))
    return next((i for i, block in enumerate(blocks) if places == block), None)


def log_prior_apart(p: Density, z: Tensor, places: list[int]) -> Tensor | None:
    """Return Σ_a log p(z_a) over the atoms of some places of z (n, H), (n,), as `aggregated` does.

    None where the prior knows no density of its atoms.
    """
    if isinstance(p, Blocks):
        each = []
        for part, at in zip(p.parts, spans(p.sizes), strict=True):
            own = [h - at.start for h in places if at.start <= h < at.stop]
            each += [log_prior_apart(part, z[..., at], own)] if own else []
        known = [part for part in each if part is not None]
        return torch.stack(known).sum(0) if len(known) == len(each) else None
    if isinstance(p, OneHots):
        return p.log_prob(z) if len(places) == z.shape[-1] else None
    return p.log_prob_by_coordinate(z)[..., places].sum(-1) if p.independent else None
