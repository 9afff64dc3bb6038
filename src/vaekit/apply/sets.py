"""Whole sets, and what a `DataLoader` gives: encoded and reconstructed batch by batch."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from vaekit.apply.loaders import Stream, set_or_stream
from vaekit.apply.modes import check_shape, mean_at, reading_of, seeded
from vaekit.apply.walk import Chunk, batches, check_conditions
from vaekit.brief import brief_repr
from vaekit.data import Dataset
from vaekit.distributions import Density
from vaekit.faults import check_finite_values, check_numbers
from vaekit.given import check_model
from vaekit.model import Model


class Codes(NamedTuple):
    """Hold q(z|x) of examples: `mean` and `std` (n, H), and the `code` (n, H) asked for.

    `std` is None for deterministic codes; `code` is the mean, or one draw from q.
    """

    code: Tensor
    mean: Tensor
    std: Tensor | None

    __repr__ = brief_repr


def encode_set(
    model: Model,
    data: Dataset | DataLoader | Stream,
    c: Tensor | None = None,
    draw: bool = False,
    seed: int = 0,
) -> Codes:
    """Encode a set, or what a loader gives, batch by batch, so that it is never held as floats.

    Conditions are c (N, width), for a loader one (1, width), or those of the set itself.
    `draw` takes one code from q(z|x) in place of the mean, the same for the same seed. Raises
    `VaekitError` for a condition that does not fit, examples that the model cannot read, for NaN in
    them or their codes, and for a loader whose batches do not serve or whose length is not known.
    """
    parts = encode_batches(model, data, c, draw, seed)
    used = ((mean, std, code)[: 2 + draw] for code, mean, std in parts)
    mean, std, *drawn = joined(used, len(data) if isinstance(data, Dataset) else None)
    return Codes(drawn[0] if draw else mean, mean, std if bool(std.any()) else None)


@torch.no_grad()
def encode_batches(
    model: Model,
    data: Dataset | DataLoader | Stream,
    c: Tensor | None = None,
    draw: bool = False,
    seed: int = 0,
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Yield code, mean and standard deviation of each batch, (n, H), on the CPU, as `encode_set`.

    Without `draw` the code is the mean. A deviation of zeros is that of a deterministic code.
    """
    with seeded(seed):
        for part, q in _posteriors(model, data, c):
            drawn = q.rsample() if draw else None
            check_finite_values(model, part.data, part.rows, "the code", drawn, q.mean)
            mean, std = q.mean.float().cpu(), q.variance.sqrt().float().cpu()
            yield mean if drawn is None else drawn.float().cpu(), mean, std


@torch.no_grad()
def reconstruct_batches(
    model: Model, data: Dataset | DataLoader | Stream, c: Tensor | None = None
) -> Iterator[Tensor]:
    """Yield the mean of p(x|z) at the mean code of each batch, (n, *shape), on the CPU.

    Raises `VaekitError` as `encode_set` does.
    """
    for part, q in _posteriors(model, data, c):
        check_finite_values(model, part.data, part.rows, "the code", q.mean)
        with reading_of(part.data, model):
            x = mean_at(model.likelihood, q.mean.float(), part.c, model.posterior.sphere)
        yield x.float().cpu()


def _posteriors(
    model: Model, data: Dataset | DataLoader | Stream, c: Tensor | None
) -> Iterator[tuple[Chunk, Density]]:
    check_model(model)
    source = set_or_stream(data)
    if isinstance(source, Dataset):
        check_shape(model, source.batch(torch.arange(1)))
    if c is not None:
        check_conditions(model, len(source) if isinstance(source, Dataset) else 1, c)
    for part in batches(model, source, c=c):
        check_numbers(part.data, part.rows, model.likelihood.known(part.x))
        with reading_of(part.data, model):
            q = model.encode(part.x, part.c)
        yield part, q


def joined(parts: Iterable[tuple[Tensor, ...]], count: int | None) -> list[Tensor]:
    """Join batches of several tensors (n, …), in one place where it is known that `count` come."""
    if count is None:
        return [torch.cat(each) for each in zip(*parts, strict=True)]
    whole, start = list[Tensor](), 0
    for part in parts:
        whole = whole or [each.new_empty(count, *each.shape[1:]) for each in part]
        for into, each in zip(whole, part, strict=True):
            into[start : start + len(each)] = each
        start += len(part[0])
    return whole
