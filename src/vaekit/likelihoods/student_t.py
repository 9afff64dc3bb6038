"""Student-t noise: tails as heavy as one says, so that what is far off counts by its logarithm."""

from torch import Tensor, nn
from torch import distributions as td

from vaekit.distributions.student_t import StudentTEntries
from vaekit.errors import VaekitError
from vaekit.likelihoods.base import ScaledNoise

LARGEST_DF = 1_000_000


class StudentT(ScaledNoise):
    """Read the network's output as G(z), with noise of Student's t, `df` degrees of freedom.

    (x − G)/scale has density ∝ (1 + t²/ν)^(−(ν + 1)/2): Gaussian for ν → ∞, heavy tails for small
    ν, which must be above 2, where the variance scale² ν/(ν − 2) ends. `scale` is to begin with
    where it is `learned`; a learned one stays above `floor`. Raises `VaekitError` for others.
    """

    def __init__(
        self,
        network: nn.Module,
        df: float = 4.0,
        scale: float = 0.1,
        learned: bool = True,
        floor: float = 1e-3,
    ):
        super().__init__(network, scale, learned, floor)
        number = isinstance(df, int | float) and not isinstance(df, bool)
        if not (number and 2 < df <= LARGEST_DF):
            raise VaekitError(
                f"student_t needs df > 2, for its variance, and up to {LARGEST_DF:,}, beyond which "
                f"it is gaussian, got df={df!r}"
            )
        self.df = float(df)

    def law(self, *heads: Tensor) -> td.Distribution:
        """Return Student-t(ν, G, scale)."""
        (location,) = heads
        return StudentTEntries(self.df, location, self.scale.expand_as(location))
