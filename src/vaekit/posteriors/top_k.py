"""The k-sparse code: all but the k largest entries of a linear code are zero.

Makhzani & Frey 2014, "k-Sparse Autoencoders", Algorithm 1: while training the k largest entries
pass, and gradients flow through those alone; at test time the α·k largest pass, α ≥ 1.
"""

import math

import torch
from torch import Tensor, nn

from vaekit.arguments import check_latent
from vaekit.distributions import PointMass
from vaekit.errors import VaekitError
from vaekit.posteriors.base import Posterior
from vaekit.schedules import Progress, Schedule, Weight, weight, weight_at


class TopK(Posterior):
    """Read the network's features (batch, latent) and keep the k largest of each example.

    `k` is a number or a schedule (k falling from large to small, their §4.2.1); the loop moves it
    with `set_progress`, and a model that is not being trained has the last value. Raises
    `VaekitError` for k that is not whole, below 1 or above latent, and for α < 1.
    """

    def __init__(self, network: nn.Module, latent: int, k: Weight, alpha: float = 1.0):
        super().__init__()
        self.network, self.latent, self.alpha = network, check_latent(latent), alpha
        self.schedule = weight(k)
        if isinstance(self.schedule, float | int):
            ends = [float(self.schedule)]
        else:
            ends = [self.schedule.start, self.schedule.end]
        for end in ends:
            if not (1 <= end <= latent and end == int(end)):
                raise VaekitError(
                    f"k must be a whole number from 1 to latent={latent}, got k={end:g}"
                )
        if not (math.isfinite(alpha) and alpha >= 1):
            raise VaekitError(f"alpha, the factor of k at test time, must be ≥ 1, got {alpha}")
        self.k = self.last = int(ends[-1])

    def set_progress(self, progress: Progress) -> None:
        """Move k to its value at this point of the training.

        Raises `VaekitError` for a schedule that would not finish within it.
        """
        if isinstance(self.schedule, Schedule):
            self.schedule.check(progress)
        self.k = round(weight_at(self.schedule, progress))

    def forward(self, x: Tensor, c: Tensor | None = None) -> PointMass:
        """Return the point mass at the k-sparse code of x (batch, *shape)."""
        code = self.features(x, c)
        k = self.k if self.training else min(round(self.alpha * self.last), self.latent)
        kept = code.topk(k, -1).indices
        return PointMass(code * torch.zeros_like(code).scatter_(-1, kept, 1.0))
