"""Which entries of a code are one-hots: K of them say one category, and are no coordinates."""

from collections.abc import Mapping

import torch

from vaekit.apply import condition_of, device_of, evaluating
from vaekit.data import Dataset
from vaekit.distributions import Categories, Density
from vaekit.model import Model


def categories_of(q: Density) -> dict[str, slice]:
    """Return where each one-hot of q(z|x) lies: name of its block → slice, "" where it is all."""
    names = q.names or [str(i) if q.sizes else "" for i in range(len(q.parts))]
    slices, first = {}, 0
    for part, name in zip(q.parts, names, strict=True):
        size = part.event_shape[-1]
        if isinstance(part, Categories):
            slices[name] = slice(first, first + size)
        first += size
    return slices


@torch.no_grad()
def categories(model: Model, data: Dataset) -> dict[str, slice]:
    """Return where each one-hot of a model's code lies, as `categories_of` does."""
    rows = torch.arange(1)
    with evaluating(model):
        x, c = data.batch(rows).to(device_of(model)), condition_of(model, data, rows)
        return categories_of(model.encode(x, c))


def other_entries(size: int, slices: Mapping[str, slice]) -> list[int]:
    """List the entries of a code of `size` that belong to no one-hot."""
    taken = {i for where in slices.values() for i in range(where.start, where.stop)}
    return [i for i in range(size) if i not in taken]
