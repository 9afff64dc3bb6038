"""The indicators of [noise], §4.4 and §7.1.1: information from the moments of Gaussian codes.

With q(z|x) = N(μ(x), diag s(x)²), p(z) = N(0, I), and means over M examples, let q*(z) be the
Gaussian of zero mean and independent coordinates that lies nearest to the aggregate posterior q(z).
The paper looks for it by gradient (eq. 28); it has a closed form:

    q*(z) = Π_h N(0, v_h),   v_h = mean_x(μ_h² + s_h²).

    Def. 1   R   = mean KL(q(z|x)‖p(z))      the rate
    Def. 2   Ĩ   = mean KL(q(z|x)‖q*(z))     of I(x; z)
    Def. 3   Ĩ_h = the same for coordinate h
    Def. 4   D̃   = R − Ĩ                     of KL(q(z)‖p(z))
    Def. 5   D̄   = KL(q*(z)‖p(z)) = Σ_h ½ (v_h − 1 − ln v_h)
    Def. 6   Ī   = R − D̄                     of I(x; z)
    Def. 7   Ī_h = the same for coordinate h

The paper saw Def. 4 and 5 agree and left it at that. With this q* they are one number: R_h − Ĩ_h is
the mean of ½ w (1 − 1/v_h) − ½ ln v_h over w = μ_h² + s_h², whose mean is v_h. So Def. 6 is Def. 2,
and Def. 7 is Def. 3.

Corollary 1 of the paper writes mean KL(q(z|x)‖q*) = I + KL(q(z)‖p(z)); right is

    Ĩ = I(x; z) + KL(q(z)‖q*(z)),

so that Ĩ is an upper bound on I, never above R, and D̃ a lower bound on KL(q(z)‖p(z)). Both are
tight where the aggregate is a Gaussian of mean zero without correlations. A code that is shifted by
m_h = mean_x μ_h pays for the shift, though it tells nothing of x: with q* of mean m and variance
v_h − m_h², which is the nearest of all, the bound is tighter,

    Ĩᶜ_h = Ĩ_h + ½ ln(1 − m_h²/v_h),

named `centred` here; it is none of the paper's definitions. Ĩ_h bounds I(x; z_h) from above too,
but Σ_h I(x; z_h) is I(x; z) plus the total correlation of q(z): what two coordinates both tell
counts twice.

Counted are the coordinates of normal variance, v_h ≥ 0.8, and the influential ones, Ī_h > 0.5 nats.
"""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from vaekit.brief import brief_repr
from vaekit.data import Dataset
from vaekit.distributions import Density, DiagonalGaussian, StandardNormal
from vaekit.distributions.divergences import kl_by_coordinate
from vaekit.errors import VaekitError
from vaekit.faults import check_finite_values
from vaekit.information.aggregated.parts import join
from vaekit.information.encoding import encoded, rows_of
from vaekit.information.rates import WIDE, Number, mean_number
from vaekit.model import Model

INFLUENTIAL = 0.5  # nats


