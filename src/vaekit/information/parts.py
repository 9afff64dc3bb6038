"""Parts of a code, and its posteriors in one piece.

A part is a block, or some of the coordinates. Given x the parts of a product posterior are
independent, so that of each there is a q(z_b|x), of which the aggregate posterior q(z_b) is the
mean over examples. Coordinates can be taken from Gaussians alone: the entries of a one-hot are one
category together.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.distributions import Distribution

from vaekit.distributions import DiagonalGaussian
from vaekit.distributions.blocks import coordinates, joined, pairs_of
from vaekit.distributions.divergences import kl, kl_by_block, kl_by_coordinate, kl_in_closed_form
from vaekit.distributions.one_hots import OneHots
from vaekit.distributions.product import Blocks
from vaekit.errors import VaekitError, nearest
from vaekit.information.pairs import aggregate_of_any, aggregate_of_gaussians
from vaekit.model import Model

CODES = 10  # for each example, where a rate has no closed form
On = str | Sequence[int] | None


class Part(NamedTuple):
    """Name a part of the code, and list its `places` in z."""

    name: str
    places: list[int]


def parts_of(model: Model) -> list[Part]:
    """Return the named blocks of a model's prior, or else of its posterior; nothing without."""
    prior = {} if model.prior is None else model.prior.blocks
    found = prior or model.posterior.blocks
    return [Part(name, list(range(s.start, s.stop))) for name, s in found.items()]


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


def within(q: Distribution, places: list[int]) -> Distribution:
    """Return a posterior of some places of z, (batch, places).

    Raises `VaekitError` where they are a piece of what is no Gaussian.
    """
    q = joined(q)
    if places == list(range(q.event_shape[-1])):
        return q
    if isinstance(q, DiagonalGaussian):
        return DiagonalGaussian(q.mean[..., places], q.log_std[..., places])
    if isinstance(q, Blocks):
        first, left = 0, set(places)
        for part in q.parts:
            own = list(range(first, first + part.event_shape[-1]))
            first += len(own)
            if own == places:
                return part
            left -= set(own) if isinstance(part, DiagonalGaussian) else set()
        if not left:
            return _gathered(q, places)
    raise VaekitError(
        "coordinates can be chosen of Gaussians alone: of other posteriors name a whole block"
    )


def _gathered(q: Blocks, places: list[int]) -> DiagonalGaussian:
    """Return coordinates of the Gaussian blocks as one Gaussian."""
    nothing = [getattr(part, "log_std", part.mean) for part in q.parts]
    return DiagonalGaussian(q.mean[..., places], torch.cat(nothing, -1)[..., places])


def together(found: list[Distribution]) -> Distribution:
    """Join posteriors of many chunks as one of all examples, float64 on the CPU.

    Raises `VaekitError` for a kind that is no Gaussian, no one-hot and no product of these.
    """
    first = found[0]
    if isinstance(first, Blocks):
        columns = zip(*(each.parts for each in found), strict=True)  # pyright: ignore[reportAttributeAccessIssue]
        return Blocks([together(list(column)) for column in columns], first.names)

    def joint(name: str) -> Tensor:
        return torch.cat([getattr(each, name).cpu().double() for each in found])

    if isinstance(first, DiagonalGaussian):
        return DiagonalGaussian(joint("mean"), joint("log_std"))
    if isinstance(first, OneHots):
        return OneHots(joint("log_probs"))
    raise VaekitError(
        f"a posterior {type(first).__name__} is not known here: the posteriors may be Gaussian, "
        "RelaxedOneHot, and products of them"
    )


def aggregated(z: Tensor, q: Distribution) -> tuple[Tensor, Tensor | None]:
    """Return log q(z), (n,), and Σ_a log q(z_a) over atoms, (n,), of codes z (n, H) under q (N, H).

    An atom is a coordinate of a Gaussian, or a whole one-hot; None where atoms are not known. The
    parts of a product are to be Gaussians and one-hots.
    """
    q = joined(q)
    if isinstance(q, DiagonalGaussian):
        whole, alone = aggregate_of_gaussians(z, q)
        return whole, alone.sum(1)
    if isinstance(q, Blocks):
        return _aggregated_blocks(z, q)
    whole, _ = aggregate_of_any(z, [q])
    return whole, whole if isinstance(q, OneHots) else None


