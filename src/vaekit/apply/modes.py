"""The state of a model and of the generators while it is used, and the shapes that it reads."""

import math
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vaekit.data import Dataset
from vaekit.data.parting import shuffled
from vaekit.errors import VaekitError
from vaekit.given import check_seed
from vaekit.model import Model
from vaekit.shapes import explaining, misfit


def sample_rows(count: int, limit: int) -> Tensor:
    """Choose up to `limit` of `count` rows, in order, always the same ones, (n,) int64."""
    if count <= limit:
        return torch.arange(count)
    chosen = shuffled(count, torch.Generator().manual_seed(0))[:limit]
    return chosen.long().sort().values


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


def mean_at(likelihood: nn.Module, z: Tensor, c: Tensor | None, sphere: bool) -> Tensor:
    """Return the mean of p(x|z, c), (n, *shape), for codes z (n, H).

    With `sphere` they are directions and brought to length 1, for the decoder has met no others.
    """
    return likelihood((F.normalize(z, dim=-1) if sphere else z)[None], c).mean[0]
