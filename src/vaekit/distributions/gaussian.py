"""Gaussians with independent coordinates, and the point mass: lean, ready for a training step.

They exist because composing `Independent(Normal(...))` in every step costs more than a small
network's arithmetic.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.distributions import Distribution, Normal

from vaekit.distributions.base import Factorised

LOG_2PI = math.log(2 * math.pi)


class DiagonalGaussian(Factorised):
    """Describe N(mean, diag(std²)) over the last dimension; `mean` and `log_std` are (..., H)."""

    def __init__(self, mean: Tensor, log_std: Tensor):
        self._mean, self.log_std = mean, log_std
        self.std = log_std.exp()
        super().__init__(mean, log_std)

    @property
    def univariate(self) -> Distribution:
        """Return N(mean, std²) of each coordinate."""
        return Normal(self._mean, self.std, validate_args=False)

    @property
    def mean(self) -> Tensor:
        """Return the mean, (..., H)."""
        return self._mean

    @property
    def variance(self) -> Tensor:
        """Return the variance of each coordinate, (..., H)."""
        return self.std * self.std

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw reparameterised samples, (*sample_shape, ..., H)."""
        shape = (*sample_shape, *self._mean.shape)
        noise = torch.randn(shape, device=self._mean.device, dtype=self._mean.dtype)
        return torch.addcmul(self._mean, noise, self.std)

    def log_prob_by_coordinate(self, value: Tensor) -> Tensor:
        """Return log N of every coordinate, same shape as `value`."""
        scaled = (value - self._mean) / self.std
        # One pass over what may be (samples, batch, batch, H), not five.
        return torch.addcmul(-0.5 * LOG_2PI - self.log_std, scaled, scaled, value=-0.5)


class StandardNormal(Factorised):
    """Describe N(0, 1) in independent coordinates, as many as `zeros` (H,) has."""

    def __init__(self, zeros: Tensor):
        super().__init__(zeros)

    @property
    def univariate(self) -> Distribution:
        """Return N(0, 1) for each coordinate."""
        return Normal(self.mean, self.variance, validate_args=False)

    @property
    def mean(self) -> Tensor:
        """Return zeros, (H,)."""
        return self.parameters[0]

    @property
    def variance(self) -> Tensor:
        """Return ones, (H,)."""
        return torch.ones_like(self.mean)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw samples, (*sample_shape, H)."""
        shape = (*sample_shape, *self.event_shape)
        return torch.randn(shape, device=self.mean.device, dtype=self.mean.dtype)

    def log_prob_by_coordinate(self, value: Tensor) -> Tensor:
        """Return log N(0, 1) of every coordinate, same shape as `value`."""
        return -0.5 * (value * value + LOG_2PI)


class PointMass(Factorised):
    """Put all mass on `value` (..., H): a deterministic code. It has samples and no density."""

    independent, deterministic = False, True

    def __init__(self, value: Tensor):
        super().__init__(value)

    @property
    def mean(self) -> Tensor:
        """Return the point, (..., H)."""
        return self.parameters[0]

    @property
    def variance(self) -> Tensor:
        """Return zeros, (..., H)."""
        return torch.zeros_like(self.mean)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Repeat the point, (*sample_shape, ..., H)."""
        return self.mean.expand(*sample_shape, *self.mean.shape)