@dataclass(frozen=True)
class Indicators:
    """Hold Definitions 1–7 in nats, by coordinate as float64 (H,), from n examples.

    `v` is the variance of q*, `rate` Def. 1, `information` Def. 3, `aggregate_kl` Def. 5,
    `remainder` Def. 7. `rates` and `informations` (n,) are the summands of Def. 1 and 2. `spread`
    is v_h less the square of the mean of μ_h, `centreds` (n,) are the summands of Ĩᶜ.
    """

    v: Tensor
    rate: Tensor
    information: Tensor
    rates: Tensor
    informations: Tensor
    spread: Tensor
    centreds: Tensor

    __repr__ = brief_repr

    @property
    def centred(self) -> Tensor:
        """Return Ĩᶜ_h, (H,): an upper bound on I(x; z_h) that a shift of the code leaves alone."""
        return self.information + 0.5 * (self.spread / self.v).log()

    @property
    def shift(self) -> Tensor:
        """Return the share of v_h that is the square of the mean of μ_h, (H,)."""
        return 1 - self.spread / self.v

    @cached_property
    def aggregate_kl(self) -> Tensor:
        """Return KL(q*(z_h)‖p(z_h)) = ½ (v_h − 1 − ln v_h), (H,): Def. 5 is its sum."""
        return 0.5 * (self.v - 1 - self.v.log())

    @property
    def remainder(self) -> Tensor:
        """Return R_h − KL(q*(z_h)‖p(z_h)), (H,): Def. 7, whose sum is Def. 6."""
        return self.rate - self.aggregate_kl

    @property
    def difference(self) -> Tensor:
        """Return R_h − Ĩ_h, (H,): Def. 4 is its sum, a lower bound on KL(q(z)‖p(z))."""
        return self.rate - self.information

    @property
    def order(self) -> Tensor:
        """Return the coordinates from the most informative to the least, int64 (H,)."""
        return self.information.argsort(descending=True, stable=True)

    @property
    def normal_variance(self) -> Tensor:
        """Tell which coordinates are as wide as the prior, v_h ≥ 0.8, bool (H,)."""
        return self.v >= WIDE

    @property
    def influential(self) -> Tensor:
        """Tell which coordinates carry Ī(x; z_h) > 0.5 nats, bool (H,)."""
        return self.remainder > INFLUENTIAL

    def numbers(self) -> dict[str, Number]:
        """Return Def. 2 and 4 with their directions, and the counts.

        Their standard errors need no part for q*: at the minimum the derivative in v is 0.
        """
        n, unit = len(self.rates), f"units of {len(self.v)}"
        many, wide = int(self.influential.sum()), int(self.normal_variance.sum())
        return {
            "information_gaussian": mean_number(
                self.informations,
                "upper bound on I(x; z): mean KL(q(z|x)‖q*), q* = Π N(0, v_h); Def. 2 and 6",
                direction="upper bound",
            ),
            "information_gaussian_centred": mean_number(
                self.centreds,
                "upper bound on I(x; z): the same with q* = Π N(mean μ_h, v_h − (mean μ_h)²), "
                "whatever the shift of the code",
                direction="upper bound",
            ),
            "aggregate_kl_gaussian": mean_number(
                self.rates - self.informations,
                "lower bound on KL(q(z)‖p(z)): rate less that = KL(q*‖p); Def. 4 and 5",
                direction="lower bound",
            ),
            "influential_units": Number(
                many, f"count of Ī(x; z_h) > {INFLUENTIAL}; Def. 7", n, None, unit, "exact"
            ),
            "normal_variance_units": Number(
                wide, f"count of v_h = mean(μ_h² + s_h²) ≥ {WIDE}", n, None, unit, "exact"
            ),
        }


@torch.no_grad()
def indicators(model: Model, data: Dataset, n: int = 10_000) -> Indicators:
    """Compute Definitions 1–7 of [noise] on up to `n` examples, the same ones each time.

    For a conditional model an example is x with its condition. Raises `VaekitError` unless the
    posterior has independent coordinates, of a law whose KL to a Gaussian is known, and the prior
    is N(0, I), for codes that are not finite, n < 1.
    """
    posteriors: list[Density] = []
    rows = rows_of(model, data, n)
    for part in encoded(model, data, rows):
        complaint = unfit(part.q, part.prior)
        if complaint:
            raise VaekitError(complaint)
        posteriors.append(part.q)
    q = join(posteriors)
    v, centre = (q.mean**2 + q.variance).mean(0), q.mean.mean(0)
    spread = ((q.mean - centre) ** 2 + q.variance).mean(0)
    rates = _known_kl(q, StandardNormal(torch.zeros_like(v)))
    informations = _known_kl(q, DiagonalGaussian(torch.zeros_like(v), 0.5 * v.log()))
    centreds = _known_kl(q, DiagonalGaussian(centre, 0.5 * spread.log())).sum(1)
    check_finite_values(model, data, rows, "the information", rates, informations, centreds)
    known = v, rates.mean(0), informations.mean(0), rates.sum(1), informations.sum(1)
    return Indicators(*known, spread, centreds)


def unfit(q: Density, prior: Density | None) -> str:
    """Say why the indicators are not defined for these two, or nothing."""
    if isinstance(prior, StandardNormal) and kl_by_coordinate(q, prior) is not None:
        return ""
    have = f"this model has {q.kind} and {prior.kind if prior else 'none'}"
    return (
        "the indicators need a Gaussian posterior, or another of independent coordinates whose KL "
        "to a normal is known, and one standard normal prior for all examples, but "
        f"{have}: use information.aggregate"
    )


def _known_kl(q: Density, p: Density) -> Tensor:
    kl = kl_by_coordinate(q, p)
    assert kl is not None
    return kl
