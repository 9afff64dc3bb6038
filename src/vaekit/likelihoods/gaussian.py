"""The Gaussian likelihood, p(x|z) = N(x; G(z), σ² I), its one σ² fixed or learned ([noise] §3.3.1).

Squared error is this likelihood at σ² = ½: −log p(x|z) = ‖x − G(z)‖² + (D/2) ln π. In a β-VAE of
fixed noise only the normalised variance β·σ² matters to the optimum ([noise] footnote 4).

The best σ² for given residuals is their mean square, σ² = Σ ‖x − G(z)‖² / (D·M·L) over the M
examples and L samples of a batch. There ∂/∂σ² = 0, so that the gradient of the objective in G is
that with σ² held still.
"""

import math

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from vaekit.averages import over_processes
from vaekit.distributions import GaussianEntries
from vaekit.errors import nearest
from vaekit.likelihoods.base import (
    FLOOR,
    Likelihood,
    at_floor,
    check_noise,
    first_sigma,
    limited,
)

LEARNED = ("no", "batch", "average", "gradient")


class Gaussian(Likelihood):
    """Read the network's output (batch, *shape) as G(z), with standard deviation `sigma` > 0.

    `learned` says how σ comes about: `no` holds it; `batch` takes the best of each batch;
    `average` takes the mean square residual, averaged over batches with weights that fall by
    `decay` (0 is `batch`); `gradient` trains ln σ with the networks, from `sigma` on. A learned σ²
    stays above `floor` and begins there twice as high at least. Raises `VaekitError` for numbers
    that are no noise.
    """

    log_std: Tensor
    squares: Tensor
    weight: Tensor

    def __init__(
        self,
        network: nn.Module,
        sigma: float = 0.1,
        learned: str | bool = "no",
        decay: float = 0.9,
        floor: float = FLOOR,
    ):
        super().__init__()
        if isinstance(learned, bool):
            learned = "average" if learned else "no"
        if learned not in LEARNED:
            raise nearest(str(learned), LEARNED, "way to learn sigma")
        check_noise("a Gaussian likelihood", sigma, decay, floor)
        self.network, self.learned, self.floor = network, learned, floor
        self.learns = learned != "no"
        sigma = first_sigma(sigma, floor) if self.learns else sigma
        self.decay = 0.0 if learned == "batch" else decay
        if learned == "gradient":
            self.free = nn.Parameter(torch.tensor(0.5 * math.log(sigma**2 - floor)))
        else:
            self.register_buffer("log_std", torch.tensor(math.log(sigma)))
        if learned in ("batch", "average"):
            self.register_buffer("squares", torch.zeros(()))
            self.register_buffer("weight", torch.zeros(()))

    def forward(self, z: Tensor, c: Tensor | None = None) -> GaussianEntries:
        """Return N(G(z), σ² I)."""
        mean = self.decode(z, c)
        return GaussianEntries(mean, self._log_std(), mean.dim() - z.dim() + 1)

    def _log_std(self) -> Tensor:
        if self.learned != "gradient":
            return self.log_std
        return 0.5 * ((2 * self.free).exp() + self.floor).log()

    @torch.no_grad()
    def maximise(self, x: Tensor, p: Distribution) -> None:
        """Set σ² to the mean square of the residuals of a batch, or of recent ones."""
        if self.learned in ("batch", "average"):
            now, kept = over_processes((x - p.mean).square().mean()), self.kept(len(x))
            self.squares.mul_(kept).add_((1 - kept) * now)
            self.weight.mul_(kept).add_(1 - kept)
            self.log_std.copy_(0.5 * (self.squares / self.weight).clamp_min(self.floor).log())

    @torch.no_grad()
    def settle(self, squares: Tensor) -> None:
        """Set σ² to the mean of r² (n,)."""
        variance = squares.double().mean()
        if self.learned == "gradient":
            self.free.copy_(0.5 * (variance - self.floor).clamp_min(1e-12).log())
        else:
            self.log_std.copy_(0.5 * variance.clamp_min(self.floor).log())

    def noise(self) -> dict[str, float]:
        """Return σ²."""
        return {"noise_variance": float((2 * self._log_std().detach()).exp())}

    def warning(self) -> str:
        """Say where a learned variance is at its floor."""
        if not (self.learns and at_floor(self.noise()["noise_variance"], self.floor)):
            return ""
        return limited("the variance of the noise", self.floor)


def squared_error(network: nn.Module) -> Gaussian:
    """Build the Gaussian likelihood whose −log p is ‖x − G(z)‖² + (D/2) ln π, that is σ² = ½."""
    return Gaussian(network, sigma=math.sqrt(0.5))
