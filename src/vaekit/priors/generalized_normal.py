"""The generalised normal prior of ICA, p(z) ∝ Π_j exp(−|z_j|^p / s) ([isa] §3.1)."""

import math

from torch import Tensor

from vaekit.arguments import check_latent
from vaekit.distributions.coordinates import GeneralizedNormals, log_variance
from vaekit.priors.base import Prior
from vaekit.priors.exponents import RATE, Exponents, check_prior_scale


class GeneralizedNormal(Prior):
    """Give independent coordinates of density ∝ exp(−|z|^p / scale).

    p < 2 has heavy tails and a peak (leptokurtic), p > 2 light ones (platykurtic), p = 2 with
    scale 2 is the standard normal. `unit_variance` puts the scale that p wants in place of `scale`.
    With `learned` every coordinate has an exponent of its own, which begins at p and stays above
    1; its learning rate is `rate`. Raises `VaekitError` for numbers that are no prior.
    """

    def __init__(
        self,
        latent: int,
        p: float = 1.5,
        scale: float = 1.0,
        learned: bool = False,
        unit_variance: bool = False,
        rate: float = RATE,
    ):
        super().__init__()
        self.latent, self.scale = check_latent(latent), check_prior_scale(scale, unit_variance)
        self.unit_variance = unit_variance
        self.exponents = Exponents([p] * latent, [learned] * latent, rate)

    def forward(self, c: Tensor | None = None) -> GeneralizedNormals:
        """Return the prior, for any c."""
        p = self.exponents()
        log_scale = -0.5 * log_variance(p) if self.unit_variance else math.log(self.scale) / p
        return GeneralizedNormals(p, log_scale)

    def learned_numbers(self) -> dict[str, float]:
        """Return the learned exponents of the coordinates."""
        return self.exponents.numbers()
