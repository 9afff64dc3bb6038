"""log p(x) by importance weights (Burda, Grosse & Salakhutdinov 2016, eq. 8).

    log p(x) ≥ E[ln 1/K Σ_k w_k],   w_k = p(x|z_k) p(z_k) / q(z_k|x),   z_k ~ q(z|x).

The mean over samples stands inside the logarithm, that over examples outside. K = 1 is the ELBO;
the bound rises with K (their Theorem 1) and tends to log p(x), slowly where q is far from p(z|x).

So it is of rows with missing entries, of which an encoder may be too sure. For a model of such rows
half of the codes come from the prior, and w_k = p(x|z_k) p(z_k) / ½ (p(z_k) + q(z_k|x)).
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from vaekit.apply import CHUNK
from vaekit.brief import brief_repr
from vaekit.data import Dataset
from vaekit.distributions import Density
from vaekit.distributions.divergences import log_ratio
from vaekit.errors import VaekitError
from vaekit.faults import check_finite_values
from vaekit.information.encoding import drawing, encoded, rows_of
from vaekit.information.rates import Number, mean_number
from vaekit.model import Model
from vaekit.shapes import log_prob

EXAMPLES = 1_000  # by default: each costs `samples` passes of the decoder


@dataclass(frozen=True)
class LogLikelihood:
    """Hold the bound on log p(x) of each example in nats, float64 (n,), by `samples` codes each."""

    values: Tensor
    samples: int

    __repr__ = brief_repr

    @property
    def mean(self) -> float:
        """Return the mean over examples."""
        return float(self.values.mean())

    def numbers(self) -> dict[str, Number]:
        """Return the mean as a lower bound, with its standard error over examples."""
        how = f"lower bound on log p(x): importance weights of {self.samples:,} codes an example"
        return {"log_likelihood": mean_number(self.values, how, direction="lower bound")}


@torch.no_grad()
def log_likelihood(
    model: Model, data: Dataset, n: int = EXAMPLES, samples: int = 100, seed: int = 0
) -> LogLikelihood:
    """Bound log p(x) of up to `n` examples from below by `samples` weighted codes for each.

    It is log p(x|c) for a conditional model, and with Bernoulli entries and grey pixels the log of
    an expected likelihood, no density. Raises `VaekitError` for a deterministic code, a model
    without a prior, an example whose bound is not finite, by its row, n or samples < 1.
    """
    rows = rows_of(model, data, n, samples=samples)
    if model.prior is None:
        raise VaekitError("log p(x) needs a prior p(z), and this model has none: train a vae")
    values, held = [], min(samples, CHUNK)
    with drawing(seed):
        for part in encoded(model, data, rows, CHUNK // held):
            assert part.prior is not None
            counts = [min(held, samples - done) for done in range(0, samples, held)]
            logs = [
                _log_weights(model, part.q, part.prior, part.x, part.condition, count)
                for count in counts
            ]
            values.append((torch.cat(logs).logsumexp(0) - math.log(samples)).cpu())
    bounds = torch.cat(values)
    check_finite_values(model, data, rows, "the bound on log p(x)", bounds)
    return LogLikelihood(bounds, samples)


def _log_weights(
    model: Model, q: Density, prior: Density, x: Tensor, c: Tensor | None, count: int
) -> Tensor:
    """Return log p(x|z) + log p(z) − log q(z|x), (count, batch), float64."""
    if model.likelihood.missing:
        z, weights = spread_codes(q, prior, count)
        p = model.decode(z, c, x.shape)
        return log_prob(p, x, p.batch_shape, "p(x|z)").double() + weights
    z = q.rsample((count,))
    p = model.decode(z, c, x.shape)
    whole = (p, x, p.batch_shape, "p(x|z)"), (prior, z, z.shape[:-1], "p(z)")
    told, expected = (log_prob(*each).double() for each in whole)
    return told + expected - log_prob(q, z, z.shape[:-1], "q(z|x)").double()


def spread_codes(q: Density, prior: Density, count: int) -> tuple[Tensor, Tensor]:
    """Draw codes, half from the prior and half from q(z|x), (count, batch, H).

    And return ln of p(z) / ½ (p(z) + q(z|x)), (count, batch), float64: with it they stand for draws
    of the prior, wherever q is too narrow or the prior too wide to be drawn from alone.
    """
    spread = count // 2
    shape = (spread,) if prior.batch_shape else (spread, *q.batch_shape)
    z = torch.cat([prior.sample(torch.Size(shape)), q.rsample((count - spread,))])
    ratio = log_ratio(q, prior, z, exact=True).double()  # ln q − ln p
    shares = torch.tensor([spread, count - spread], dtype=ratio.dtype, device=ratio.device) / count
    return z, -torch.logaddexp(shares[0].log(), ratio + shares[1].log())
