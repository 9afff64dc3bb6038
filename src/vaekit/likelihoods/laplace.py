"""Laplace noise: the mean absolute error, which a few large residuals do not rule."""

from torch import Tensor
from torch import distributions as td

from vaekit.likelihoods.base import ScaledNoise


class Laplace(ScaledNoise):
    """Read the network's output as the median G(z) of entries of density e^(−|x − G|/b) / 2b.

    `scale` is b, to begin with where it is `learned`; a learned one stays above `floor`. −log p is
    |x − G|/b + ln 2b, whose best G is a median. Raises `VaekitError` for scales that are none.
    """

    def law(self, *heads: Tensor) -> td.Distribution:
        """Return Laplace(G, b)."""
        (location,) = heads
        return td.Laplace(location, self.scale.expand_as(location), validate_args=False)
