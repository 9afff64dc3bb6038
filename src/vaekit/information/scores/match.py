"""How far the codes of all examples together are from the prior: entropies, and the MMD.

    q(z) = mean_x q(z|x)

A decoder that has only seen z ~ q(z) is asked for samples at z ~ p(z), so the two should be alike;
and [vimae] §5.1 reads h(q(z)) against h(p(z)) as the capacity that a code uses.

**Entropy** of the entries that are no one-hots, in nats. That of q(z) is not known; of all laws
with its covariance the Gaussian has the largest, so

    h(q(z)) ≤ ½ ln det 2πe Σ       Σ = Cov_x(μ) + mean_x diag(s²)

is an upper bound, tight where q(z) is Gaussian. Σ is that of the examples, without drawing z. A
latent that is dead in a deterministic code makes it −∞. h(p(z)) is exact for a normal and a
logistic prior, else the mean of −log p(z) over draws.

**Categories** have an entropy that can be computed: H(q(c)) of the mean probabilities, ln K where
all K are used alike, and H(q(c)) − mean_x H(q(c|x)) = I(x; c) is what they tell.

**MMD²(q(z), p(z))**: the unbiased estimate of the term `MMD`, over one draw from each q(z|x)
and as many of p(z), so that it may be below 0. `shuffled` has codes and draws of the prior
mixed: what codes that match would get, 0 on average.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vaekit.apply import (
    batches,
    condition_of,
    device_of,
    evaluating,
    reading_of,
    sample_codes,
)
from vaekit.data import Dataset
from vaekit.distributions import LOG_2PI, Density, Logistics, OneHots
from vaekit.errors import VaekitError
from vaekit.faults import check_finite_values, check_numbers
from vaekit.information.aggregated.categories import categories_of, other_entries
from vaekit.information.encoding import depends_on_condition, drawing, rows_of
from vaekit.information.rates import Direction
from vaekit.metrics import Row, Score, metric
from vaekit.model import Model
from vaekit.objectives.aggregate.matching import kernel, variance_of
from vaekit.priors.base import sampling

PAIRS, DRAWS = 2000, 20_000  # codes of the MMD at most, whose pairs are compared; of an entropy
_ROWS = 250  # of a block of distances


@torch.no_grad()
def match(model: Model, data: Dataset, n: int = 10_000, seed: int = 0) -> dict[str, Score]:
    """Return `mmd`, `code_entropy_gaussian`, `prior_entropy`, and entropies of categories.

    Reads up to `n` examples, 2000 for the MMD. Raises `VaekitError` for a model without a prior,
    with one that cannot be sampled, or one p(z|c) for each example, and n < 1.
    """
    rows = rows_of(model, data, n)
    drawn, means, spreads, q, p = [], [], [], None, None
    with drawing(seed), evaluating(model):
        for _, part, x, c in batches(model, data, rows):
            check_numbers(data, part, model.likelihood.known(x))
            with reading_of(data, model):
                q = model.encode(x, c)
            check_finite_values(model, data, part, "the code", q.mean, q.variance)
            p = prior_of(model, q.mean, c)
            for into, value in ((drawn, q.rsample()), (means, q.mean), (spreads, q.variance)):
                into.append(value.double().cpu())
        assert q is not None and p is not None
        with sampling("the MMD"):
            other = p.sample(torch.Size((len(rows),)))
        prior = prior_entropy(p, len(rows))
    width, other = float(variance_of(p, other)), other.double().cpu()
    z, mean, variance = (torch.cat(each) for each in (drawn, means, spreads))
    scores = {"mmd": _mmd(z[:PAIRS], other[:PAIRS], width, seed)}
    one_hots = categories_of(q)
    free = other_entries(z.shape[1], one_hots)
    if free:
        how = "upper bound on h(q(z)): entropy of a Gaussian of its covariance"
        bound = gaussian_entropy(mean[:, free], variance[:, free])
        scores["code_entropy_gaussian"] = _stated(bound, how, len(z), "upper bound")
        scores["prior_entropy"] = prior
    for name, where in one_hots.items():
        scores["category_entropy" + (f"_{name}" if name else "")] = _category(mean[:, where])
    return scores


@metric(
    "match",
    Row(
        "mmd",
        "are all codes together distributed as the prior?",
        "kernel units",
        "",
        title="MMD²",
        ideal="0",
        chance="any",
        mind="may be below 0; its value for mixed samples",
    ),
    Row(
        "code_entropy_gaussian",
        "how much does the code spread?",
        "nats",
        "",
        ideal="that of the prior",
        chance="any",
        mind="an upper bound, tight for Gaussian q(z)",
    ),
    Row("prior_entropy", "… and the prior?", "nats", "", ideal="any", chance="any"),
    Row(
        "category_entropy",
        "are all categories used?",
        "nats",
        "",
        ideal="ln K",
        chance="any",
        blocks=True,
    ),
    needs="prior",
    shuffled="shuffled",
)
def _match(subject: Any) -> dict[str, Score]:
    return match(subject.model, subject.data, subject.n, subject.seed)


def prior_of(model: Model, like: Tensor, c: Tensor | None = None) -> Density:
    """Return p(z); raise `VaekitError` for a model without one, or with p(z|c)."""
    if model.prior is None:
        raise VaekitError("this model has no prior that its codes could match")
    prior = model.expect(like, c)
    if depends_on_condition(prior):
        raise VaekitError("this model has a prior p(z|c) for each condition, and no p(z) to match")
    return prior


def unmatched(model: Model, data: Dataset) -> str:
    """Say why a model's codes have nothing to match, or nothing."""
    like = torch.zeros(1, model.posterior.latent, device=device_of(model))
    try:
        with torch.no_grad(), evaluating(model):
            prior_of(model, like, condition_of(model, data, torch.arange(1)))
    except VaekitError as error:
        return str(error)
    return unsampled(model, data)


