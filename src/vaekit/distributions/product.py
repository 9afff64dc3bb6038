"""Products: independent blocks side by side, p(z) = Π_b p_b(z_b), and their pairs.

q(z|x) = Π_b q_b and p(z) = Π_b p_b where both say so (`Blocks`), of the same sizes in the same
order. A factorised q comes apart anywhere; and blocks of one factorised kind, such as Gaussian, are
in one piece to a prior that is cut in another way, or not at all.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.distributions import Distribution

from vaekit.distributions.base import Density, Factorised, check_same, density
from vaekit.errors import VaekitError
from vaekit.shapes import spans


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
    return dict(zip(sizes, spans(sizes.values()), strict=True))


class Blocks(Density):
    """Join independent `parts`, each over a block of the last dimension, in their order.

    `names` say what the blocks are called, where they have names. A part with a batch shape (a
    prior told a condition) gives it to the whole.
    """

    def __init__(self, parts: Sequence[Distribution], names: Sequence[str] = ()):
        self._parts, self.names = tuple(map(density, parts)), tuple(names)
        self.sizes = [part.event_shape[-1] for part in self._parts]
        self.has_rsample = all(part.has_rsample for part in self._parts)
        self.independent = all(part.independent for part in self._parts)
        self.deterministic = any(part.deterministic for part in self._parts)
        batch = torch.broadcast_shapes(*(part.batch_shape for part in self._parts))
        super().__init__(batch, (sum(self.sizes),))

    @property
    def parts(self) -> tuple[Density, ...]:
        """Return the blocks."""
        return self._parts

    @property
    def mean(self) -> Tensor:
        """Return the mean, (..., H)."""
        return _joined(part.mean for part in self.parts)

    @property
    def variance(self) -> Tensor:
        """Return the variance of each coordinate, (..., H)."""
        return _joined(part.variance for part in self.parts)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw reparameterised samples, (*sample_shape, ..., H), where all parts can."""
        return _joined(part.rsample(self._lead(part, sample_shape)) for part in self.parts)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw samples, (*sample_shape, ..., H)."""
        return _joined(part.sample(self._lead(part, sample_shape)) for part in self.parts)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log-density of every code in nats."""
        return self.log_prob_by_block(value).sum(-1)

    def log_prob_by_block(self, value: Tensor) -> Tensor:
        """Return the log-density of every block, (…, blocks)."""
        pairs = zip(self.parts, value.split(self.sizes, -1), strict=True)
        logs = [part.log_prob(block) for part, block in pairs]
        return torch.stack(torch.broadcast_tensors(*logs), -1)

    def log_prob_by_coordinate(self, value: Tensor) -> Tensor:
        """Return the log-density of every coordinate, same shape as `value`, where independent."""
        pairs = zip(self.parts, value.split(self.sizes, -1), strict=True)
        return torch.cat([part.log_prob_by_coordinate(block) for part, block in pairs], -1)

    def rebuilt(self, parameters: Sequence[Tensor]) -> "Blocks":
        """Return blocks of the same kinds with other parameters, those of all parts in a row."""
        left, parts = list(parameters), []
        for part in self.parts:
            own, left = left[: len(part.parameters)], left[len(part.parameters) :]
            parts.append(part.rebuilt(own))
        return Blocks(parts, self.names)

    def marginal(self, places: Sequence[int]) -> Density:
        """Return the distribution of a block, or of coordinates of independent ones.

        Raises `VaekitError` for a piece of what is not independent.
        """
        parts, order = [], []
        for part, at in zip(self.parts, spans(self.sizes), strict=True):
            own = [h for h in places if at.start <= h < at.stop]
            parts += [part.marginal([h - at.start for h in own])] if own else []
            order += own
        whole = parts[0] if len(parts) == 1 else Blocks(parts).merged()
        if order == list(places):
            return whole
        if isinstance(whole, Factorised):
            return whole.marginal([order.index(h) for h in places])
        raise VaekitError(
            "coordinates of blocks of several kinds are to be listed in the order of the blocks, "
            f"got {list(places)}"
        )

    def split(self, sizes: Sequence[int]) -> list[Density] | None:
        """Cut it at its blocks, or elsewhere where they merge, None where it is one piece."""
        if list(sizes) == self.sizes:
            return list(self.parts)
        whole = self.merged()
        return None if whole is self else whole.split(sizes)

    def merged(self) -> Density:
        """Return it in one piece where its parts are of one factorised kind, else as it is."""
        first, *others = self.parts
        if isinstance(first, Factorised) and all(first.is_like(other) for other in others):
            return first.beside(others)
        return self

    def _known(self) -> tuple[Tensor, ...]:
        return tuple(parameter for part in self.parts for parameter in part._known())

    def _lead(self, part: Distribution, sample_shape: Sequence[int]) -> torch.Size:
        missing = len(self.batch_shape) - len(part.batch_shape)
        return torch.Size((*sample_shape, *self.batch_shape[:missing]))


def _joined(tensors: Iterable[Tensor]) -> Tensor:
    each = list(tensors)
    lead = torch.broadcast_shapes(*(t.shape[:-1] for t in each))
    return torch.cat([t.expand(*lead, t.shape[-1]) for t in each], -1)


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

    q: Density
    p: Density
    z: Tensor


def blocks(q: Density, p: Density, z: Tensor) -> list[Block] | None:
    """Cut q, p and z (samples, batch, H) into the independent blocks of p, None where it has none.

    Raises `VaekitError` where q and p have blocks of the same sizes with other names.
    """
    pairs = pairs_of(q, p)
    if pairs is None:
        return None
    sizes = [part.event_shape[-1] for _, part in pairs]
    return [Block(*pair, part) for pair, part in zip(pairs, z.split(sizes, -1), strict=True)]


def block(q: Density, p: Density, z: Tensor, name: str) -> Block:
    """Return the block of a name: KL(q_b‖p_b) is `kl(*block(q, p, z, name))`.

    Raises `VaekitError` for a name that no block has, with those there are, and where q and p have
    other blocks, for then a name would be other coordinates in each.
    """
    if q.names and p.names:
        check_same(_named_sizes(q), _named_sizes(p))
    parts = blocks(q, p, z)
    if parts is None or not p.names:
        raise VaekitError(
            f"there is no block {name!r}, for this model's prior has no named blocks: give it "
            "prior Product({...}), beside posterior Gaussian or Product"
        )
    if name not in p.names:
        raise VaekitError(f"there is no block {name!r}: the blocks are {', '.join(p.names)}")
    return parts[p.names.index(name)]


def pairs_of(q: Density, p: Density) -> list[tuple[Density, Density]] | None:
    """Match the blocks of q and p; None where p is one block, or q does not come apart as p does.

    Blocks of q of one factorised kind are in one piece where p is cut otherwise, or not at all.
    """
    if not isinstance(p, Blocks):
        whole = q.merged()
        return None if whole is q else [(whole, p)]
    parts = q.split(p.sizes)
    if parts is None:
        return None
    if q.names and p.names and list(q.sizes) == list(p.sizes):
        check_same(_named_sizes(q), _named_sizes(p))
    return list(zip(parts, p.parts, strict=True))


def _named_sizes(d: Density) -> list[tuple[str, int]]:
    return list(zip(d.names, d.sizes, strict=True))