def _aggregated_blocks(z: Tensor, q: Blocks) -> tuple[Tensor, Tensor]:
    """Do so for Gaussians and one-hots: given the categories, which weigh the Gaussians, by these.

    log q(z, c) = ln 1/N Σ_m π_c(x_m) q(z|x_m), so that all codes of a category go together.
    """
    blocks = list(zip(z.split(q.sizes, -1), q.parts, strict=True))
    kinds = [(c, part) for c, part in blocks if isinstance(part, OneHots)]
    rest = [(c, part) for c, part in blocks if isinstance(part, DiagonalGaussian)]
    gaussian = joined(Blocks([part for _, part in rest])) if rest else None
    apart = torch.stack([aggregate_of_any(c, [part])[0] for c, part in kinds]).sum(0)
    whole, alone = torch.empty_like(apart), torch.zeros_like(apart)
    found, which = torch.cat([c for c, _ in kinds], -1).unique(dim=0, return_inverse=True)
    for i, categories in enumerate(found):
        here = which == i
        each = zip(categories.split([c.shape[-1] for c, _ in kinds]), kinds, strict=True)
        weight = torch.stack([part.log_prob(c) for c, (_, part) in each]).sum(0)
        if isinstance(gaussian, DiagonalGaussian):
            codes = torch.cat([c[here] for c, _ in rest], -1)
            whole[here], marginals = aggregate_of_gaussians(codes, gaussian, log_weight=weight)
            alone[here] = marginals.sum(1)
        else:
            whole[here] = weight.logsumexp(0) - math.log(len(weight))
    return whole, apart + alone


def entropy(q: OneHots) -> Tensor:
    """Return −Σ_k π_k(x) ln π̄_k of each example, (n,), whose mean is the entropy of q(c)."""
    mean = q.mean.mean(0).clamp_min(torch.finfo(q.mean.dtype).tiny)
    return -(q.mean * mean.log()).sum(-1)


def rate_of(
    q: Distribution, p: Distribution, z: Tensor, places: list[int]
) -> tuple[Tensor, bool] | None:
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


def log_prior(p: Distribution, z: Tensor, places: list[int]) -> Tensor | None:
    """Return log p of some places of codes z (n, H), (n,), None where p does not come apart."""
    if places == list(range(p.event_shape[-1])):
        return p.log_prob(z)
    i = _block_at(p, places)
    if i is not None:
        return p.log_prob_by_block(z)[..., i]  # pyright: ignore[reportAttributeAccessIssue]
    each = getattr(p, "log_prob_by_coordinate", None)
    return None if each is None else each(z)[..., places].sum(-1)


def _block_at(p: Distribution, places: list[int]) -> int | None:
    """Return which independent block of a prior lies at these places, None where none does."""
    first = 0
    for i, size in enumerate(getattr(p, "sizes", [])):
        if places == list(range(first, first + size)):
            return i
        first += size
    return None


def log_prior_apart(p: Distribution, z: Tensor, places: list[int]) -> Tensor | None:
    """Return Σ_a log p(z_a) over the atoms of some places of z (n, H), (n,), as `aggregated` does.

    None where the prior knows no density of its atoms.
    """
    if isinstance(p, Blocks):
        first, found = 0, []
        for part, size in zip(p.parts, p.sizes, strict=True):
            own = [h - first for h in places if first <= h < first + size]
            if own:
                found.append(log_prior_apart(part, z[..., first : first + size], own))
            first += size
        known = [part for part in found if part is not None]
        return torch.stack(known).sum(0) if len(known) == len(found) else None
    if isinstance(p, OneHots):
        return p.log_prob(z) if len(places) == z.shape[-1] else None
    each = getattr(p, "log_prob_by_coordinate", None)
    return None if each is None else each(z)[..., places].sum(-1)
