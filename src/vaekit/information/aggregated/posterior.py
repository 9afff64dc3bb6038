"""The aggregate posterior q(z) = mean_x q(z|x), by Monte Carlo over all pairs of examples.

One z_n is drawn from q(z|x_n) for each of N examples, and log q(z_n) is the log-mean-exp of
log q(z_n|x_m) over all m, m = n included. With means over n,

    I(x; z)               E[log q(z|x) − log q(z)]
    total correlation     E[log q(z) − Σ_h log q(z_h)]
    dimension-wise KL     E[Σ_h log q(z_h) − log p(z)]
    KL(q(z)‖p(z))         E[log q(z) − log p(z)]

so that in the sample itself R = I + total correlation + dimension-wise KL, R = E[log q(z|x) −
log p(z)] (Hoffman & Johnson 2016; Chen et al. 2018, eq. 2). With a prior of independent coordinates
the last part is Σ_h KL(q(z_h)‖p(z_h)); with another it holds what the prior ties together too.

**Which way they err.** Of the N examples taken as the whole world these are unbiased. Of the
distribution that they came from, an average that includes z's own posterior makes log q(z) too
large, so that in expectation I is a lower bound (van den Oord et al. 2018; Poole et al. 2019,
eq. 12) and never more than ln N, and both KLs are upper bounds. The total correlation takes the
excess of the whole less those of the coordinates, mostly the former, and comes out too large.
Where I stands near ln N, each code lies under its own posterior only: then I may be larger by
any amount, the total correlation is no estimate any more, and the numbers say so. The upper bound
of `indicators` shows how far up I may be.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from vaekit.brief import brief_repr
from vaekit.data import Dataset
from vaekit.distributions import LOG_2PI, Density, DiagonalGaussian
from vaekit.faults import check_finite_values
from vaekit.information.aggregated.pairs import aggregate_of_any, aggregate_of_gaussians
from vaekit.information.encoding import depends_on_condition, drawing, encoded, rows_of
from vaekit.information.rates import Direction, Number, mean_number
from vaekit.model import Model

_SATURATED = 0.5  # nats below ln N: 1 code in e^½ or fewer lies under other posteriors too


@dataclass(frozen=True)
class Aggregate:
    """Hold log-densities in nats of one code for each of n examples, float64 on the CPU.

    `own` log q(z|x), `joint` log q(z), `prior` log p(z) or None, each (n,); `owns`, `marginals` and
    `priors` (n, H) are those of each coordinate, None where a distribution does not know them.
    """

    own: Tensor
    joint: Tensor
    prior: Tensor | None
    owns: Tensor | None
    marginals: Tensor | None
    priors: Tensor | None

    __repr__ = brief_repr

    @property
    def ceiling(self) -> float:
        """Return ln N, which I(x; z) of N examples cannot exceed."""
        return math.log(len(self.own))

    @property
    def saturated(self) -> bool:
        """Tell whether I stands within half a nat of ln N, where it is a mere bound."""
        return self.ceiling - self.information < _SATURATED

    @property
    def rate(self) -> float | None:
        """Return R by the same codes: information + total correlation + dimension-wise KL."""
        return _mean_difference(self.own, self.prior)

    @property
    def information(self) -> float:
        """Return I(x; z)."""
        return float((self.own - self.joint).mean())

    @property
    def total_correlation(self) -> float | None:
        """Return KL(q(z)‖Π_h q(z_h))."""
        return _mean_difference(self.joint, _over_coordinates(self.marginals))

    @property
    def dimension_wise_kl(self) -> float | None:
        """Return E[Σ_h log q(z_h) − log p(z)], Σ_h KL(q(z_h)‖p(z_h)) for a factorised prior."""
        return _mean_difference(_over_coordinates(self.marginals), self.prior)

    @property
    def aggregate_kl(self) -> float | None:
        """Return KL(q(z)‖p(z))."""
        return _mean_difference(self.joint, self.prior)

    @property
    def informations(self) -> Tensor | None:
        """Return I(x; z_h) of each coordinate, (H,)."""
        return _means(self.owns, self.marginals)

    @property
    def dimension_wise_kls(self) -> Tensor | None:
        """Return KL(q(z_h)‖p(z_h)) of each coordinate, (H,)."""
        return _means(self.marginals, self.priors)

    def numbers(self) -> dict[str, Number]:
        """Return each with its direction; standard errors are over the draws, q(z) held fixed."""
        n, top = len(self.own), f"ln N = {self.ceiling:.2f}"
        how = f"one z each, q(z) over all {n:,} examples, own included"
        numbers = {
            "information": mean_number(
                self.own - self.joint,
                f"lower bound on I(x; z), at most {top}: mean of log q(z|x) − log q(z); {how}"
                + ("; it is near that, so I may be much larger" if self.saturated else ""),
                direction="lower bound",
            )
        }
        marginal = _over_coordinates(self.marginals)
        if marginal is not None:
            bad = "mostly error, as I is near ln N" if self.saturated else "rather too large"
            text = f"mean of log q(z) − Σ_h log q(z_h); {how}; {bad}"
            numbers["total_correlation"] = mean_number(self.joint - marginal, text)
        apart, whole = "upper bound on Σ_h KL(q(z_h)‖p(z_h)): ", "upper bound on KL(q(z)‖p(z)): "
        side: Direction = "upper bound"
        if self.priors is None:  # the number then also holds what the prior ties together
            apart = "no divergence, as the coordinates are dependent under the prior: "
            side = "consistent"
        upper: tuple[tuple[str, Tensor | None, str, str, Direction], ...] = (
            ("dimension_wise_kl", marginal, apart, "Σ_h log q(z_h)", side),
            ("aggregate_kl", self.joint, whole, "log q(z)", "upper bound"),
        )
        for name, left, what, formula, direction in upper:
            if left is not None and self.prior is not None:
                text = f"{what}mean of {formula} − log p(z); {how}"
                numbers[name] = mean_number(left - self.prior, text, direction=direction)
        return numbers


@torch.no_grad()
def aggregate(model: Model, data: Dataset, n: int = 10_000, seed: int = 0) -> Aggregate:
    """Estimate I(x; z), total correlation and KLs of q(z) from up to `n` examples, all pairs.

    Costs n²·H exponentials: 10 000 examples of 128 latents take about 15 s of one processor. For a
    conditional model an example is x with its condition; a prior p(z|c) is no p(z), so what needs
    one is None. Raises `VaekitError` for a deterministic code, codes that are not finite, n < 1.
    """
    rows = rows_of(model, data, n)
    parts = list(encoded(model, data, rows))
    with drawing(seed):
        gaussians = [part.q for part in parts if isinstance(part.q, DiagonalGaussian)]
        if len(gaussians) == len(parts):
            z, owns, joint, marginals = _gaussian(gaussians)
            own = owns.sum(1)
        else:
            z = torch.cat([part.q.rsample() for part in parts])
            own, owns = _known([part.q for part in parts], z)
            joint, marginals = aggregate_of_any(z, [part.q for part in parts])
    prior, priors = None, None
    p = parts[0].prior
    if p is not None and not depends_on_condition(p):
        prior, priors = _known([p], z.to(parts[0].q.mean))
    own, joint = own.double().cpu(), joint.double().cpu()
    more = [None if t is None else t.double().cpu() for t in (prior, owns, marginals, priors)]
    check_finite_values(model, data, rows, "the information", own, joint, *more)
    return Aggregate(own, joint, *more)


def _gaussian(posteriors: Sequence[DiagonalGaussian]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Draw z and return it with log q(z_h|x), log q(z) and log q(z_h), float64 throughout."""
    mean = torch.cat([q.mean for q in posteriors])
    log_std = torch.cat([q.log_std for q in posteriors])
    if mean.device.type == "mps":  # knows no float64
        mean, log_std = mean.cpu(), log_std.cpu()
    q = DiagonalGaussian(mean.double(), log_std.double())
    # Drawn on the CPU: the same codes on every device, however the set was cut into chunks.
    noise = torch.randn(mean.shape, dtype=torch.float64).to(mean.device)
    z = torch.addcmul(q.mean, noise, q.std)
    owns = -0.5 * (noise.square() + LOG_2PI) - q.log_std
    return z, owns, *aggregate_of_gaussians(z, q)


def _known(distributions: Sequence[Density], z: Tensor) -> tuple[Tensor, Tensor | None]:
    """Return log-densities (n,) and, where known, by coordinate (n, H), of codes in chunks."""
    sizes = [d.batch_shape[0] if d.batch_shape else len(z) for d in distributions]
    pairs = list(zip(distributions, z.split(sizes), strict=True))
    whole = torch.cat([d.log_prob(part).double() for d, part in pairs])
    if not all(d.independent for d in distributions):
        return whole, None
    return whole, torch.cat([d.log_prob_by_coordinate(part).double() for d, part in pairs])


def _over_coordinates(parts: Tensor | None) -> Tensor | None:
    return None if parts is None else parts.sum(1)


def _mean_difference(a: Tensor | None, b: Tensor | None) -> float | None:
    return None if a is None or b is None else float((a - b).mean())


def _means(a: Tensor | None, b: Tensor | None) -> Tensor | None:
    return None if a is None or b is None else (a - b).mean(0)
