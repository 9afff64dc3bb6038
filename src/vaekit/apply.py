"""Use a trained model: encode, decode, reconstruct, sample. Arrays in, arrays on the CPU out.

Everything goes in chunks, without gradients, in evaluation mode, and leaves the model in the mode
it was found in. Codes are the mean of q(z|x), reconstructions the mean of p(x|z).
"""

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from vaekit.arguments import fits
from vaekit.brief import brief_repr
from vaekit.data import Dataset
from vaekit.errors import VaekitError
from vaekit.faults import at_fault, beside, check_finite_values, check_numbers
from vaekit.given import check_model, check_seed, check_set
from vaekit.model import Model
from vaekit.priors.base import sampling
from vaekit.shapes import explaining, misfit
from vaekit.system.progress import steps
from vaekit.values import as_floats, bad_entry, check_values, tensor_of

CHUNK = 500


class Codes(NamedTuple):
    """Hold q(z|x) of examples: `mean` and `std` (n, H), and the `code` (n, H) asked for.

    `std` is None for deterministic codes; `code` is the mean, or one draw from q.
    """

    code: Tensor
    mean: Tensor
    std: Tensor | None

    __repr__ = brief_repr


def encode(model: Model, x: Tensor | np.ndarray, c: Tensor | None = None) -> Tensor:
    """Return the mean code of each example, (n, H), for x (n, *shape) and conditions c (n, width).

    Numbers mean what `vaekit.values` says. Raises `VaekitError` for x that is no batch of such
    examples, NaN, a condition that is missing, unasked for or of another width, and a code that is
    not finite.
    """
    check_model(model)
    x = _examples(model, x)
    codes = _chunked(model, lambda x, c: model.encode(as_floats(x), c).mean, x, c)
    _check_output(model, "the code", x, codes)
    return codes


@torch.no_grad()
def encode_set(
    model: Model, data: Dataset, c: Tensor | None = None, draw: bool = False, seed: int = 0
) -> Codes:
    """Encode a set, batch by batch, so that a large one is never held as floats.

    `draw` takes one code from q(z|x) in place of the mean, the same for the same seed. Raises
    `VaekitError` for a condition that does not fit, examples that the model cannot read, and for
    NaN in them or their codes.
    """
    check_model(model)
    check_set(data)
    _check_conditions(model, len(data), c)
    check_shape(model, data.batch(torch.arange(1)))
    parts = []
    with seeded(seed):
        for rows, x, own in batches(model, data, c=c):
            check_numbers(data, rows, x)
            with reading_of(data, model):
                q = model.encode(x, own)
            drawn = [q.rsample()] if draw else []
            check_finite_values(model, data, rows, "the code", *drawn, q.mean)
            parts.append([t.float().cpu() for t in (q.variance.sqrt(), q.mean, *drawn)])
    std, mean, *drawn = (torch.cat(part) for part in zip(*parts, strict=True))
    return Codes(drawn[0] if draw else mean, mean, std if bool(std.any()) else None)


def decode(model: Model, z: Tensor | np.ndarray, c: Tensor | None = None) -> Tensor:
    """Return the mean of p(x|z, c), (n, *shape), for codes z (n, H) and conditions c (n, width).

    Raises `VaekitError` as `latent_codes` does, and for conditions that do not fit.
    """
    z = latent_codes(model, z)
    return _chunked(model, lambda z, c: model.likelihood(z.float()[None], c).mean[0], z, c)


def latent_codes(model: Model, z: object) -> Tensor:
    """Return codes as a tensor (n, H).

    Raises `VaekitError` for another width than the model's, no codes, NaN and what is no number.
    """
    check_model(model)
    wanted = f"codes (n, {model.posterior.latent})"
    codes = _tensor(z, wanted)
    if codes.ndim != 2 or codes.shape[1] != model.posterior.latent or not len(codes):
        raise VaekitError(f"expected {wanted}, got shape {tuple(codes.shape)}")
    check_values(codes, "the codes")
    return codes


def reconstruct(model: Model, x: Tensor | np.ndarray, c: Tensor | None = None) -> Tensor:
    """Return the mean of p(x|z) at the mean code of each example, (n, *shape).

    Raises `VaekitError` as `encode` does.
    """
    return decode(model, encode(model, x, c), c)


def sample_codes(model: Model, count: int, c: Tensor | None = None, seed: int = 0) -> Tensor:
    """Draw `count` codes from the prior, (count, H), those of row i under condition c[i].

    The same seed gives the same codes. Raises `VaekitError` for a model without a prior, and for a
    count or seed that is none.
    """
    check_model(model)
    if not fits(count, int) or count < 1:
        raise VaekitError(f"the number of samples must be ≥ 1, a whole one, got {count!r}")
    model.check(c)
    if model.prior is None:
        raise VaekitError(
            "this model has no prior over its code, so there is nothing to draw from: train a vae"
        )
    if c is not None and len(c) != count:
        raise VaekitError(f"{count} samples need as many conditions, got {len(c)}")

    def draw(like: Tensor, c: Tensor | None) -> Tensor:
        prior = model.expect(like, c)
        with sampling("a sample of codes"):
            return prior.sample(() if prior.batch_shape else like.shape[:1])

    with seeded(seed):
        return _chunked(model, draw, torch.zeros(count, model.posterior.latent), c)


