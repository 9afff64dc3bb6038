"""Where a posterior and a prior come apart into the same blocks.

q(z|x) = Π_b q_b and p(z) = Π_b p_b where both say so (`Blocks`), of the same sizes in the same
order. A diagonal Gaussian comes apart anywhere; and blocks that are all Gaussian are one Gaussian
to a prior that is cut in another way, or not at all.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.distributions import Distribution

from vaekit.distributions.gaussian import DiagonalGaussian, PointMass
from vaekit.distributions.product import Blocks
from vaekit.errors import VaekitError


def coordinates(on: Any) -> tuple[int, ...]:
    """Return chosen coordinates as a tuple; raise `VaekitError` for no list of different ones."""
    try:
        places = tuple(on)
    except TypeError:
        places = ()
    whole = all(isinstance(h, int) and not isinstance(h, bool) for h in places)
    if isinstance(on, str) or not places or not whole or len(set(places)) < len(places):
        raise VaekitError(f"name a block or list different coordinates, on=[0, 1], got on={on!r}")
    return places


class Block(NamedTuple):
    """Hold what q, p and the samples z (samples, batch, size) of q are within one block."""

    q: Distribution
    p: Distribution
    z: Tensor


def blocks(q: Distribution, p: Distribution, z: Tensor) -> list[Block] | None:
    """Cut q, p and z (samples, batch, H) into the independent blocks of p, None where it has none.

    Raises `VaekitError` where q and p have blocks of the same sizes with other names.
    """
    pairs = pairs_of(q, p)
    if pairs is None:
        return None
    sizes = [part.event_shape[-1] for _, part in pairs]
    return [Block(*pair, part) for pair, part in zip(pairs, z.split(sizes, -1), strict=True)]


def block(q: Distribution, p: Distribution, z: Tensor, name: str) -> Block:
    """Return the block of a name: KL(q_b‖p_b) is `kl(*block(q, p, z, name))`.

    Raises `VaekitError` for a name that no block has, with those there are.
    """
    parts, names = blocks(q, p, z), names_of(p)
    if parts is None or not names:
        raise VaekitError(
            f"there is no block {name!r}, for this model's prior has no named blocks: give it "
            "prior Product({...}), beside posterior Gaussian or Product"
        )
    if name not in names:
        raise VaekitError(f"there is no block {name!r}: the blocks are {', '.join(names)}")
    return parts[names.index(name)]


def pairs_of(q: Distribution, p: Distribution) -> list[tuple[Distribution, Distribution]] | None:
    """Match the blocks of q and p; None where p is one block, or q does not come apart as p does.

    Gaussian blocks of q are one Gaussian where p is cut in another way, or not at all.
    """
    if isinstance(q, Blocks) and not (isinstance(p, Blocks) and p.sizes == q.sizes):
        whole = joined(q)
        return None if whole is q else pairs_of(whole, p) or [(whole, p)]
    if not isinstance(p, Blocks):
        return None
    if isinstance(q, Blocks):
        if q.names and p.names and q.names != p.names:
            raise VaekitError(
                f"the posterior has blocks {', '.join(q.names)}, but the prior {', '.join(p.names)}"
                ": give both the same names in the same order"
            )
        return list(zip(q.parts, p.parts, strict=True))
    if not isinstance(q, DiagonalGaussian):
        return None
    return list(zip(_split(q, p.sizes), p.parts, strict=True))


def joined(q: Distribution) -> Distribution:
    """Return blocks of Gaussians as one Gaussian, and any other q as it is."""
    if not isinstance(q, Blocks):
        return q
    parts = [part for part in q.parts if isinstance(part, DiagonalGaussian)]
    if len(parts) < len(q.parts):
        return q
    mean, log_std = [p.mean for p in parts], [p.log_std for p in parts]
    return DiagonalGaussian(torch.cat(mean, -1), torch.cat(log_std, -1))


def _split(q: DiagonalGaussian, sizes: list[int]) -> list[DiagonalGaussian]:
    pairs = zip(q.mean.split(sizes, -1), q.log_std.split(sizes, -1), strict=True)
    return [DiagonalGaussian(mean, log_std) for mean, log_std in pairs]


def deterministic(q: Distribution) -> bool:
    """Tell whether a code, or a block of it, is a function of x: then q has no density."""
    parts = q.parts if isinstance(q, Blocks) else (q,)
    return any(isinstance(part, PointMass) for part in parts)


def names_of(p: Distribution) -> tuple[str, ...]:
    """Return what the blocks of a prior are called, nothing where they have no names."""
    return p.names if isinstance(p, Blocks) else ()
