"""Penalties on the covariance of codes (Kumar, Sattigeri & Balakrishnan 2018, DIP-VAE).

    DIP-VAE I    λ_od Σ_{g≠h} C_gh² + λ_d Σ_h (C_hh − 1)²    C = Cov_x[μ(x)]              (eq. 6)
    DIP-VAE II   the same                                     C = Cov_x[μ(x)] + E_x[Σ(x)]  (eq. 7)

C is the covariance of the means, or that of the codes themselves, over the batch: centred over
examples and divided by their number.
"""

import torch
from torch import Tensor

from vaekit.errors import VaekitError
from vaekit.model import Pass
from vaekit.objectives.base import Term


def covariance(run: Pass, of: str) -> Tensor:
    """Return the covariance (H, H) of the codes' means or, in closed form, of the codes."""
    centred = run.q.mean - run.q.mean.mean(0)
    matrix = centred.mT @ centred / len(centred)
    return matrix if of == "means" else matrix + run.q.variance.mean(0).diag()


class _Moments(Term):
    """Hold the covariance of `means` (DIP-VAE I) or of `samples` (II) against the identity."""

    part: str

    def __init__(self, of: str = "means"):
        if of not in ("means", "samples"):
            raise VaekitError(f"the covariance is of='means' or of='samples', got {of!r}")
        self.of, self.name = of, f"{self.part}_of_{of}"

    def covariance(self, run: Pass) -> Tensor:
        """Return the covariance of this pass, computed once, in float32 under bf16 too."""
        with torch.autocast(run.z.device.type, enabled=False):
            return run.once(covariance, self.of)


class Correlated(_Moments):
    """Return Σ_{g≠h} C_gh²: 0 where no two coordinates are correlated."""

    part = "off_diagonal"

    def __call__(self, run: Pass) -> Tensor:
        """Return the penalty."""
        matrix = self.covariance(run)
        return matrix.square().sum() - matrix.diagonal().square().sum()


class Spread(_Moments):
    """Return Σ_h (C_hh − 1)²: 0 where every coordinate has variance 1."""

    part = "diagonal"

    def __call__(self, run: Pass) -> Tensor:
        """Return the penalty."""
        return (self.covariance(run).diagonal() - 1).square().sum()
