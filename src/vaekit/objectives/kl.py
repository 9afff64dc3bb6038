"""The rate, KL(q(z|x)‖p(z)), the rate held at a target, and the rate below a bound.

    β KL               the rate itself (Higgins et al. 2017, eq. 4)
    γ |KL − C(t)|      a capacity C that grows (Burgess et al. 2018, eq. 8; [vmi] eq. 3.19)
    β |R0 − KL|        a constant target ([vimae] eq. 4)
    β (KL − δ)         a bound, β its multiplier (Higgins et al. 2017, eq. 3; [survey] §4.3)

KL is the mean over the batch, and the bars go around it: the mean of |KL_i − C| over examples would
ask of each example what is meant of all together.

A category of K cannot tell more than ln K: of a uniform prior its rate is ln K − H(π) at most, and
a target above would be missed for ever, while its weight pulls at the logits.

**A bound**: max E log p(x|z) where KL ≤ δ has the Lagrangian −log p(x|z) + β (KL − δ), β ≥ 0. A
β-VAE takes β as a number, and the rate that it gives; here δ is the number and β is found, as by
GECO (Rezende & Viola 2018, algorithm 1), which bounds the reconstruction in the same way. After
every step, with r the KL of its batch,

    r̄ ← a r̄ + (1 − a) r                 ln β ← ln β + s · min(r̄/δ − 1, 1)

so that β grows while the rate is above δ, falls while it is below, and changes by the share s at
most in a step. At rest the rate is δ, or the bound is slack and β stands at its floor .001, which
is next to nothing: from less it would take long to come back.
"""

import math

import torch
from torch import Tensor, nn

from vaekit.arguments import check
from vaekit.averages import over_processes
from vaekit.distributions import Categories, Density
from vaekit.distributions.divergences import kl, kl_by_samples
from vaekit.distributions.product import block
from vaekit.errors import VaekitError
from vaekit.model import Pass
from vaekit.objectives.base import Term
from vaekit.schedules import Progress, Schedule, Weight, weight, weight_at

MULTIPLIERS = 1e-3, 1e6  # the least and the largest


class KL(Term):
    """Return KL(q(z|x)‖p(z)), averaged over the batch: analytic where known, else Monte Carlo.

    `analytic=False` asks for the Monte-Carlo form everywhere, and `path` for its gradient along
    the path of the sample alone, which has less noise (`vaekit.distributions.divergences`). `on`
    names a block of the code, of which the rate is then. Raises `VaekitError` for a model without
    a prior, a deterministic posterior, and a block that the code has not.
    """

    name: str

    def __init__(self, analytic: bool = True, path: bool = False, on: str | None = None):
        self.analytic, self.path, self.on = analytic, path, on
        self.name = "kl" if on is None else f"kl_{on}"

    def __call__(self, run: Pass) -> Tensor:
        """Return the rate in nats for one example."""
        divergence = kl if self.analytic else kl_by_samples
        return divergence(*self.chosen(run), self.path).mean()

    def chosen(self, run: Pass) -> tuple[Density, Density, Tensor]:
        """Return q, p and z of the whole code, or of the block that `on` names."""
        if run.prior is None:
            raise VaekitError(
                "KL needs a prior: give the model one, for example prior=Normal(latent)"
            )
        parts = run.q, run.prior, run.z
        return parts if self.on is None else block(*parts, self.on)


