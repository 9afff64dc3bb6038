"""The one walk over examples: a set or what a `DataLoader` gives, batch by batch, in order."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from vaekit.apply.loaders import Stream
from vaekit.apply.modes import check_shape, device_of, evaluating
from vaekit.data import Dataset
from vaekit.errors import VaekitError
from vaekit.model import Model
from vaekit.system.progress import steps
from vaekit.values import check_values

CHUNK = 500


class Chunk(NamedTuple):
    """Hold some examples: x (n, *shape), their `rows` in `data`, conditions c (n, width) or None.

    `data` is the set that is walked over; of a loader it is these examples alone.
    """

    data: Dataset
    rows: Tensor
    x: Tensor
    c: Tensor | None


def batches(
    model: Model,
    data: Dataset | Stream,
    rows: Tensor | None = None,
    size: int = CHUNK,
    c: Tensor | None = None,
) -> Iterator[Chunk]:
    """Yield `rows` of a set (None: all), `size` at a time, on the model's device.

    The model is in evaluation mode meanwhile. Conditions are the set's own, or of c: (len(data),
    width), for a stream (1, width). Raises `VaekitError` where the set lacks what the model is
    conditioned on, and for batches of a stream that do not serve.
    """
    with evaluating(model):
        if isinstance(data, Stream):
            yield from _of_stream(model, data, size, c)
            return
        count, device = len(data) if rows is None else len(rows), device_of(model)
        for start in steps(range(0, count, size), "examples", size):
            stop = min(start + size, count)
            part = torch.arange(start, stop) if rows is None else rows[start:stop]
            own = condition_of(model, data, part) if c is None else c[part].to(device)
            yield Chunk(data, part, data.batch(part).to(device), own)


def _of_stream(model: Model, data: Stream, size: int, c: Tensor | None) -> Iterator[Chunk]:
    device, wanted = device_of(model), model.condition if c is None else None
    for part, told in steps(data.chunks(size, wanted), "examples", size, data.total):
        check_shape(model, part.images)
        own = told if c is None else c.expand(len(part), -1)
        x = part.images.to(device)
        yield Chunk(part, torch.arange(len(part)), x, None if own is None else own.to(device))


def condition_of(model: Model, data: Dataset, rows: Tensor) -> Tensor | None:
    """Return the conditions (n, width) of a set's items on the model's device, None if it has none.

    Raises `VaekitError` where the set lacks what the model is conditioned on.
    """
    if model.condition is None:
        return None
    return data.condition(rows, model.condition.kind, model.condition.width).to(device_of(model))


def check_conditions(model: Model, n: int, c: Tensor | None) -> None:
    """Raise `VaekitError` for conditions c that the model does not take, or not one for each."""
    model.check(c)
    if c is not None:
        check_values(c, "the condition")
    if c is not None and len(c) != n:
        raise VaekitError(f"{n} examples need as many conditions, got {len(c)}")