def sample(model: Model, count: int, c: Tensor | None = None, seed: int = 0) -> Tensor:
    """Return the mean of p(x|z, c) for codes drawn from the prior, (count, *shape).

    Raises `VaekitError` as `sample_codes` does.
    """
    return decode(model, sample_codes(model, count, c, seed), c)


def condition_of(model: Model, data: Dataset, rows: Tensor) -> Tensor | None:
    """Return the conditions (n, width) of a set's items on the model's device, None if it has none.

    Raises `VaekitError` where the set lacks what the model is conditioned on.
    """
    if model.condition is None:
        return None
    return data.condition(rows, model.condition.kind, model.condition.width).to(device_of(model))


class Chunk(NamedTuple):
    """Hold some examples of a set: their `rows`, x (n, *shape), conditions c (n, width) or None."""

    rows: Tensor
    x: Tensor
    c: Tensor | None


def batches(
    model: Model,
    data: Dataset,
    rows: Tensor | None = None,
    size: int = CHUNK,
    c: Tensor | None = None,
) -> Iterator[Chunk]:
    """Yield `rows` of a set (None: all), `size` at a time, on the model's device.

    The model is in evaluation mode meanwhile. Conditions are the set's own, or of c (len(data),
    width). Raises `VaekitError` where the set lacks what the model is conditioned on.
    """
    device = device_of(model)
    with evaluating(model):
        every = torch.arange(len(data)) if rows is None else rows
        for part in steps(every.split(size), "examples", size):
            own = condition_of(model, data, part) if c is None else c[part].to(device)
            yield Chunk(part, data.batch(part).to(device), own)


def sample_rows(count: int, limit: int) -> Tensor:
    """Choose up to `limit` of `count` rows, in order, always the same ones, (n,) int64."""
    if count <= limit:
        return torch.arange(count)
    chosen = torch.randperm(count, generator=torch.Generator().manual_seed(0))[:limit]
    return chosen.sort().values


def device_of(model: Model) -> torch.device:
    """Tell the device on which a model's weights lie, the CPU for a model without."""
    weight = next(model.parameters(), None)
    return torch.device("cpu") if weight is None else weight.device


@torch.no_grad()
def shape_of(model: Model) -> tuple[int, ...]:
    """Tell the shape of one example, as p(x|z) has it for a code of zeros."""
    like = torch.zeros(1, 1, model.posterior.latent, device=device_of(model))
    told = None if model.condition is None else like.new_zeros(1, model.condition.width)
    with evaluating(model):
        return tuple(model.likelihood(like, told).event_shape)


def reading_of(data: Dataset, model: Model) -> AbstractContextManager[None]:
    """Raise `VaekitError` where a model inside cannot read the examples of a set."""
    return explaining(data.shape, lambda: shape_of(model))


def check_shape(model: Model, x: Tensor) -> None:
    """Raise `VaekitError` for examples x (n, *shape) that the encoder might read in a wrong order.

    These have as many entries as the model's own examples, but another shape, or are one of these
    without the first axis. Whether an encoder reads others it knows itself.
    """
    shape = shape_of(model)
    alike = math.prod(x.shape[1:]) == math.prod(shape) and tuple(x.shape[1:]) != shape
    if x.ndim < 2 or alike or tuple(x.shape) == shape:
        raise VaekitError(misfit(x.shape, shape))


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw from a seed inside, and leave all generators as they were.

    Raises `VaekitError` for what is no seed.
    """
    check_seed(seed)
    with torch.random.fork_rng(range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        yield


@contextmanager
def evaluating(model: Model) -> Iterator[None]:
    """Put a model into evaluation mode inside, and leave each part in the mode it was found in."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def _tensor(x: object, what: str) -> Tensor:
    if isinstance(x, Dataset):
        raise VaekitError(
            f"expected {what}, got a Dataset: encode_set(model, data) encodes one, "
            "data.batch(rows) gives its examples"
        )
    return tensor_of(x, what)


def _examples(model: Model, x: object) -> Tensor:
    """Return examples as a tensor; raise `VaekitError` for what is none of the model's."""
    batch = _tensor(x, "examples x (n, *shape)")
    check_shape(model, batch)
    check_values(batch, "x")
    return batch


def _check_output(model: Model, what: str, x: Tensor, output: Tensor) -> None:
    """Raise `VaekitError` where the output for examples x is not finite."""
    if (bad := bad_entry(output)) is not None:
        row = bad[0]
        one, others = x[row], x[beside(row, len(x), x[row].numel())]
        raise at_fault(model, what, f"example {row}", as_floats(one[None])[0], as_floats(others))


def _check_conditions(model: Model, n: int, c: Tensor | None) -> None:
    model.check(c)
    if c is not None:
        check_values(c, "the condition")
    if c is not None and len(c) != n:
        raise VaekitError(f"{n} examples need as many conditions, got {len(c)}")


@torch.no_grad()
def _chunked(model: Model, function: Callable[..., Tensor], x: Tensor, c: Tensor | None) -> Tensor:
    _check_conditions(model, len(x), c)
    device = device_of(model)
    chunks = x.split(CHUNK)
    conditions = [None] * len(chunks) if c is None else c.split(CHUNK)
    with evaluating(model), explaining(x.shape[1:]):
        parts = [
            function(part.to(device), None if where is None else where.to(device)).float().cpu()
            for part, where in zip(chunks, conditions, strict=True)
        ]
    return torch.cat(parts)