def unsampled(model: Model, data: Dataset) -> str:
    """Say that a model has no prior, or one that cannot be sampled, or nothing."""
    try:
        sample_codes(model, 1, condition_of(model, data, torch.arange(1)))
    except VaekitError as error:
        return str(error).partition(",")[0]
    return ""


def gaussian_entropy(mean: Tensor, variance: Tensor) -> float:
    """Return ½ ln det 2πe Σ, Σ = Cov(mean) + mean of diag(variance), for (n, H); maybe −∞."""
    covariance = torch.cov(mean.T, correction=0).reshape(2 * mean.shape[1:])
    roots = torch.linalg.eigvalsh(covariance + variance.mean(0).diag())
    if float(roots[0]) <= 1e-12 * float(roots[-1]):  # what rounding leaves of 0
        return -math.inf
    return float(0.5 * (LOG_2PI + 1 + roots.log()).sum())


def prior_entropy(p: Density, n: int) -> Score:
    """Return h(p(z)) in nats over the entries that are no one-hots, exact (for n) or by draws.

    Raises `VaekitError` where draws are needed and there are none.
    """
    parts = [part for part in p.parts if not isinstance(part, OneHots)]
    exact = [_exact(part) for part in parts]
    if all(each is not None for each in exact):
        whole = sum(each for each in exact if each is not None)
        return _stated(whole, "exact entropy of p(z)", n, "exact")
    shape = torch.Size((DRAWS,))
    with sampling("its entropy"):
        each = sum((-part.log_prob(part.sample(shape)).double() for part in parts), torch.zeros(()))
    se = float(each.std() / math.sqrt(DRAWS))
    how = "mean of −log p(z) over draws of p(z)"
    return _stated(float(each.mean()), how, DRAWS, "consistent", se)


def _exact(p: Density) -> float | None:
    if isinstance(p, Logistics):
        return float((p.scale.double().log() + 2).sum())
    if p.univariate is None:
        return None
    try:
        return float(p.univariate.entropy().double().sum(-1))
    except NotImplementedError:
        return None


def _stated(
    value: float,
    how: str,
    n: int,
    direction: Direction,
    se: float | None = None,
    parts: Mapping[str, Any] | None = None,
) -> Score:
    return Score(value, parts, {"estimator": how, "n": n, "se": se, "direction": direction})


def _category(probabilities: Tensor) -> Score:
    """Return the entropy of the mean of probabilities (n, K), and in the parts I(x; c)."""
    whole = _row_entropy(probabilities.mean(0))
    parts = {
        "share": probabilities.mean(0).numpy(),
        "most": math.log(probabilities.shape[1]),
        "information": float(whole - _row_entropy(probabilities).mean()),
    }
    how = f"entropy of the mean q(c|x), at most ln K = {parts['most']:.3f}"
    # Of the examples used; of all of which these are a sample it is a lower bound in expectation.
    return _stated(float(whole), how, len(probabilities), "exact", parts=parts)


def _row_entropy(p: Tensor) -> Tensor:
    return torch.special.entr(p).sum(-1)


def _mmd(z: Tensor, other: Tensor, variance: float, seed: int) -> Score:
    """Return the unbiased MMD² with its standard error and the value for mixed samples."""
    if len(z) < 2:
        raise VaekitError("the MMD compares pairs of codes: judge two examples or more")
    both = torch.cat([z, other])
    order = np.random.default_rng(seed).permutation(len(both))
    one, two = torch.from_numpy(order).chunk(2)
    each, mixed = (_summands(a, b, variance) for a, b in ((z, other), (both[one], both[two])))
    how = f"unbiased MMD² of {len(z):,} codes and draws of p(z), inverse multiquadratic kernels"
    se = float(2 * each.std() / math.sqrt(len(z)))
    settings = {"estimator": how, "n": len(z), "se": se, "seed": seed}
    return Score(float(each.mean()), {}, settings, float(mixed.mean()))


def _summands(z: Tensor, other: Tensor, variance: float) -> Tensor:
    """Return h_i = mean_j≠i k(z_i, z_j) + k(z′_i, z′_j) − mean_j k(z_i, z′_j) + k(z_j, z′_i).

    (n,), whose mean is the U-statistic, and whose deviation by 2/√n its error far from 0 (Gretton
    et al. 2012, corollary 16).
    """
    n = len(z)
    own = kernel("imq", z.new_zeros(n), z.shape[1], variance)
    (first, _), (second, _) = _sums(z, z, variance), _sums(other, other, variance)
    across, back = _sums(z, other, variance)
    return (first + second - 2 * own) / (n - 1) - (across + back) / n


def _sums(a: Tensor, b: Tensor, variance: float) -> tuple[Tensor, Tensor]:
    """Return Σ_j k(a_i, b_j) and Σ_j k(a_j, b_i), (n,) each, in blocks of rows."""
    rows, columns = [], torch.zeros_like(b[:, 0])
    for part in a.split(_ROWS):
        squares = torch.cdist(part, b, compute_mode="donot_use_mm_for_euclid_dist").square()
        block = kernel("imq", squares, a.shape[1], variance)
        rows.append(block.sum(1))
        columns += block.sum(0)
    return torch.cat(rows), columns