class RateTarget(nn.Module, Term):
    """Return |KL(q(z|x)‖p(z)) − C(t)|, the KL averaged over the batch, C a number or a schedule.

    The loop moves C with `set_progress`; by itself it has its last value. Raises as `KL` does, and
    `VaekitError` for a C below 0, not finite, above ln K for one of K categories (in the first
    step, which shows K), or that would outlast the training. The distance does not tell on which
    side the rate is, so `rate` and `target` are read beside it.
    """

    name: str

    def __init__(self, target: Weight, analytic: bool = True, on: str | None = None):
        super().__init__()
        self.schedule, self.rate = weight(target), KL(analytic, on=on)
        of = "" if on is None else f"_{on}"
        self.name, self.readings = f"rate_off_target{of}", (f"rate{of}", f"target{of}")
        last = self.schedule.end if isinstance(self.schedule, Schedule) else self.schedule
        # A tensor, so that a compiled step reads it in place of being compiled for every value.
        self.register_buffer("target", torch.tensor(float(last)), persistent=False)
        self.target: Tensor

    def set_progress(self, progress: Progress) -> None:
        """Move C to its value at this point; raise `VaekitError` where it would not finish."""
        if isinstance(self.schedule, Schedule):
            self.schedule.check(progress)
        self.target.fill_(weight_at(self.schedule, progress))

    def forward(self, run: Pass) -> Tensor:
        """Return the distance in nats for one example."""
        self._check(self.rate.chosen(run)[0])
        return (run.once(self.rate) - self.target).abs()

    def read(self, run: Pass) -> list[Tensor]:
        """Return the rate and its target in nats."""
        return [run.once(self.rate).detach(), self.target]

    def _check(self, q: Density) -> None:
        """Raise `VaekitError` for a target that categories cannot reach; shapes alone are asked."""
        if not all(isinstance(part, Categories) for part in q.parts):
            return
        target, sizes = self.schedule, [part.event_shape[-1] for part in q.parts]
        most = max(target.start, target.end) if isinstance(target, Schedule) else target
        if most > (top := sum(map(math.log, sizes))):
            said = " · ".join(map(str, sizes))
            raise VaekitError(
                f"a rate of {most:g} nats is asked of {said} categories, which have ln {said} = "
                f"{top:.3f} at most: set the target to that or less"
            )


class RateConstraint(nn.Module, Term):
    """Return β (KL(q(z|x)‖p(z)) − δ), the KL averaged over the batch, δ = `rate` in nats.

    β begins at 1, a VAE's; training changes it by the share `speed` of a step at most, by the mean
    rate with the decay `average`. `rate` and `multiplier` are read beside it. Raises as `KL` does,
    and `VaekitError` for a rate that is not finite and > 0, a speed outside (0, 1) and an average
    outside [0, 1).
    """

    name: str
    log_multiplier: Tensor
    recent: Tensor  # r̄ in nats

    def __init__(
        self,
        rate: float,
        speed: float = 0.01,
        average: float = 0.9,
        analytic: bool = True,
        on: str | None = None,
    ):
        super().__init__()
        for name, value in (("rate", rate), ("speed", speed), ("average", average)):
            check(name, value, float)
        if not 0 < rate < math.inf:
            raise VaekitError(f"a bound on the rate is a finite number > 0, got rate={rate}")
        if not 0 < speed < 1:
            raise VaekitError(
                f"speed, the most that a step changes the multiplier, is in (0, 1), got {speed}"
            )
        if not 0 <= average < 1:
            raise VaekitError(f"average, a decay, must be in [0, 1), got {average}")
        self.bound, self.speed, self.average = rate, speed, average
        self.rate = KL(analytic, on=on)
        of = "" if on is None else f"_{on}"
        self.name, self.readings = f"rate_constraint{of}", (f"rate{of}", f"multiplier{of}")
        self.register_buffer("log_multiplier", torch.tensor(0.0))
        self.register_buffer("recent", torch.tensor(float(rate)))

    def forward(self, run: Pass) -> Tensor:
        """Return what the bound adds to the Lagrangian, in nats for one example."""
        return self.log_multiplier.exp() * (run.once(self.rate) - self.bound)

    def read(self, run: Pass) -> list[Tensor]:
        """Return the rate in nats, and the multiplier."""
        return [run.once(self.rate).detach(), self.log_multiplier.exp()]

    def adapt(self, run: Pass) -> None:
        """Raise the multiplier where the rate is above its bound, lower it where it is below."""
        rate = over_processes(run.once(self.rate).detach())
        self.recent.mul_(self.average).add_((1 - self.average) * rate)
        above = (self.recent / self.bound - 1).clamp_max(1)
        self.log_multiplier.add_(self.speed * above).clamp_(*map(math.log, MULTIPLIERS))
