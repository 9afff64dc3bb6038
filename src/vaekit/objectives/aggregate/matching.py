"""Divergences of the aggregate posterior q(z) from the prior: they match all codes together.

The rate holds every q(z|x) to the prior and so costs information; these hold their mixture to it,
so that a code may be sharp and yet be sampled from the prior. Any prior that can be sampled serves.

**MMD** (Gretton et al. 2012, eq. 3, the unbiased U-statistic over n codes z and n draws z′ of the
prior; the pairs of one with itself are left out, so it may be below 0):

    1/n(n−1) Σ_{i≠j} k(z_i, z_j) + 1/n(n−1) Σ_{i≠j} k(z′_i, z′_j) − 2/n² Σ_{i,j} k(z_i, z′_j)

`imq`, the inverse multiquadratic of the WAE (Tolstikhin et al. 2018): Σ_c C/(C + ‖z − z′‖²) with
C = 2 H σ_p² c, c ∈ {.1, .2, .5, 1, 2, 5, 10}, whose tails reach far codes; `rbf` is
exp(−2‖z − z′‖²/H).

**Adversarial** (Makhzani et al. 2016; WAE-GAN): a critic tells draws of the prior from codes, and
the encoder is to be taken for the prior. With D's logit = log p(z)/q(z) at its best, the term
is E_q softplus(−logit), or with `ratio` E_q(−logit), the estimate of KL(q(z)‖p(z)) itself.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vaekit.distributions.base import Density
from vaekit.errors import VaekitError, nearest
from vaekit.model import Model, Pass
from vaekit.networks import networks
from vaekit.objectives.base import Adversarial, Term, adam_settings, critic_rate
from vaekit.priors.base import sampling

KERNEL_SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
KERNELS = ("imq", "rbf")
MEDIAN = 0.4549364  # of the square of a standard normal
WHOLE = 256  # codes whose pairs are looked at twice rather than divided
CACHED = 1 << 18  # pairs at a time: tables of them stay in the caches, and occupy every core


def draws(run: Pass) -> Tensor:
    """Return as many draws of the prior as the pass has codes, (samples · batch, H).

    Raises `VaekitError` for a model without a prior, and a prior that cannot be sampled.
    """
    if run.prior is None:
        raise VaekitError(
            "matching the prior needs a prior: give the model one, for example prior=Normal(latent)"
        )
    shape = run.z.shape[: run.z.dim() - 1 - len(run.prior.batch_shape)]
    draw = run.prior.rsample if run.prior.has_rsample else run.prior.sample
    with sampling("matching it"):
        return draw(torch.Size(shape)).flatten(0, -2)


def kernel(name: str, squares: Tensor, latent: int, variance: Tensor | float = 1.0) -> Tensor:
    """Return k of squared distances, with C = 2 · latent · variance · c for `imq`."""
    if name == "rbf":
        return (-2 / latent * squares).exp()
    wide = torch.as_tensor(2 * latent * variance, dtype=squares.dtype, device=squares.device)
    return _Multiquadratics.apply(squares / wide.detach())  # pyright: ignore[reportReturnType]


class _Multiquadratics(torch.autograd.Function):
    """Sum c/(c + d) over the scales c, with the derivative −c/(c + d)² made on the way.

    Recorded operation by operation it would keep, and read again, fourteen tables of all pairs.
    """

    @staticmethod
    def forward(ctx: Any, squares: Tensor) -> Tensor:
        total, slope = torch.zeros_like(squares), None
        if ctx.needs_input_grad[0]:
            slope = torch.zeros_like(squares)
        rows = max(1, CACHED // max(1, squares.shape[-1]))
        slopes = [None] * len(squares) if slope is None else slope.split(rows)
        for part, into, down in zip(squares.split(rows), total.split(rows), slopes, strict=False):
            for scale in KERNEL_SCALES:
                one = (part + scale).reciprocal_()
                into.add_(one, alpha=scale)
                if down is not None:
                    down.addcmul_(one, one, value=-scale)
        if slope is not None:
            ctx.save_for_backward(slope)
        return total

    @staticmethod
    def backward(ctx: Any, *gradient: Tensor) -> Tensor:
        (slope,) = ctx.saved_tensors
        return gradient[0] * slope


def mmd(z: Tensor, other: Tensor, name: str = "imq", variance: Tensor | float = 1.0) -> Tensor:
    """Return the unbiased squared MMD of two samples (n, H) and (m, H), n, m ≥ 2, a scalar.

    Raises `VaekitError` for fewer than two of either, and an unknown kernel.
    """
    if name not in KERNELS:
        raise nearest(str(name), KERNELS, "kernel")
    if min(len(z), len(other)) < 2:
        raise VaekitError(
            "MMD compares pairs: one sample is not enough, it needs two codes or more of each, got "
            f"{len(z)} and {len(other)}"
        )

    def across(a: Tensor, b: Tensor) -> Tensor:
        return kernel(name, _squares(a, b), a.shape[-1], variance)

    def within(a: Tensor) -> Tensor:  # each pair once, where the table is large
        if len(a) <= WHOLE:
            table = across(a, a)
            return table.sum() - table.diagonal().sum()
        left, right = a.tensor_split(2)
        return within(left) + within(right) + 2 * across(left, right).sum()

    def mean(a: Tensor) -> Tensor:
        return within(a) / (len(a) * (len(a) - 1))

    return mean(z) + mean(other) - 2 * across(z, other).mean()


def _squares(a: Tensor, b: Tensor) -> Tensor:
    """Return ‖a_i − b_j‖², (n, m), by a product, from a middle that keeps the rounding small.

    It is of the order of 1e-7 of the codes' own squares, where a kernel is as wide as those.
    """
    with torch.autocast(a.device.type, enabled=False):
        exact = torch.promote_types(a.dtype, torch.float32)
        middle = b.detach().to(exact).mean(0)
        a, b = a.to(exact) - middle, b.to(exact) - middle
        across = torch.addmm(b.square().sum(-1), a, b.mT, alpha=-2)
        return (across + a.square().sum(-1, keepdim=True)).clamp_min(0)


def variance_of(p: Density, draws: Tensor) -> Tensor:
    """Return the mean variance of p's coordinates, by draws (n, H) where it knows none.

    Where it is infinite, that of the normal with the same median of z² stands for it.
    """
    draws = draws.detach()
    try:
        variance = p.variance.detach()
    except NotImplementedError:  # a prior need not know its moments
        variance = draws.var(0, correction=0)
    alike = draws.square().median(0).values / MEDIAN
    return torch.where(variance.isfinite(), variance, alike).mean()


class MMD(Term):
    """Return the squared MMD between the codes of the batch and as many draws of the prior.

    It is no divergence in nats: its weight is a scale of its own. σ_p² of the kernel is the prior's
    mean variance, as `variance_of` has it. Raises `VaekitError` as `mmd` and
    `draws` do.
    """

    name = "mmd"

    def __init__(self, kernel: str = "imq"):
        if kernel not in KERNELS:
            raise nearest(str(kernel), KERNELS, "kernel")
        self.kernel = kernel

    def __call__(self, run: Pass) -> Tensor:
        """Return the U-statistic."""
        other = draws(run)
        assert run.prior is not None
        return mmd(run.z.flatten(0, -2), other, self.kernel, variance_of(run.prior, other))


class AdversarialPrior(Adversarial):
    """Match codes to the prior by a critic, a `network` (n, H) → (n, 1).

    Its loss is ½ E_p softplus(−logit) + ½ E_q softplus(logit). Raises `VaekitError` for a model
    without a prior, a network with more than one output, and numbers that Adam cannot take.
    """

    name = "prior_adversarial"

    def __init__(
        self,
        network: nn.Module,
        ratio: bool = False,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.5, 0.999),
    ):
        super().__init__()
        self.network, self.ratio = network, ratio
        self.adam = adam_settings(lr, betas)

    def forward(self, run: Pass) -> Tensor:
        """Return what the encoder is to minimise; its gradient does not reach the critic."""
        z = run.z.flatten(0, -2)
        logit = self.judged(self.still(z), len(z))
        return -logit.mean() if self.ratio else F.softplus(-logit).mean()

    def loss(self, run: Pass) -> Tensor:
        """Return the critic's loss, whose gradient reaches the critic alone."""
        codes, other = run.z.detach().flatten(0, -2), draws(run).detach()
        both = torch.cat([codes, other])
        ours, theirs = self.judged(self.network(both), len(both)).chunk(2)
        return 0.5 * (F.softplus(-theirs).mean() + F.softplus(ours).mean())


def adversarial_prior(
    model: Model,
    discriminator: str = "mlp(512, 512, 512, 512)",
    ratio: bool = False,
    critic_lr: float = 5e-4,
) -> AdversarialPrior:
    """Build the term with a critic of the model's codes, by the text of its hidden layers.

    Raises `VaekitError` as `networks` does, and for a learning rate that is none.
    """
    critic = networks(discriminator).encoder((model.posterior.latent,), 1)
    return AdversarialPrior(critic, ratio, critic_rate(critic_lr))
