"""What is known of each example about the parts of a code: the columns that a ledger adds up.

For each example codes are drawn from q(z|x), decoded, and held against all posteriors: one of each
of 10 000 examples, and up to ten of each of fewer, so that ten thousand say what there is to say.
What is known of an example is the mean over its codes. Of a category, whose K outcomes can be
summed, nothing is drawn:

    I(x; c) = mean Σ_k π_k(x) ln π_k(x)/π̄_k        KL(q(c)‖p(c)) = mean Σ_k π_k(x) ln π̄_k/p_k
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from vaekit.apply import CHUNK
from vaekit.brief import brief_repr
from vaekit.data import Dataset
from vaekit.distributions import Density, DiagonalGaussian, OneHots
from vaekit.distributions.divergences import all_known
from vaekit.faults import check_finite_values
from vaekit.information.aggregated.parts import (
    RATE_CODES,
    Part,
    aggregated,
    category_entropy,
    join,
    log_prior,
    log_prior_apart,
    rate_of,
)
from vaekit.information.encoding import depends_on_condition, drawing, encoded
from vaekit.model import Model
from vaekit.shapes import log_prob

DRAWS = 10_000  # codes in all, ten an example at most


class Account(NamedTuple):
    """Hold what is known of each example about one part of the code, in nats, float64 (n,).

    `rate` KL(q(z|x)‖p(z)), `exact` where a closed form gave it; `information` log q(z|x) − log
    q(z), `kl` log q(z) − log p(z), `joint` log q(z), `correlation` log q(z) − Σ_h log q(z_h),
    `dimensions` Σ_h log q(z_h) − log p(z_h). None where the prior, or atoms of q, are not known.
    """

    part: Part
    q: Density
    rate: Tensor | None
    exact: bool
    information: Tensor
    kl: Tensor | None
    joint: Tensor
    correlation: Tensor | None
    dimensions: Tensor | None

    __repr__ = brief_repr

    @property
    def categories(self) -> int | None:
        """Return K where the part is one of K categories."""
        return self.q.event_shape[-1] if isinstance(self.q, OneHots) else None


class Books(NamedTuple):
    """Hold the distortion −log p(x|z) of each example, (n,), and the accounts of parts.

    `codes` were drawn for each; `conditional` is a prior p(z|c), which is no p(z).
    """

    distortion: Tensor
    accounts: list[Account]
    conditional: bool
    codes: int

    __repr__ = brief_repr


class _Columns(NamedTuple):
    rate: tuple[Tensor, bool] | None
    prior: Tensor | None
    apart: Tensor | None


@torch.no_grad()
def account(model: Model, data: Dataset, rows: Tensor, parts: list[Part], seed: int) -> Books:
    """Draw codes for each of `rows` and fill in the accounts of `parts`.

    Raises `VaekitError` for deterministic codes, for posteriors that do not show their parameters,
    and for an example of which a number is not finite, by its row.
    """
    qs, zs, distortions, conditional = [], [], [], False
    columns: list[list[_Columns]] = []
    codes = max(1, min(10, DRAWS // len(rows)))
    with drawing(seed):
        for x, told, q, p in encoded(model, data, rows, CHUNK // codes):
            assert p is not None
            qs.append(join([q]))
            zs.append(qs[-1].rsample((codes,)))
            z = zs[-1].to(q.mean)
            decoded = model.decode(z, told, x.shape)
            logs = log_prob(decoded, x, decoded.batch_shape, "p(x|z)")
            distortions.append(-logs.mean(0))
            conditional = depends_on_condition(p)
            more = q.rsample((RATE_CODES,))
            columns.append([_columns(q, p, z, more, part.places) for part in parts])
    whole, z = join(qs), torch.cat(zs, 1)
    each = [[chunk[i] for chunk in columns] for i in range(len(parts))]
    accounts = [
        _account(part, whole, z, chunks, conditional)
        for part, chunks in zip(parts, each, strict=True)
    ]
    distortion = torch.cat(distortions).cpu().double()
    check_finite_values(model, data, rows, "the distortion", distortion)
    for one in accounts:
        numbers = one.rate, one.information, one.kl, one.correlation, one.dimensions
        check_finite_values(model, data, rows, f"the information of the {one.part.name}", *numbers)
    return Books(distortion, accounts, conditional, codes)


def _columns(q: Density, p: Density, z: Tensor, more: Tensor, at: list[int]) -> _Columns:
    if isinstance(q.marginal(at), OneHots):  # the mean of log p(z), which is linear in a one-hot
        z = q.mean[None]
    prior, apart = log_prior(p, z, at), log_prior_apart(p, z, at)
    means = (None if logs is None else logs.mean(0) for logs in (prior, apart))
    return _Columns(rate_of(q, p, more, at), *means)


def _account(
    part: Part, whole: Density, z: Tensor, chunks: list[_Columns], conditional: bool
) -> Account:
    q, z = whole.marginal(part.places), z[..., part.places]
    rates = [chunk.rate for chunk in chunks]
    rate = _join_chunks([None if pair is None else pair[0] for pair in rates])
    exact = rates[0] is not None and rates[0][1]
    joint, alone = _aggregated(z, q)
    prior = None if conditional else _join_chunks([chunk.prior for chunk in chunks])
    apart = None if conditional else _join_chunks([chunk.apart for chunk in chunks])
    if isinstance(q, OneHots):
        surprise = category_entropy(q)
        information = q.log_prob(q.mean) + surprise
        kl = None if prior is None else -surprise - prior
        return Account(part, q, rate, exact, information, kl, joint, None, None)
    kl = None if prior is None else joint - prior
    correlation = None if alone is None or len(part.places) == 1 else joint - alone
    dimensions = None
    if correlation is not None and alone is not None and apart is not None:
        dimensions = alone - apart
    information = q.log_prob(z).mean(0) - joint
    return Account(part, q, rate, exact, information, kl, joint, correlation, dimensions)


def _aggregated(z: Tensor, q: Density) -> tuple[Tensor, Tensor | None]:
    """Return means over the codes (codes, n, H) of each example of log q(z) and Σ log q(z_h)."""
    joint, alone = aggregated(z.flatten(0, 1), q)
    shape = z.shape[:2]
    return joint.view(shape).mean(0), None if alone is None else alone.view(shape).mean(0)


def _join_chunks(parts: Sequence[Tensor | None]) -> Tensor | None:
    known = all_known(parts)
    return torch.cat(known).cpu().double() if known else None


def gaussian_fit(q: DiagonalGaussian) -> Tensor:
    """Return KL(q(z|x)‖N(m, Σ)) of each example, (n,), m and Σ the moments of q(z).

    Its mean is ½ ln det Σ − E Σ_h ln s_h(x), an upper bound on I(x; z).
    """
    apart = q.mean - q.mean.mean(0)
    covariance = apart.mT @ apart / len(apart) + q.variance.mean(0).diag()
    root = torch.linalg.cholesky(covariance)
    scaled = torch.linalg.solve_triangular(root, apart.mT, upper=False).square().sum(0)
    inverse = torch.cholesky_inverse(root).diagonal()
    spread = (q.variance * inverse).sum(-1)
    logs = root.diagonal().log().sum() - q.log_std.sum(-1)
    return 0.5 * (scaled + spread - q.mean.shape[-1]) + logs
