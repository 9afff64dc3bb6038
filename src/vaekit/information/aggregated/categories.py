"""Which entries of a code are one-hots: K of them say one category, and are no coordinates."""

from collections.abc import Mapping

from vaekit.distributions import Categories, Density
from vaekit.shapes import spans


def categories_of(q: Density) -> dict[str, slice]:
    """Return where each one-hot of q(z|x) lies: name of its block → slice, "" where it is all."""
    names = q.names or [str(i) if q.sizes else "" for i in range(len(q.parts))]
    places = zip(names, q.parts, spans(part.event_shape[-1] for part in q.parts), strict=True)
    return {name: place for name, part, place in places if isinstance(part, Categories)}


def other_entries(size: int, slices: Mapping[str, slice]) -> list[int]:
    """List the entries of a code of `size` that belong to no one-hot."""
    taken = {i for where in slices.values() for i in range(where.start, where.stop)}
    return [i for i in range(size) if i not in taken]
