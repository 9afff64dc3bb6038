"""Arrays in, arrays on the CPU out."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from vaekit.apply.modes import check_shape, device_of, evaluating, mean_at, seeded
from vaekit.apply.walk import CHUNK, check_conditions
from vaekit.arguments import fits
from vaekit.data import Dataset
from vaekit.errors import VaekitError
from vaekit.faults import at_fault, beside
from vaekit.given import check_model
from vaekit.model import Model
from vaekit.priors.base import sampling
from vaekit.shapes import explaining
from vaekit.values import as_floats, bad_entry, check_values, tensor_of


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


def decode(model: Model, z: Tensor | np.ndarray, c: Tensor | None = None) -> Tensor:
    """Return the mean of p(x|z, c), (n, *shape), for codes z (n, H) and conditions c (n, width).

    Of codes that are directions the length does not count. Raises `VaekitError` as `latent_codes`
    does, and for conditions that do not fit.
    """
    z = latent_codes(model, z)
    sphere = model.posterior.sphere
    return _chunked(model, lambda z, c: mean_at(model.likelihood, z.float(), c, sphere), z, c)


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
            "this model has no prior over its code, so there is nothing to draw from: draw from "
            'its codes, --from codes (source="codes"), or train a vae'
        )
    if c is not None and len(c) != count:
        raise VaekitError(f"{count} samples need as many conditions, got {len(c)}")

    def draw(like: Tensor, c: Tensor | None) -> Tensor:
        prior = model.expect(like, c)
        with sampling("a sample of codes"):
            return prior.sample(() if prior.batch_shape else like.shape[:1])

    with seeded(seed):
        return _chunked(model, draw, torch.zeros(count, model.posterior.latent), c)


def sample(
    model: Model, count: int, c: Tensor | None = None, seed: int = 0, draw: bool = False
) -> Tensor:
    """Return the mean of p(x|z, c) for codes drawn from the prior, (count, *shape).

    With `draw` it is a draw of p(x|z, c) in place of its mean. Raises `VaekitError` as
    `sample_codes` does.
    """
    z = sample_codes(model, count, c, seed)
    if not draw:
        return decode(model, z, c)

    def drawn(z: Tensor, c: Tensor | None) -> Tensor:
        with sampling("a sample of p(x|z)"):
            return model.likelihood(z.float()[None], c).sample()[0]

    with seeded(seed + 1):
        return _chunked(model, drawn, z, c)


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
    check_values(model.likelihood.known(batch), "x")
    return batch


def _check_output(model: Model, what: str, x: Tensor, output: Tensor) -> None:
    """Raise `VaekitError` where the output for examples x is not finite."""
    if (bad := bad_entry(output)) is not None:
        row = bad[0]
        one, others = x[row], x[beside(row, len(x), x[row].numel())]
        raise at_fault(model, what, f"example {row}", as_floats(one[None])[0], as_floats(others))


@torch.no_grad()
def _chunked(model: Model, function: Callable[..., Tensor], x: Tensor, c: Tensor | None) -> Tensor:
    check_conditions(model, len(x), c)
    device = device_of(model)
    chunks = x.split(CHUNK)
    conditions = [None] * len(chunks) if c is None else c.split(CHUNK)
    with evaluating(model), explaining(x.shape[1:]):
        parts = [
            function(part.to(device), None if where is None else where.to(device)).float().cpu()
            for part, where in zip(chunks, conditions, strict=True)
        ]
    return torch.cat(parts)
