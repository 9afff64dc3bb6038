"""The Student-t prior: independent coordinates whose tails fall as a power of z."""

import math

import torch
from torch import Tensor
from torch.distributions import StudentT as StudentLaw

from vaekit.arguments import check
from vaekit.distributions.base import Univariates
from vaekit.errors import VaekitError
from vaekit.priors.base import Prior, check_latent


class StudentT(Prior):
    """Give independent coordinates p(z) ∝ (1 + (z/scale)²/df)^{−(df + 1)/2}.

    As `df`, the degrees of freedom, grow, it becomes the normal; its variance is infinite for
    df ≤ 2. `unit_variance` puts the scale of variance 1, √(1 − 2/df), in place of `scale`. Raises
    `VaekitError` for latent < 1, and for df and scales that are none.
    """

    df: Tensor
    scale: Tensor

    def __init__(
        self, latent: int, df: float = 5.0, scale: float = 1.0, unit_variance: bool = False
    ):
        super().__init__()
        self.latent = check_latent(latent)
        check("unit_variance", unit_variance, bool)
        for name, value in (("df", df), ("scale", scale)):
            check(name, value, float)
            if not 0 < value < math.inf:
                raise VaekitError(f"a Student-t prior needs a finite {name} > 0, got {value}")
        if unit_variance and not (df > 2 and scale == 1):
            raise VaekitError(
                f"unit_variance sets the scale and needs df > 2, got df={df}, scale={scale}"
            )
        own = math.sqrt(1 - 2 / df) if unit_variance else float(scale)
        self.register_buffer("df", torch.full((latent,), float(df)), persistent=False)
        self.register_buffer("scale", torch.full((latent,), own), persistent=False)

    def forward(self, c: Tensor | None = None) -> Univariates:
        """Return the prior, for any c."""
        middle = torch.zeros_like(self.scale)
        return Univariates(StudentLaw(self.df, middle, self.scale, validate_args=False))
