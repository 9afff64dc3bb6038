"""Another noise hypothesis on a trained model, fitted to its residuals ([noise] Table 1).

The decoder's mean G and the posterior stay as they are; only the parameters of the noise are new,
the best for the residuals x − G(z), z ~ q(z|x), of the training data. What the ELBO gains or loses
is then due to the noise model alone.
"""

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from vaekit.apply import CHUNK, evaluating
from vaekit.data import Dataset
from vaekit.errors import VaekitError
from vaekit.faults import check_finite_values
from vaekit.given import check_model
from vaekit.information.encoding import drawing, rows_of
from vaekit.information.rates import passes
from vaekit.likelihoods import LIKELIHOODS, Gaussian, GaussianMixture, Likelihood
from vaekit.model import Model
from vaekit.shapes import log_prob
from vaekit.text import build, parse

RESIDUALS = 1 << 22  # give σ² to a tenth of a percent
FITTED = 10_000


class Mean(nn.Module):
    """Serve the mean of p(x|z) of a likelihood as the network of another, z (batch, H) → x."""

    def __init__(self, likelihood: Likelihood):
        super().__init__()
        self.likelihood = likelihood

    def forward(self, z: Tensor) -> Tensor:
        """Return G(z); a condition stands behind z already."""
        return self.likelihood(z[None]).mean[0]


def refit(model: Model, data: Dataset, noise: str, seed: int = 0) -> Model:
    """Return the model with the noise that `noise` names, fitted to residuals on `data`.

    `noise` is `gaussian` or `mixture(K)`; `data` should be what the model was trained on. Up to
    10 000 examples and four million entries of them are used, drawn from `seed`. The new model
    shares its networks with the old one, in evaluation mode. Raises `VaekitError` for a noise that
    cannot be fitted to residuals, and for residuals that are not finite.
    """
    made = _noise_on(model, noise)
    made.settle(residuals(model, data, seed))
    return model.with_parts(likelihood=made)


def _noise_on(model: Model, noise: str) -> Likelihood:
    if not isinstance(noise, str) or parse(noise)[0] not in ("gaussian", "mixture"):
        raise VaekitError(f"cannot refit {noise!r}: name gaussian or mixture(K), K ≥ 1")
    _check_noise_of_one_kind(model)
    made: Likelihood = build(noise, LIKELIHOODS, "likelihood", Mean(model.likelihood))
    return made.to(next(model.parameters()).device)


def _check_noise_of_one_kind(model: Model) -> None:
    check_model(model)
    if model.likelihood.missing:
        raise VaekitError(
            "a refit puts noise of one kind in place of the model's, and mixed columns have a law "
            "each: train with other laws, as in table('FILE', mixed=true, laws={income: student_t})"
        )


def with_noise(model: Model, numbers: Mapping[str, float]) -> Model:
    """Return the model with Gaussian noise of given numbers, as `Likelihood.noise` states them.

    They are σ² of one kind of noise, or σ_k² and π_k of several. Raises `VaekitError` for others.
    """
    _check_noise_of_one_kind(model)
    mean = Mean(model.likelihood)
    try:
        if "noise_variance" in numbers:
            noise = Gaussian(mean, math.sqrt(numbers["noise_variance"]))
            return model.with_parts(likelihood=noise)
        each = range(sum(name.startswith("noise_share_") for name in numbers))
        variances = torch.tensor([numbers[f"noise_variance_{k}"] for k in each])
        shares = torch.tensor([numbers[f"noise_share_{k}"] for k in each])
        made = GaussianMixture(mean, len(each))
    except (KeyError, TypeError, ValueError) as error:
        raise VaekitError(f"these are not σ² and π of Gaussian noise: {error}") from None
    made.log_std.copy_(0.5 * variances.log())
    made.log_share.copy_(shares.log())
    return model.with_parts(likelihood=made.to(next(model.parameters()).device))


@torch.no_grad()
def noise_gains(
    own: Model, others: Mapping[str, Model], data: Dataset, n: int = 10_000, seed: int = 0
) -> dict[str, Tensor]:
    """Return log p(x|z) of each model less that of `own`, (n,), float64, of up to `n` examples.

    The codes are drawn once for all, from the posterior of `own`, which they share.
    """
    rows, gains = rows_of(own, data, n), {name: list[Tensor]() for name in others}
    with drawing(seed), evaluating(own):
        for run in passes(own, data, rows):
            for name, model in others.items():
                p = model.decode(run.z, run.condition, run.x.shape)
                log_p = log_prob(p, run.x, p.batch_shape, "p(x|z)")
                gains[name].append((log_p - run.log_likelihood).double().mean(0).cpu())
    return {name: torch.cat(parts) for name, parts in gains.items()}


@torch.no_grad()
def residuals(model: Model, data: Dataset, seed: int = 0) -> Tensor:
    """Return squared residuals (x_d − G_d(z))², z ~ q(z|x), of entries of `data`, (n,)."""
    rows, parts = rows_of(model, data, FITTED), []
    with drawing(seed), evaluating(model):
        for run, part in zip(passes(model, data, rows), rows.split(CHUNK), strict=True):
            squares = (run.x - run.p.mean).square()
            check_finite_values(model, data, part, "the residual", squares[0])
            squares = squares.flatten()
            share = RESIDUALS * len(run.x) // len(rows)
            if share < len(squares):
                squares = squares[torch.randint(len(squares), (share,), device=squares.device)]
            parts.append(squares.cpu())
    return torch.cat(parts)
