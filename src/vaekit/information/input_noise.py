"""Rate and information of a deterministic encoder with noise on its input, to first order.

A code z = f(x + ε) is as random as its noise: with ε of independent entries of variance V, and
J = ∂f/∂x at x,

    z ≈ f(x) + J ε,     q(z|x) ≈ N(f(x), V J Jᵀ),     h(z|x) ≈ ½ ln det(2πe V J Jᵀ)

[vimae] trains such an encoder and never says what it keeps. To this order, with draws z = f(x + ε),

    rate     KL(q(z|x)‖p(z)) ≈ −h(z|x) − E log p(z)           an upper bound on I(x; z)
    I(x; z)  = h(z) − E h(z|x) ≤ ½ ln det(2πe Cov z) − E h(z|x)
    KL(q(z)‖p(z)) = rate − I(x; z)

Cov z is that of n codes. For Gaussian codes ln det of it is too small in the mean, by
H ln(2/(n − 1)) + Σ_i ψ((n − i)/2), i = 1 … H, which is taken off, and varies by Σ_i ψ′((n − i)/2),
which is part of the error; it takes n > H + 1 codes.

The code of a clean x, which evaluation reads, has no density and an infinite rate; these numbers
are those of the encoder that was trained. A sum of many small independent parts is near a Gaussian
whatever the law of ε. Where a latent stands still, h(z|x) is −∞ and both numbers are infinite.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from vaekit.brief import brief_repr
from vaekit.data import Dataset
from vaekit.data.border import evenly_spaced
from vaekit.distributions import LOG_2PI
from vaekit.errors import VaekitError, warn
from vaekit.faults import check_finite_values
from vaekit.information.diagnostics import spectra
from vaekit.information.encoding import drawing, encodings, posterior_of, rows_of
from vaekit.information.rates import Number, mean_number
from vaekit.information.scores.match import gaussian_entropy
from vaekit.model import Model
from vaekit.shapes import log_prob

JACOBIAN_EXAMPLES = 1000  # whose Jacobians are computed, each a backward pass for every latent
_DEAD = 1e-7  # a singular value by the largest, which is 0 but for rounding


@dataclass(frozen=True)
class FirstOrder:
    """Hold what is known of each example in nats, float64 (n,), as the module says.

    `distortion` is −log p(x|z) of the drawn code; `rate` is None without a prior. `spread_error` is
    the standard error of ½ ln det Cov z, which is one number in all of `information`.
    """

    distortion: Tensor
    rate: Tensor | None
    information: Tensor
    variance: float
    spread_error: float

    __repr__ = brief_repr

    def numbers(self) -> dict[str, Number]:
        """Return `rate_first_order`, with a prior, and `information_first_order`."""
        how = f"to first order in the input's noise of variance {self.variance:.3g}"
        text = f"½ ln det 2πe Cov(z) − h(z|x), {how}: an upper bound on I(x; z)"
        told = mean_number(self.information, text, direction="upper bound")
        told = replace(told, se=math.hypot(told.se or 0.0, self.spread_error))
        if self.rate is None:
            return {"information_first_order": told}
        text = f"−h(z|x) − log p(z), {how}: an upper bound on I(x; z)"
        rate = mean_number(self.rate, text, direction="upper bound")
        return {"rate_first_order": rate, "information_first_order": told}


def first_order(model: Model, data: Dataset, n: int = 10_000, seed: int = 0) -> FirstOrder | None:
    """Return rate and information of up to 1000 of `n` examples, which all give Cov(z).

    None, with a warning, where a latent stands still or n ≤ H + 1. Raises `VaekitError` for a model
    whose code is not as described, n < 1, and codes that are not finite.
    """
    lack = unfit_for_first_order(model, data)
    if lack:
        raise VaekitError(f"{lack}: judge a deterministic encoder with noise on its input")
    assert model.corruption is not None and model.corruption.variance is not None
    rows, variance = rows_of(model, data, n), model.corruption.variance
    some = evenly_spaced(len(rows), JACOBIAN_EXAMPLES)
    singular = spectra(model, data, rows[some])
    if count := int((singular[:, -1] <= _DEAD * singular[:, 0]).sum()):
        warn(
            "no rate to first order, as it is infinite: some latents do not move with x, or only "
            f"together with others, at {count} of {len(some)} examples"
        )
        return None
    if len(rows) <= singular.shape[1] + 1:
        warn(f"no rate to first order: Cov(z) needs more examples than {len(rows)}")
        return None
    with drawing(seed):
        parts = list(_noisy_codes(model, data, rows))
    codes, distortion, prior = (
        torch.cat([each for each in column if each is not None] or [torch.empty(0)])
        for column in zip(*parts, strict=True)
    )
    entropy = singular.log().sum(1)
    entropy += 0.5 * singular.shape[1] * (math.log(variance) + LOG_2PI + 1)
    spread, error = _spread_entropy(codes)
    information = spread - entropy
    rate = -entropy - prior[some] if len(prior) else None
    return FirstOrder(distortion[some], rate, information, variance, error)


def _spread_entropy(codes: Tensor) -> tuple[float, float]:
    """Return ½ ln det 2πe Cov(z) of codes (n, H) without its bias, and its standard error."""
    n, size = codes.shape
    half = 0.5 * (n - torch.arange(1, size + 1, dtype=torch.float64))
    short = size * math.log(2 / n) + float(torch.digamma(half).sum())  # of the mean over n
    entropy = gaussian_entropy(codes, torch.zeros_like(codes)) - 0.5 * short
    return entropy, 0.5 * float(torch.polygamma(1, half).sum()) ** 0.5


@torch.no_grad()
def _noisy_codes(
    model: Model, data: Dataset, rows: Tensor
) -> Iterator[tuple[Tensor, Tensor, Tensor | None]]:
    """Yield codes of noisy inputs (n, H), −log p(x|z) and log p(z), (n,), float64, in chunks."""
    noise = model.corruption
    assert noise is not None
    for part, x, c, q in encodings(model, data, rows, corruption=noise):
        z = q.mean
        p = model.decode(z[None], c, x.shape)
        distortion = -log_prob(p, x, p.batch_shape, "p(x|z)")[0]
        check_finite_values(model, data, part, "the distortion", distortion)
        prior = None if model.prior is None else model.expect(z, c).log_prob(z).double().cpu()
        yield z.double().cpu(), distortion.double().cpu(), prior


def unfit_for_first_order(model: Model, data: Dataset) -> str:
    """Say why a model has no rate to first order, or nothing."""
    q, noise = posterior_of(model, data), model.corruption
    if not q.deterministic or q.sizes:
        return "this model's code is not deterministic as a whole"
    if noise is None or not noise.variance:
        return "this model's code is deterministic, and its input has no noise of a known variance"
    if q.event_shape[-1] > math.prod(data.shape):
        return "this model's code has more entries than its input, so that it has no density"
    return ""
