"""Posteriors of a set without the decoder: what indicators and aggregate posteriors read."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import NamedTuple

import torch
from torch import Tensor
from torch.distributions import Distribution

from vaekit.apply import CHUNK, condition_of, device_of, evaluating, seeded
from vaekit.data import Dataset
from vaekit.distributions import DiagonalGaussian, PointMass
from vaekit.errors import VaekitError
from vaekit.model import Model

_APART = 0x9E3779B97F4A7C15  # any large odd number


class Encoded(NamedTuple):
    """Hold x (batch, *shape), its condition, q(z|x) and p(z), or None for a model without one."""

    x: Tensor
    condition: Tensor | None
    q: Distribution
    prior: Distribution | None


@torch.no_grad()
def encoded(model: Model, data: Dataset, rows: Tensor, size: int = CHUNK) -> Iterator[Encoded]:
    """Yield posteriors of `rows` of a set in chunks of `size`, in evaluation mode, not decoded.

    Gaussian posteriors of fewer than 32 bits are widened to float32. Raises `VaekitError` for
    deterministic codes, which have no density, and for codes that are not finite.
    """
    device = device_of(model)
    with evaluating(model):
        for part in rows.split(size):
            x, c = data.batch(part).to(device), condition_of(model, data, part)
            q = _widened(model.posterior(x, c))
            prior = None if model.prior is None else model.prior(q.mean, c)
            yield Encoded(x, c, q, prior)


def drawing(seed: int) -> AbstractContextManager[None]:
    """Draw from a seed inside, and leave all generators as they were.

    Synthetic data are often the first numbers of seed 0. From that seed itself z would repeat them
    as its noise, which moved I(x; z) from 1.58 to 1.96 nats in a test.
    """
    return seeded((seed + _APART) % 2**63)


def depends_on_condition(prior: Distribution) -> bool:
    """Tell whether a prior is p(z|c), one for each example, and not one p(z) for all."""
    return len(prior.batch_shape) > 0


def check_counts(**counts: int) -> None:
    """Raise `VaekitError` for a count below 1."""
    if min(counts.values()) < 1:
        names, values = " and ".join(counts), ", ".join(f"{k}={v}" for k, v in counts.items())
        raise VaekitError(f"{names} must be ≥ 1, got {values}")


def _widened(q: Distribution) -> Distribution:
    if isinstance(q, PointMass):
        raise VaekitError(
            "information needs a posterior with a density, but this model's code is "
            "deterministic: its I(x; z) is infinite for a continuous x; judge a vae"
        )
    if not isinstance(q, DiagonalGaussian):
        return q
    if not bool(torch.isfinite(q.mean).all() & torch.isfinite(q.log_std).all()):
        raise VaekitError(
            "the codes hold NaN or infinite values: the model is broken, so judge a sound one"
        )
    kind = torch.promote_types(q.mean.dtype, torch.float32)
    return DiagonalGaussian(q.mean.to(kind), q.log_std.to(kind))
