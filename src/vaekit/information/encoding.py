"""Posteriors of a set without the decoder: what indicators and aggregate posteriors read."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.distributions import Distribution

from vaekit.apply import CHUNK, condition_of, device_of, evaluating, sample_rows, seeded
from vaekit.blocks import deterministic
from vaekit.compounds import Blocks
from vaekit.data import Dataset, Splits
from vaekit.distributions import DiagonalGaussian
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
    deterministic codes, which have no density, for codes that are not finite, and for examples
    that the model cannot read.
    """
    device = device_of(model)
    with evaluating(model):
        for part in rows.split(size):
            x, c = data.batch(part).to(device), condition_of(model, data, part)
            with reading(data):
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


def rows_of(data: Dataset, n: int) -> Tensor:
    """Choose up to `n` rows of a set, always the same; raise `VaekitError` for no set, no count."""
    check_set(data)
    check_counts(n=n)
    return sample_rows(len(data), n)


def check_counts(**counts: int) -> None:
    """Raise `VaekitError` for a count that is no whole number or below 1."""
    if any(isinstance(v, bool) or not isinstance(v, int) or v < 1 for v in counts.values()):
        names, values = " and ".join(counts), ", ".join(f"{k}={v!r}" for k, v in counts.items())
        raise VaekitError(f"{names} must be ≥ 1, whole numbers, got {values}")


def check_set(data: Any) -> None:
    """Raise `VaekitError` for what is no `Dataset`."""
    if isinstance(data, Splits):
        raise VaekitError("expected one set, got both parts of one: take its .train or its .test")
    if not isinstance(data, Dataset):
        raise VaekitError(
            f"expected a Dataset, got {type(data).__name__}: use data.Dataset.from_array for arrays"
        )


@contextmanager
def reading(data: Dataset) -> Iterator[None]:
    """Raise `VaekitError` where a network inside cannot read the examples of a set."""
    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:
        raise VaekitError(
            f"the model cannot read the examples of {data.name}, of shape {data.shape}: give what "
            f"it was trained on ({str(error).splitlines()[0]})"
        ) from None


def check_decoded(p: Distribution, x: Tensor) -> None:
    """Raise `VaekitError` where p(x|z) is of other shapes than x, or its mean is not finite."""
    if p.event_shape != x.shape[1:]:
        raise VaekitError(
            f"the model decodes to shape {tuple(p.event_shape)}, but the examples have shape "
            f"{tuple(x.shape[1:])}: give what it was trained on"
        )
    if not bool(torch.isfinite(p.mean).all()):
        raise VaekitError(
            "the decoder gives NaN or infinite values: the model is broken, so judge a sound one"
        )


def _widened(q: Distribution) -> Distribution:
    if deterministic(q):
        which = "a block of this model's code" if isinstance(q, Blocks) else "this model's code"
        raise VaekitError(
            f"information needs a posterior with a density, but {which} is "
            "deterministic: its I(x; z) is infinite for a continuous x; judge a vae"
        )
    if isinstance(q, Blocks):
        return Blocks([_widened(part) for part in q.parts], q.names)
    gaussian = isinstance(q, DiagonalGaussian)
    if not all(bool(torch.isfinite(t).all()) for t in (q.mean, *([q.log_std] if gaussian else []))):
        raise VaekitError(
            "the codes hold NaN or infinite values: the model is broken, so judge a sound one"
        )
    if not gaussian:
        return q
    kind = torch.promote_types(q.mean.dtype, torch.float32)
    return DiagonalGaussian(q.mean.to(kind), q.log_std.to(kind))
