"""Use a trained model: encode, decode, reconstruct, sample. Arrays in, arrays on the CPU out.

Everything goes in chunks, without gradients, in evaluation mode, and leaves the model in the mode
it was found in. Codes are the mean of q(z|x), reconstructions the mean of p(x|z).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from vaekit.data import Dataset
from vaekit.errors import VaekitError
from vaekit.model import Model

CHUNK = 500


def encode(model: Model, x: Tensor, c: Tensor | None = None) -> Tensor:
    """Return the mean code of each example, (n, H), for x (n, *shape) and conditions c (n, width).

    Raises `VaekitError` for a condition that is missing, unasked for or of another width.
    """
    return _chunked(model, lambda x, c: model.posterior(x, c).mean, x, c)


def draw_codes(model: Model, x: Tensor, c: Tensor | None = None, seed: int = 0) -> Tensor:
    """Return one code drawn from q(z|x) for each example, (n, H), the same for the same seed."""
    with seeded(seed):
        return _chunked(model, lambda x, c: model.posterior(x, c).rsample(), x, c)


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
        return prior.rsample(() if prior.batch_shape else like.shape[:1])

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


def device_of(model: Model) -> torch.device:
    """Tell the device on which a model's weights lie."""
    return next(model.parameters()).device


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw from a seed inside, and leave all generators as they were."""
    with torch.random.fork_rng(range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        yield


@torch.no_grad()
def _chunked(model: Model, function: Callable[..., Tensor], x: Tensor, c: Tensor | None) -> Tensor:
    model.check(c)
    if c is not None and len(c) != len(x):
        raise VaekitError(f"{len(x)} examples need as many conditions, got {len(c)}")
    device, training = device_of(model), model.training
    model.eval()
    try:
        conditions = [None] * len(x) if c is None else c.split(CHUNK)
        parts = [
            function(part.to(device), None if where is None else where.to(device)).float().cpu()
            for part, where in zip(x.split(CHUNK), conditions, strict=False)
        ]
        return torch.cat(parts)
    finally:
        model.train(training)
