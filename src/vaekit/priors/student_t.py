"""The Student-t prior: independent coordinates whose tails fall as a power of z.

    p(z) = Γ((ν + 1)/2) / (Γ(ν/2) √(νπ) s) · (1 + (z/s)²/ν)^{−(ν + 1)/2}      Var z = s² ν/(ν − 2)

of ν degrees of freedom and scale s. The ratio of the two Γ is taken beforehand in double precision,
and by its series for large ν, where the difference of their logarithms would have no digit left.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.distributions import StudentT as StudentLaw

from vaekit.arguments import check, check_latent
from vaekit.distributions.base import Factorised
from vaekit.distributions.coordinates import log_size
from vaekit.distributions.student_t import log_ratio_of_gammas
from vaekit.errors import VaekitError
from vaekit.priors.base import Prior


class StudentTs(Factorised):
    """Describe independent Student-t coordinates by `df`, `scale` and ln p(0), each (H,)."""

    def __init__(self, df: Tensor, scale: Tensor, log_peak: Tensor):
        self.df, self.scale, self.log_peak = df, scale, log_peak
        self._law = StudentLaw(df, torch.zeros_like(scale), scale, validate_args=False)
        super().__init__(df, scale, log_peak)

    @property
    def mean(self) -> Tensor:
        """Return zeros, (H,): the middle, also where df ≤ 1 leaves no mean."""
        return torch.zeros_like(self.scale)

    @property
    def variance(self) -> Tensor:
        """Return s² ν/(ν − 2), (H,), infinite for ν ≤ 2."""
        finite = self.scale.square() * self.df / (self.df - 2)
        return finite.where(self.df > 2, torch.full_like(finite, math.inf))

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw samples, (*sample_shape, H)."""
        return self._law.rsample(torch.Size(sample_shape))

    def log_prob_by_coordinate(self, value: Tensor) -> Tensor:
        """Return the log-density of every coordinate, same shape as `value`."""
        log_square = 2 * log_size(value / self.scale) - self.df.log()
        tail = torch.logaddexp(log_square, torch.zeros_like(log_square))  # ln(1 + z²/νs²)
        return self.log_peak - 0.5 * (self.df + 1) * tail


class StudentT(Prior):
    """Give independent coordinates p(z) ∝ (1 + (z/scale)²/df)^{−(df + 1)/2}.

    As `df`, the degrees of freedom, grow, it becomes the normal; its variance is infinite for
    df ≤ 2. `unit_variance` puts the scale of variance 1, √(1 − 2/df), in place of `scale`. Raises
    `VaekitError` for latent < 1, and for df and scales that are none.
    """

    df: Tensor
    scale: Tensor
    log_peak: Tensor

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
        log_peak = log_ratio_of_gammas(df / 2) - 0.5 * math.log(df * math.pi) - math.log(own)
        for name, value in (("df", df), ("scale", own), ("log_peak", log_peak)):
            self.register_buffer(name, torch.full((latent,), float(value)), persistent=False)

    def forward(self, c: Tensor | None = None) -> StudentTs:
        """Return the prior, for any c."""
        return StudentTs(self.df, self.scale, self.log_peak)
