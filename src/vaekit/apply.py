"""Use a trained model: encode, decode, reconstruct, sample. Arrays in, arrays on the CPU out.

Everything goes in chunks, without gradients, in evaluation mode, and leaves the model in the mode
it was found in. Codes are the mean of q(z|x), reconstructions the mean of p(x|z).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor

from vaekit.data import Dataset
from vaekit.distributions import PointMass
from vaekit.errors import VaekitError
from vaekit.model import Model
from vaekit.priors.base import sampling

CHUNK = 500


class Codes(NamedTuple):
    """Hold q(z|x) of examples: `mean` and `std` (n, H), and the `code` (n, H) asked for.

    `std` is None for deterministic codes; `code` is the mean, or one draw from q.
    """

    code: Tensor
    mean: Tensor
    std: Tensor | None


def encode(model: Model, x: Tensor, c: Tensor | None = None) -> Tensor:
    """Return the mean code of each example, (n, H), for x (n, *shape) and conditions c (n, width).

    Raises `VaekitError` for a condition that is missing, unasked for or of another width.
    """
    return _chunked(model, lambda x, c: model.posterior(x, c).mean, x, c)


@torch.no_grad()
def encode_set(
    model: Model, data: Dataset, c: Tensor | None = None, draw: bool = False, seed: int = 0
) -> Codes:
    """Encode a set, batch by batch, so that a large one is never held as floats.

    `draw` takes one code from q(z|x) in place of the mean, the same for the same seed. Raises
    `VaekitError` for a condition that does not fit.
    """
    _check(model, len(data), c)
    device, parts = device_of(model), []
    with evaluating(model), seeded(seed):
        for rows in torch.arange(len(data)).split(CHUNK):
            told = None if c is None else c[rows].to(device)
            q = model.posterior(data.batch(rows).to(device), told)
            code = q.rsample() if draw else q.mean
            std = torch.zeros_like(q.mean) if isinstance(q, PointMass) else q.variance.sqrt()
            parts.append([t.float().cpu() for t in (code, q.mean, std)])
    code, mean, std = (torch.cat(part) for part in zip(*parts, strict=True))
    return Codes(code, mean, std if bool(std.any()) else None)


def decode(model: Model, z: Tensor, c: Tensor | None = None) -> Tensor:
    """Return the mean of p(x|z, c), (n, *shape), for codes z (n, H) and conditions c (n, width).

    Raises `VaekitError` for codes of another width.
    """
    if z.ndim != 2 or z.shape[1] != model.posterior.latent:
        raise VaekitError(
            f"expected codes (n, {model.posterior.latent}), got shape {tuple(z.shape)}"
        )
    return _chunked(model, lambda z, c: model.likelihood(z[None], c).mean[0], z, c)


def reconstruct(model: Model, x: Tensor, c: Tensor | None = None) -> Tensor:
    """Return the mean of p(x|z) at the mean code of each example, (n, *shape)."""
    return decode(model, encode(model, x, c), c)


def sample_codes(model: Model, count: int, c: Tensor | None = None, seed: int = 0) -> Tensor:
    """Draw `count` codes from the prior, (count, H), those of row i under condition c[i].

    The same seed gives the same codes. Raises `VaekitError` for a model without a prior.
    """
    if count < 1:
        raise VaekitError(f"the number of samples must be ≥ 1, got {count}")
    if model.prior is None:
        raise VaekitError(
            "this model has no prior over its code, so there is nothing to draw from: train a vae"
        )
    if c is not None and len(c) != count:
        raise VaekitError(f"{count} samples need as many conditions, got {len(c)}")

    def draw(like: Tensor, c: Tensor | None) -> Tensor:
        prior = model.prior(like, c)  # pyright: ignore[reportOptionalCall]
        with sampling("a sample of codes"):
            return prior.sample(() if prior.batch_shape else like.shape[:1])

    with seeded(seed):
        return _chunked(model, draw, torch.zeros(count, model.posterior.latent), c)


def sample(model: Model, count: int, c: Tensor | None = None, seed: int = 0) -> Tensor:
    """Return the mean of p(x|z, c) for codes drawn from the prior, (count, *shape)."""
    return decode(model, sample_codes(model, count, c, seed), c)


def condition_of(model: Model, data: Dataset, rows: Tensor) -> Tensor | None:
    """Return the conditions (n, width) of a set's items on the model's device, None if it has none.

    Raises `VaekitError` where the set lacks what the model is conditioned on.
    """
    if model.condition is None:
        return None
    return data.condition(rows, model.condition.kind, model.condition.width).to(device_of(model))


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


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw from a seed inside, and leave all generators as they were."""
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


def _check(model: Model, n: int, c: Tensor | None) -> None:
    model.check(c)
    if c is not None and len(c) != n:
        raise VaekitError(f"{n} examples need as many conditions, got {len(c)}")


@torch.no_grad()
def _chunked(model: Model, function: Callable[..., Tensor], x: Tensor, c: Tensor | None) -> Tensor:
    _check(model, len(x), c)
    device = device_of(model)
    conditions = [None] * len(x) if c is None else c.split(CHUNK)
    with evaluating(model):
        parts = [
            function(part.to(device), None if where is None else where.to(device)).float().cpu()
            for part, where in zip(x.split(CHUNK), conditions, strict=False)
        ]
    return torch.cat(parts)
