"""Noise that the decoder predicts, p(x|z) = N(x; G(z), diag σ²(z)) ([noise] §3.3.3).

Nothing holds σ²(z) from below: where an entry is always the same, as the border of a digit, its
likelihood grows without bound as σ → 0, and then a small error costs more than a float can hold.
Hence the floor. From above the likelihood itself holds it: −ln p grows with ln σ, at ½ for each
unit of ln σ², and the logarithm is all that is computed of a wide one.
"""

import math

import torch
from torch import Tensor, nn
from torch.distributions import Distribution
from torch.nn import functional as F

from vaekit.distributions import GaussianEntries
from vaekit.likelihoods.base import FLOOR, NEAR, Likelihood, check_noise, limited

FAR_RESIDUAL = 30.0  # σ's, root mean square; data in [0, 1] are at most 10 of the usual `sigma` off
MANY = 0.5  # share of entries at the floor from which it is worth a word


class NetworkGaussian(Likelihood):
    """Read the first half of the network's output (batch, 2 C, …) as G(z), the second as ln σ²(z).

    The second half is ln of what σ² has above `floor`, in units of `sigma`²: give `sigma` the size
    of the residuals where entries are not about 1. A floor of 0 leaves σ² free, which is known to
    be unstable. Raises `VaekitError` for numbers that are no noise.
    """

    heads, learns = 2, True
    low: Tensor
    misfit: Tensor

    def __init__(self, network: nn.Module, sigma: float = 0.1, floor: float = FLOOR):
        super().__init__()
        check_noise("a network's Gaussian", sigma, 0.0, floor)
        self.network, self.sigma, self.floor = network, sigma, floor
        self.register_buffer("low", torch.zeros(()), persistent=False)
        self.register_buffer("misfit", torch.zeros(()), persistent=False)
        self.advice = (
            f"the variance head σ²(z) has a floor of {floor:g}; set a larger one, floor=1e-3 or so"
        )

    def forward(self, z: Tensor, c: Tensor | None = None) -> GaussianEntries:
        """Return N(G(z), diag σ²(z))."""
        mean, raw = self.decode_heads(z, c)
        raw = raw + 2 * math.log(self.sigma)
        if self.floor:  # ln(e^raw + floor), which no raw overflows
            least = math.log(self.floor)
            raw = F.softplus(raw - least) + least
        return GaussianEntries(mean, 0.5 * raw, mean.dim() - z.dim() + 1)

    @torch.no_grad()
    def maximise(self, x: Tensor, p: Distribution) -> None:
        """Note for `warning` how σ² stood to the first r², and stands to the floor: no M-step."""
        assert isinstance(p, GaussianEntries)
        now = ((x - p.mean) * (-p.log_std).exp()).square().mean()
        self.misfit.copy_(torch.where(self.misfit == 0, now, self.misfit))
        if self.floor:
            self.low.copy_(self.share_at_floor(p))

    def share_at_floor(self, p: GaussianEntries) -> Tensor:
        """Return the share of entries whose σ²(z) has nothing but the floor left, to a percent."""
        return (p.log_std <= 0.5 * math.log(NEAR * self.floor)).float().mean()

    def warning(self) -> str:
        """Say where σ² began far below r², or is at the floor in most entries of a batch."""
        share, times = float(self.low), float(self.misfit.sqrt())
        if times > FAR_RESIDUAL:
            return (
                f"the first residuals were {times:.0f} times σ(z), too far for the variance head: "
                f"set sigma to {self.sigma * times:.1g} or so, or scale the data down"
            )
        return limited(f"σ² of {share:.0%} of the entries", self.floor) if share > MANY else ""
