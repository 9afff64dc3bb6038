"""The rate in three parts: what z tells of x, what its coordinates share, how each is spread.

    KL(q(z|x)‖p(z))  =  I(x; z)  +  KL(q(z)‖Π_h q(z_h))  +  KL(Π_h q(z_h)‖p(z))      averaged over x

index-code mutual information, total correlation, dimension-wise KL (Chen et al. 2018, eq. 2). All
need the aggregate posterior q(z) = 1/N Σ_n q(z|x_n) over the whole data, which a step sees M
examples of. For z drawn from the example i of the batch, with weights w_ij on the others,

    log q(z) ≈ log Σ_j w_ij q(z|x_j)          and for each coordinate   log Σ_j w_ij q(z_h|x_j)

`stratified`: w_ii = 1/N and w_ij = (N − 1) / (N (M − 1)) for j ≠ i. The example itself is in every
data set, the others stand for the rest, so Σ_j w_ij q(z|x_j) is unbiased (its logarithm is too
small on average, as a logarithm's is). Public code often puts 1/N into one column in place of the
diagonal; then the mean is almost twice q(z).

`weighted`: w_ij = 1/(N M) (Chen et al., appendix C.1). A mean over the batch is divided by N once
more, so that where posteriors overlap each logarithm is too small by ln N: the total correlation of
H coordinates is too large by (H − 1) ln N, and the index-code information by ln N, above the ln N
that it can be. Where posteriors are so narrow that an example meets itself alone, what is missing
is ln M in place of ln N. It is meant for gradients. It is the form of the paper, `stratified` ours.

The three sum to the Monte-Carlo KL for any prior, whatever the weights. An estimate from one batch
is biased as long as the posteriors are narrow and the batch small: to report, use
`vaekit.information.aggregate`, which averages over all data.
"""

import math

import torch
from torch import Tensor

from vaekit.distributions.divergences import check_surface
from vaekit.errors import VaekitError, nearest
from vaekit.model import Pass
from vaekit.objectives.base import Term

SAMPLINGS = ("stratified", "weighted")


def log_weights(batch: int, size: int, sampling: str, like: Tensor | None = None) -> Tensor:
    """Return ln w_ij, (batch, batch), for a data set of `size`.

    Raises `VaekitError` for a batch above `size`, and for one example of many.
    """
    if not min(2, size) <= batch <= size:
        raise VaekitError(
            f"the aggregate posterior of {size} examples cannot be told from a batch of {batch}: "
            f"use a batch from {min(2, size)} to {size}, and drop_last=True with a DataLoader"
        )
    options = {} if like is None else {"device": like.device, "dtype": like.dtype}
    if sampling == "weighted":
        return torch.full((batch, batch), -math.log(size * batch), **options)
    others = math.log((size - 1) / (size * (batch - 1))) if size > 1 else 0.0
    return torch.full((batch, batch), others, **options).fill_diagonal_(-math.log(size))


def log_densities(run: Pass, size: int, sampling: str) -> tuple[Tensor, Tensor, Tensor]:
    """Return log q(z|x), log q(z) and Σ_h log q(z_h) of every code, each (samples, batch).

    Raises `VaekitError` for a posterior without a density by coordinate, and as `log_weights` does.
    """
    if not run.q.independent:
        raise VaekitError(
            "the total correlation needs a posterior with a density for each coordinate: "
            "use posterior Gaussian or Laplace"
        )
    each = run.q.log_prob_by_coordinate(run.z.unsqueeze(-2))  # [l, i, j, h] = log q(z_lih|x_j)
    weights = log_weights(each.shape[-2], size, sampling, each)
    joint = each.sum(-1)
    together = (joint + weights).logsumexp(-1)
    apart = (each + weights.unsqueeze(-1)).logsumexp(-2).sum(-1)
    return joint.diagonal(dim1=-2, dim2=-1), together, apart


class _Split(Term):
    """Estimate one part of the rate from a batch, in nats.

    `size` is the number of examples in the data; by default the loop tells it. Raises `VaekitError`
    for an unknown sampling and where the size is not known.
    """

    def __init__(self, sampling: str = "stratified", size: int | None = None):
        if sampling not in SAMPLINGS:
            raise nearest(str(sampling), SAMPLINGS, "sampling")
        if size is not None and not (isinstance(size, int) and size >= 1):
            raise VaekitError(f"the data set's size must be a whole number ≥ 1, got {size}")
        self.sampling, self.size = sampling, size
        self.name = f"{self.part}_{sampling}"

    part: str

    def set_size(self, size: int | None) -> None:
        """Take the size of the data, unless one was given."""
        self.size = self.size or size

    def densities(self, run: Pass) -> tuple[Tensor, Tensor, Tensor]:
        """Return what the three parts share, computed once in a pass."""
        if self.size is None:
            raise VaekitError(
                f"{self.name} needs the size of the data set: give size= to the term, or train on "
                "a data set that has a length"
            )
        return run.once(log_densities, self.size, self.sampling)


class IndexCodeMI(_Split):
    """Estimate I(x; z) = E log q(z|x) − log q(z), at most ln N."""

    part = "mutual_information"

    def __call__(self, run: Pass) -> Tensor:
        """Return the estimate in nats."""
        own, together, _ = self.densities(run)
        return (own - together).mean()


class TotalCorrelation(_Split):
    """Estimate TC = E log q(z) − Σ_h log q(z_h), 0 for independent coordinates.

    With `weighted` sampling it is too large, by (H − 1) ln N where posteriors overlap and less
    where they are narrow: for gradients only.
    """

    part = "total_correlation"

    def __call__(self, run: Pass) -> Tensor:
        """Return the estimate in nats."""
        _, together, apart = self.densities(run)
        return (together - apart).mean()


class DimensionwiseKL(_Split):
    """Estimate KL(Π_h q(z_h)‖p(z)) = E Σ_h log q(z_h) − log p(z), for any prior."""

    part = "dimensionwise_kl"

    def __call__(self, run: Pass) -> Tensor:
        """Return the estimate in nats; raise `VaekitError` for a model without a prior."""
        if run.prior is None:
            raise VaekitError(
                "the dimension-wise KL needs a prior: give the model one, for example "
                "prior=Normal(latent)"
            )
        _, _, apart = self.densities(run)
        check_surface(run.q, run.prior)
        return (apart - run.prior.log_prob(run.z)).mean()
