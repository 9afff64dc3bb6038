"""Noise of several kinds at once, p(x_d|z) = Σ_k π_k N(x_d; G_d(z), σ_k²) ([noise] §3.3.2).

Each entry of each example has noise of one of K widths, and which one is unknown: pixels that a
decoder explains to the last digit stand beside others that it cannot. Theory in
`vaekit.distributions.residuals`.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from vaekit.averages import over_processes
from vaekit.distributions import MixtureEntries, residuals
from vaekit.distributions.residuals import LEAST_SHARE, Components, Moments
from vaekit.errors import VaekitError, nearest
from vaekit.likelihoods.base import (
    FLOOR,
    Likelihood,
    at_floor,
    check_noise,
    first_sigma,
    limited,
)

MOST_COMPONENTS = 100  # components: each is as many numbers as the batch has entries
ALIKE = 1.01  # times a σ² up to which another is the same
DEAD_SHARE = 1e-4  # share below which a component counts as dead
LEARNED_BY = ("em", "gradient")


class GaussianMixture(Likelihood):
    """Read the network's output (batch, *shape) as G(z), with noise of `components` widths.

    `learned` says how σ_k² and π_k come about: `em` by one E- and M-step a batch, on statistics
    averaged over batches with weights that fall by `decay` (0: those of the batch alone, as in
    [noise]); `gradient` trains ln σ_k and the logits of π with the networks. `sigma` is the middle
    of the first σ_k, or larger where `floor` asks for it; σ_k² stays above `floor`, π_k above
    1e-6. Raises `VaekitError` for numbers that are no noise.
    """

    learns = True
    log_std: Tensor
    log_share: Tensor
    share: Tensor
    square: Tensor

    def __init__(
        self,
        network: nn.Module,
        components: int = 2,
        sigma: float = 0.1,
        learned: str = "em",
        decay: float = 0.9,
        floor: float = FLOOR,
    ):
        super().__init__()
        if learned not in LEARNED_BY:
            raise nearest(str(learned), LEARNED_BY, "way to learn a mixture")
        whole = isinstance(components, int) and not isinstance(components, bool)
        if not (whole and 1 <= components <= MOST_COMPONENTS):
            raise VaekitError(
                f"a mixture needs a whole number of components from 1 to {MOST_COMPONENTS}, "
                f"got components={components!r}"
            )
        check_noise("a mixture", sigma, decay, floor)
        self.network, self.components, self.learned = network, components, learned
        self.decay, self.floor = decay, floor
        first = residuals.start_mixture(first_sigma(sigma, floor, residuals.SPAN), components)
        if learned == "gradient":
            self.free = nn.Parameter(0.5 * ((2 * first.log_std).exp() - floor).log())
            self.logits = nn.Parameter(torch.zeros(components))
        else:
            self.register_buffer("log_std", first.log_std)
            self.register_buffer("log_share", first.log_share)
            self.register_buffer("share", torch.zeros(components))
            self.register_buffer("square", torch.zeros(components))

    def forward(self, z: Tensor, c: Tensor | None = None) -> MixtureEntries:
        """Return the mixture around G(z)."""
        mean = self.decode(z, c)
        return MixtureEntries(mean, *self.mixture(), mean.dim() - z.dim() + 1)

    def mixture(self) -> Components:
        """Return ln σ_k and ln π_k as they are."""
        if self.learned == "em":
            return Components(self.log_std, self.log_share)
        log_std = 0.5 * ((2 * self.free).exp() + self.floor).log()
        share = self.logits.softmax(0) * (1 - self.components * LEAST_SHARE) + LEAST_SHARE
        return Components(log_std, share.log())

    @torch.no_grad()
    def maximise(self, x: Tensor, p: Distribution) -> None:
        """Take an E-step and an M-step on the residuals of a batch."""
        if self.learned == "em":
            own = residuals.moments((x - p.mean).square(), self.mixture())
            now, kept = Moments(*over_processes(torch.stack(own))), self.kept(len(x))
            self.share.mul_(kept).add_(now.share, alpha=1 - kept)
            self.square.mul_(kept).add_(now.square, alpha=1 - kept)
            best = residuals.maximised(Moments(self.share, self.square), self.floor)
            self.log_std.copy_(best.log_std)
            self.log_share.copy_(best.log_share)

    @torch.no_grad()
    def settle(self, squares: Tensor) -> None:
        """Fit σ_k² and π_k to r² (n,) by EM to convergence."""
        best, self.settled = residuals.converged(squares, self.components, self.floor)
        if self.learned == "em":
            self.log_std.copy_(best.log_std)
            self.log_share.copy_(best.log_share)
        else:
            above = ((2 * best.log_std).exp() - self.floor).clamp_min(1e-12)
            self.free.copy_(0.5 * above.log())
            self.logits.copy_(best.log_share)

    def noise(self) -> dict[str, float]:
        """Return σ_k² and π_k of every component k."""
        log_std, log_share = (t.detach() for t in self.mixture())
        numbers = {}
        for k in range(self.components):
            numbers[f"noise_variance_{k}"] = float((2 * log_std[k]).exp())
            numbers[f"noise_share_{k}"] = float(log_share[k].exp())
        return numbers

    def _twins(self, dead: list[int]) -> list[tuple[int, int]]:
        """List pairs of living components whose σ² agree to a percent, above the floor."""
        variances = (2 * self.mixture().log_std).exp().tolist()
        alive = [k for k in range(self.components) if k not in dead]
        order = sorted(alive, key=lambda k: variances[k])
        return [
            (min(a, b), max(a, b))
            for a, b in pairwise(order)
            if variances[b] <= ALIKE * variances[a] and not at_floor(variances[b], self.floor)
        ]

    def warning(self) -> str:
        """Name the components that have died, those that are one, and those at the floor."""
        log_std, log_share = self.mixture()
        dead = [k for k, v in enumerate(log_share.exp().tolist()) if v < DEAD_SHARE]
        low = [k for k, v in enumerate((2 * log_std).exp().tolist()) if at_floor(v, self.floor)]
        said = []
        if dead and self.components > 1:
            said.append(
                f"component {_comma_list(dead)} of the noise mixture has died (π < {DEAD_SHARE:g})"
                f": the residuals need fewer than {self.components} components, or a smaller floor"
            )
        said += [
            f"components {a} and {b} of the noise mixture have the same σ² and are one: the "
            f"residuals need fewer than {self.components} components"
            for a, b in self._twins(dead)
        ]
        low = [k for k in low if k not in dead]
        if low:
            said.append(
                limited(f"the variance of component {_comma_list(low)} of the noise", self.floor)
            )
        return "; ".join(said)


def _comma_list(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers))
